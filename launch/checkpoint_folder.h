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

}  // namespace skybridge::launch
