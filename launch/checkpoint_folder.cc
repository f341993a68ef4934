// SPDX-License-Identifier: Apache-2.0
#include "launch/checkpoint_folder.h"

#include <filesystem>

#include "env/folder_object_store.h"
#include "launch/cluster_config.h"
#include "launch/files.h"

namespace skybridge::launch {

std::string CheckpointFolderOf(const LoadedJob& job, const JobId& id, const std::string& fallback) {
  if (!job.job.checkpoint().has_path()) return fallback;
  const std::filesystem::path path(job.job.checkpoint().path());
  return AbsolutePath((std::filesystem::path(job.base) / path / JobIdText(id)).string());
}

Result<std::unique_ptr<ObjectStore>> OpenCheckpoints(const LoadedJob& job, const JobId& id,
                                                     const std::string& fallback) {
  if (!job.job.has_checkpoint()) return std::unique_ptr<ObjectStore>();
  const std::string folder = CheckpointFolderOf(job, id, fallback);
  if (folder.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "checkpoints of this job: which folder? Set checkpoint.path in the job to one "
                  "that all servers and the scheduler see");
  }
  SKY_ASSIGN_OR_RETURN(auto store, env::FolderObjectStore::Open(folder));
  return std::unique_ptr<ObjectStore>(std::move(store));
}

}  // namespace skybridge::launch
