// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "common/object_store.h"
#include "common/status.h"
#include "launch/open_job.h"
#include "launch/restore_state.h"
#include "launch/run_folder.h"

namespace skybridge::launch {

// Takes a run whose state is lost back to its newest sound checkpoint, in its own folder: stores
// and scheduler log are made anew beside the old ones, then take their place. One process that dies
// in between leaves the old state or the new one to be taken up by TidyRollback. No process of the
// run may live. Returns the checkpoint's round.
//
// Errors: kNotFound            there is no checkpoint that is sound;
//         kFailedPrecondition  they are of another job, or what RestoreState says;
//         kResourceExhausted   no room;
//         kUnavailable         a disk failed, or none is sound of those that could be read: as
//                              without room, what was lost is as lost as before, and a repeat may
//                              go back.
Result<uint32_t> RollBack(ObjectStore& store, const OpenJob& job, const JobId& id,
                          const RunFolder& folder, const Say& say);

// Whether one that failed so may succeed with room, or once the disk answers.
bool MayGoBackLater(const Status& error);

// Ends what a RollBack that died had begun. Call before anything in the folder is opened.
// Errors: those of the disk.
Status TidyRollback(const RunFolder& folder);

// How often a run may go back: a state that is lost again and again before the next checkpoint
// would be so for ever.
class RollbackLimit {
 public:
  static constexpr uint32_t kSameMax = 3;
  // It went back to this checkpoint. Errors: kStateLost if that is no way out.
  Status Note(uint32_t round);

 private:
  std::map<uint32_t, uint32_t> times_;
};

}  // namespace skybridge::launch
