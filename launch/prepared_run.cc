// SPDX-License-Identifier: Apache-2.0
#include "launch/prepared_run.h"

#include <utility>

#include <fmt/format.h>

#include "env/files.h"
#include "launch/commands.h"
#include "launch/local_run.h"
#include "launch/rollback.h"
#include "launch/scheduler_log.h"

namespace skybridge::launch {
namespace {

Status CheckStartedBy(const RunState& state, StartedBy by, const std::string& path) {
  const bool by_hand = !state.endpoint.empty();
  if (by_hand == (by == StartedBy::kHand)) return {};
  return {StatusCode::kFailedPrecondition,
          by_hand ? fmt::format("resume {}: its processes were started by hand: the scheduler goes "
                                "on with skybridge scheduler --resume",
                                path)
                  : fmt::format("resume {}: it goes on with skybridge run --resume", path)};
}

}  // namespace

Result<PreparedRun> NewRun(OpenJob job, const JobId& id, const std::string& wanted,
                           bool table_hash) {
  SKY_ASSIGN_OR_RETURN(const RunFolder folder, MakeRunFolder(wanted, job.loaded.job.name()));
  SKY_ASSIGN_OR_RETURN(env::FileLock lock, LockRunFolder(folder, Duration::zero()));
  SKY_RETURN_IF_ERROR(CheckNoExport(ExportFolderOf(job.loaded, folder)));
  SKY_RETURN_IF_ERROR(env::WriteFileDurably(folder.job_file(), JobText(job.loaded.job)));
  RunState state{
      .job = id, .base = job.loaded.base, .version = BinaryVersion(), .table_hash = table_hash};
  return PreparedRun{std::move(job), folder, std::move(lock), std::move(state)};
}

Result<PreparedRun> FormerRun(const std::string& path, StartedBy by) {
  SKY_ASSIGN_OR_RETURN(const RunFolder folder, FindRunFolder(path));
  SKY_RETURN_IF_ERROR(ReadRunState(folder).status());
  SKY_ASSIGN_OR_RETURN(env::FileLock lock, LockRunFolder(folder, kFormerRunMax));
  SKY_ASSIGN_OR_RETURN(RunState state, ReadRunState(folder));  // Its holder may have succeeded.
  SKY_RETURN_IF_ERROR(CheckStartedBy(state, by, folder.path));
  SKY_RETURN_IF_ERROR(TidyRollback(folder));
  const Status reopened = ReopenJob(folder.scheduler_folder());
  if (!reopened.ok() && reopened.code() != StatusCode::kStateLost) return reopened;
  SKY_ASSIGN_OR_RETURN(LoadedJob loaded, LoadJob({.path = folder.job_file(), .base = state.base}));
  SKY_ASSIGN_OR_RETURN(OpenJob job, OpenLoadedJob(std::move(loaded)));
  return PreparedRun{std::move(job), folder, std::move(lock), std::move(state), true, reopened};
}

}  // namespace skybridge::launch
