// SPDX-License-Identifier: Apache-2.0
#include "launch/prepared_run.h"

#include <utility>

#include <fmt/format.h>

#include "env/files.h"
#include "launch/commands.h"
#include "launch/exit_code.h"
#include "launch/local_run.h"
#include "launch/memory_need.h"
#include "launch/push_size.h"
#include "launch/rollback.h"
#include "launch/run_report.h"
#include "launch/scheduler_log.h"

namespace skybridge::launch {
namespace {

// Now, not at the first clock.
Status CheckTrainable(const OpenJob& job) {
  SKY_ASSIGN_OR_RETURN(const PushSize push, MeasurePushes(job));
  SKY_RETURN_IF_ERROR(CheckHasBatches(job, push));
  return CheckRoomForPushes(job.loaded.job, push);
}

Status CheckStartedBy(const RunState& state, StartedBy by, const std::string& path) {
  const bool by_hand = !state.endpoint.empty();
  if (state.restored || by_hand == (by == StartedBy::kHand)) return {};
  return {StatusCode::kFailedPrecondition,
          by_hand ? fmt::format("resume {}: its processes were started by hand: the scheduler goes "
                                "on with skybridge scheduler --resume",
                                path)
                  : fmt::format("resume {}: it goes on with skybridge run --resume", path)};
}

}  // namespace

Status BeginRun(const PreparedRun& run) {
  SKY_RETURN_IF_ERROR(WriteRunState(run.folder, run.state));
  PointLatest(run.folder);
  return {};
}

Result<PreparedRun> NewRun(OpenJob job, const JobId& id, const std::string& wanted,
                           bool table_hash) {
  SKY_RETURN_IF_ERROR(CheckTrainable(job));
  SKY_RETURN_IF_ERROR(CheckNoExport(job.loaded));
  SKY_ASSIGN_OR_RETURN(OwnRunFolder own, BeginRunFolder(wanted, job.loaded.job.name()));
  SKY_RETURN_IF_ERROR(env::WriteFileDurably(own.folder.job_file(), JobText(job.loaded.job)));
  RunState state{
      .job = id, .base = job.loaded.base, .version = BinaryVersion(), .table_hash = table_hash};
  return PreparedRun{std::move(job), own.folder, std::move(own.lock), std::move(state)};
}

Result<PreparedRun> FormerRun(const std::string& path, StartedBy by) {
  SKY_ASSIGN_OR_RETURN(const RunFolder folder, FindRunFolder(path));
  if (const auto state = ReadRunState(folder); !state) {
    ForgetRest(folder);
    return state.error();
  }
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

Status WithAdvice(const Status& status, const RunFolder& folder, StartedBy by) {
  const std::string path = ShownPath(folder.path);
  std::string advice = fmt::format("logs: {}", path);
  const ExitCode code = ExitCodeOf(status);
  if (code != kUserError && code != kStateLost) {
    advice += fmt::format("; to go on: skybridge {} --resume {}",
                          by == StartedBy::kRun ? "run" : "scheduler", path);
  }
  return {status.code(), fmt::format("{} ({})", status.message(), advice)};
}

}  // namespace skybridge::launch
