// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/ids.h"
#include "common/status.h"
#include "env/file_lock.h"
#include "launch/open_job.h"
#include "launch/run_folder.h"
#include "launch/run_state.h"

namespace skybridge::launch {

// A run that can start, in a folder that is this process's alone.
struct PreparedRun {
  OpenJob job;
  RunFolder folder;
  env::FileLock lock;
  RunState state;
  bool resumed = false;
  Status lost;  // kStateLost: what it kept, as far as that is known.
};

// Who looks after the processes of a run.
enum class StartedBy { kRun, kHand };

// Makes the folder of a new run (see MakeRunFolder for `wanted`), with the job in it; BeginRun does
// the rest, once its state is known. Errors: those of BeginRunFolder;
// kInvalidArgument: there is nothing to train on, or pushes have no room; kAlreadyExists: there is
// an export where it will go.
Result<PreparedRun> NewRun(OpenJob job, const JobId& id, const std::string& wanted,
                           bool table_hash);

// From now on it is a run that can be resumed, and the latest. Repeats are harmless.
// Errors: those of WriteRunState.
Status BeginRun(const PreparedRun& run);

// Takes up a run that has not succeeded. Errors: kNotFound, kAlreadyExists: another process has it;
// kFailedPrecondition: it was not started so, or see ReadRunState; those of the job.
Result<PreparedRun> FormerRun(const std::string& path, StartedBy by);

// The end of a run that did not succeed, with where its logs are and, unless it is the job's own
// fault, how it goes on.
Status WithAdvice(const Status& status, const RunFolder& folder, StartedBy by);

}  // namespace skybridge::launch
