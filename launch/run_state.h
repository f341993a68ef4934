// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/ids.h"
#include "common/status.h"
#include "launch/run_folder.h"

namespace skybridge::launch {

// What a run folder says about a run that has not succeeded yet, so that it can go on.
struct RunState {
  JobId job;
  std::string base;         // Absolute folder that relative paths of the job start from.
  std::string version;      // Of the binary that began it.
  bool table_hash = false;  // Asked for when it began.
  // Where the scheduler listens, if its cluster was started by hand; empty for `run`.
  std::string endpoint;
  // Made of a checkpoint, and no scheduler by hand has gone on with it: that and `run` both can.
  bool restored = false;
};

// Keeps it in the folder, durably. Errors: those of WriteFileDurably.
Status WriteRunState(const RunFolder& folder, const RunState& state);

// Errors: kNotFound            no run that could go on: says why;
//         kFailedPrecondition  another version began it, or the file makes no sense.
Result<RunState> ReadRunState(const RunFolder& folder);

// The run has succeeded: its stores and logs are not needed any more. Deletes the state first, so
// that no run goes on with half of them.
void ForgetRun(const RunFolder& folder);
// One that was stopped in the midst of that leaves the rest: deletes it, if the run has succeeded
// and nobody holds its folder.
void ForgetRest(const RunFolder& folder);

}  // namespace skybridge::launch
