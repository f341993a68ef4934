// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/object_store.h"
#include "common/status.h"
#include "launch/restore_state.h"
#include "launch/run_folder.h"
#include "proto/job.pb.h"

namespace skybridge::launch {

struct RestoreRequest {
  std::optional<uint32_t> round;  // Which checkpoint; nothing: the newest.
  std::string run_folder;         // As MakeRunFolder takes it.
  std::vector<std::string> set;   // Changes of the job, as ApplyOverride takes them.
  bool table_hash = false;        // As in RunState.
};

// Makes a run folder in which `skybridge run --resume` goes on from a checkpoint: rows and ledgers
// dealt to as many shards as the job now has, and a scheduler log that begins there. The checkpoint
// is verified once all else is in order, before anything is made of it, and stays as it is. One
// that was killed can be repeated with the same folder.
//
// Errors: kNotFound            there is no such checkpoint;
//         kAlreadyExists       the folder is not empty, or another process uses it;
//         kDataLoss            it is damaged: names the object;
//         kInvalidArgument     `set` changes what a checkpoint fixes: names the field;
//         kFailedPrecondition  another version made it, or the data files have changed;
//         kResourceExhausted   no room.
Result<RunFolder> RestoreRun(ObjectStore& store, const RestoreRequest& request, const Say& say);

// Errors: kInvalidArgument, naming the first field that differs, unless a job can go on as
// `wanted` from a checkpoint of `made`: only processes, memory, timeouts, checkpoints, and what
// comes after the training may differ.
Status CheckMayRestore(const job::Job& made, const job::Job& wanted);

}  // namespace skybridge::launch
