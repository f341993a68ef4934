// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "common/ids.h"
#include "common/object_store.h"
#include "common/status.h"
#include "launch/job_file.h"

namespace skybridge::launch {

// Where a job's checkpoints go: `checkpoint.path`, in a folder of this job alone; else `fallback`,
// which is absolute.
std::string CheckpointFolderOf(const LoadedJob& job, const JobId& id, const std::string& fallback);

// The store there, made if it is absent; null for a job without checkpoints.
// Errors: kInvalidArgument if neither the job nor `fallback` names a folder.
Result<std::unique_ptr<ObjectStore>> OpenCheckpoints(const LoadedJob& job, const JobId& id,
                                                     const std::string& fallback);

// The folder of the checkpoints that somebody means by `given`: it has them itself; or it is that
// of a run, which has them or whose job leads to them; or `checkpoint.path` names it, and one job
// has its own there. Errors: kNotFound: there are none; kInvalidArgument: those of several jobs are
// there, names them; those of LoadJob.
Result<std::string> FindCheckpoints(const std::string& given);

}  // namespace skybridge::launch
