// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/files.h"
#include "env/line_channel.h"
#include "env/signals.h"
#include "launch/checkpoint_folder.h"
#include "launch/commands.h"
#include "launch/evaluation_report.h"
#include "launch/exit_code.h"
#include "launch/local_run.h"
#include "launch/log_file.h"
#include "launch/node_flags.h"
#include "launch/progress_line.h"
#include "launch/run_report.h"
#include "launch/scheduler_role.h"
#include "launch/scheduler_talk.h"

DECLARE_string(run_dir);
DECLARE_bool(hash);
DECLARE_bool(json);
DECLARE_string(listen);
DEFINE_double(seconds_before, 0, "How long the run took before this process.");

namespace skybridge::launch {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(50);
constexpr Duration kShowEvery = std::chrono::milliseconds(100);

class Obey {
 public:
  explicit Obey(SchedulerWatch& watch) : watch_(watch) {}
  void operator()(const scheduler::NodeExit& exit) const { watch_.NodeExited(exit); }
  void operator()(const StopRequest& stop) const { watch_.RequestStop(stop.reason); }
  void operator()(const ShardsWanted& wanted) const { watch_.RequestShards(wanted.shards); }

 private:
  SchedulerWatch& watch_;
};

void Tell(SchedulerWatch& watch, env::LineChannel& supervisor) {
  const scheduler::JobProgress progress = watch.progress();
  supervisor.Send(LineOf(Progress{.phase = progress.phase,
                                  .done = progress.done,
                                  .settled = watch.settled(),
                                  .line = ProgressLine(progress),
                                  .shards = progress.shards,
                                  .shards_wanted = progress.shards_wanted,
                                  .scaled = progress.scaled}));
  for (const scheduler::LostProcess& lost : progress.lost) {
    supervisor.Send(LineOf(Lost{.pid = lost.pid, .why = lost.why}));
  }
}

// Passes orders on and shows progress until the scheduler has ended.
// Errors: kUnavailable  a signal ended it before.
Status Serve(SchedulerRole& role, env::LineChannel& supervisor, env::Clock& clock) {
  const env::SignalWatch signals;
  Instant show_at = clock.Now();
  uint64_t shown = 0;
  while (!role.ended()) {
    supervisor.Wait(kLook);
    if (signals.stops() > 0) return {StatusCode::kUnavailable, "stopped by a signal"};
    for (const std::string& line : supervisor.Receive()) {
      const auto order = ParseOrder(line);
      CHECK(order.has_value()) << line;  // Supervisor and scheduler are one binary.
      std::visit(Obey(role.watch()), *order);
    }
    // What the supervisor does not read now is old when it does.
    if (clock.Now() < show_at || !supervisor.idle()) continue;
    show_at = clock.Now() + kShowEvery;
    // A node that stands still says nothing: then the supervisor takes this process for hung.
    const uint64_t renewals = role.watch().renewals();
    if (renewals == std::exchange(shown, renewals)) continue;
    Tell(role.watch(), supervisor);
  }
  return {};
}

// A port that was ours is taken by somebody who will let it go.
Status Retryable(const Status& status) {
  if (status.code() != StatusCode::kAlreadyExists) return status;
  return {StatusCode::kUnavailable, status.message()};
}

// Runs the scheduler. Returns how the job ended. Errors: why there is no end yet.
Result<Ended> Run(const std::string& job_file, env::LineChannel& supervisor) {
  SKY_ASSIGN_OR_RETURN(const OpenJob job, OpenNodeJob(job_file));
  SKY_ASSIGN_OR_RETURN(const RunIdentity identity, IdentityByFlags(false));
  const RunFolder folder{FLAGS_run_dir};
  scheduler::SchedulerNodeOptions options = SchedulerOptionsOf(
      job.loaded, job.plan, job.model, identity,
      {.export_folder = ExportFolderOf(job.loaded, folder), .temp_folder = folder.temp_folder()});
  options.table_hash = FLAGS_hash;

  SKY_ASSIGN_OR_RETURN(auto checkpoints,
                       OpenCheckpoints(job.loaded, identity.id, folder.checkpoint_folder()));

  ProcessRuntime runtime(1);
  auto role = SchedulerRole::Start({.node = std::move(options),
                                    .log_folder = folder.scheduler_folder(),
                                    .checkpoints = std::move(checkpoints),
                                    .listen = FLAGS_listen},
                                   runtime);
  if (!role) return Retryable(role.error());
  supervisor.Send(LineOf(Listening{(*role)->endpoint()}));
  SKY_RETURN_IF_ERROR(Serve(**role, supervisor, runtime.clock));

  SKY_ASSIGN_OR_RETURN(const scheduler::JobResult result, (*role)->result());
  const double seconds = FLAGS_seconds_before + ToSeconds(runtime.clock.Now().since_start);
  SKY_RETURN_IF_ERROR(env::WriteFileDurably(folder.result_file(), ResultJson(result, seconds)));
  supervisor.Send(LineOf(Report{ResultText(result, job.loaded.job, folder, seconds, FLAGS_json)}));
  return Ended{result.status};
}

// The last word is what a new start cannot change. Without it the supervisor tries another one.
Status RunScheduler(const std::vector<std::string>& positionals) {
  LogToStderr();
  env::LineChannel supervisor{env::Descriptor(0)};
  const Result<Ended> end = Run(positionals[0], supervisor);
  const Status status = end ? end->status : end.error();
  if (end || ExitCodeOf(status) == kUserError) supervisor.Send(LineOf(Ended{status}));
  while (!supervisor.idle()) {
    supervisor.Wait(kLook);
    (void)supervisor.Receive();
  }
  return status;
}

}  // namespace

Command RunSchedulerCommand() {
  return {.name = "run_scheduler",
          .summary = "Be the scheduler of a run (`run` starts it, and talks to it by its stdin).",
          .arguments = "JOB",
          .flags = NodeFlagsAnd({"listen", "run_dir", "hash", "json", "seconds_before"}),
          .repeated = {"set"},
          .positionals_min = 1,
          .positionals_max = 1,
          .hidden = true,
          .run = RunScheduler};
}

}  // namespace skybridge::launch
