// SPDX-License-Identifier: Apache-2.0
#include "launch/checkpoint_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "env/folder_object_store.h"
#include "launch/cluster_config.h"
#include "launch/files.h"
#include "launch/join.h"
#include "launch/run_folder.h"
#include "launch/run_report.h"
#include "launch/run_state.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

bool HasCheckpoints(const std::string& folder) {
  std::error_code ignored;
  return fs::is_directory(folder + "/manifests", ignored);
}

// Where the job of a run keeps its checkpoints, or where all jobs with its `checkpoint.path` do;
// empty if that cannot be told of this folder.
Result<std::string> NamedByRun(const RunFolder& run) {
  std::error_code ignored;
  if (!fs::exists(run.job_file(), ignored)) return std::string();
  // A run that has succeeded does not know its base and its id any more; one that begins, not yet.
  const Result<RunState> state = ReadRunState(run);
  if (!state && !fs::exists(run.result_file(), ignored)) return std::string();
  SKY_ASSIGN_OR_RETURN(const LoadedJob job,
                       LoadJob({.path = run.job_file(), .base = state ? state->base : run.path}));
  if (state) return CheckpointFolderOf(job, state->job, "");
  const std::string& path = job.job.checkpoint().path();
  return fs::path(path).is_absolute() ? path : std::string();
}

// Those of each job that has some in this folder.
std::vector<std::string> FoldersOfJobs(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string path = it->path().string();
    if (ParseJobId(it->path().filename().string()) && HasCheckpoints(path)) found.push_back(path);
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

std::string CheckpointFolderOf(const LoadedJob& job, const JobId& id, const std::string& fallback) {
  if (!job.job.checkpoint().has_path()) return fallback;
  const fs::path path(job.job.checkpoint().path());
  return AbsolutePath((fs::path(job.base) / path / JobIdText(id)).string());
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

Result<std::string> FindCheckpoints(const std::string& given) {
  const RunFolder run{AbsolutePath(given)};
  for (const std::string& folder : {run.path, run.checkpoint_folder()}) {
    if (HasCheckpoints(folder)) return folder;
  }
  SKY_ASSIGN_OR_RETURN(const std::string named, NamedByRun(run));
  if (!named.empty() && HasCheckpoints(named)) return named;
  std::vector<std::string> folders = FoldersOfJobs(named.empty() ? run.path : named);
  if (folders.size() == 1) return folders[0];
  if (folders.empty()) {
    return Status(StatusCode::kNotFound,
                  fmt::format("{}: no checkpoints are there; name a run folder, or the folder that "
                              "`checkpoint.path` of the job leads to",
                              given));
  }
  std::ranges::transform(folders, folders.begin(), ShownPath);
  return Status(StatusCode::kInvalidArgument,
                fmt::format("{}: {} jobs have checkpoints there; name one of {}", given,
                            folders.size(), Join(folders, ", ")));
}

}  // namespace skybridge::launch
