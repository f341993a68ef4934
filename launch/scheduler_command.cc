// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/files.h"
#include "env/signals.h"
#include "launch/checkpoint_folder.h"
#include "launch/commands.h"
#include "launch/evaluation_report.h"
#include "launch/local_run.h"
#include "launch/log_file.h"
#include "launch/node_flags.h"
#include "launch/prepared_run.h"
#include "launch/progress_printer.h"
#include "launch/run_report.h"
#include "launch/run_state.h"
#include "launch/scheduler_role.h"
#include "launch/supervise.h"

DECLARE_string(job_id);
DECLARE_string(resume);
DECLARE_string(run_dir);
DECLARE_string(set);
DECLARE_bool(hash);
DECLARE_bool(json);
DECLARE_string(listen);
DECLARE_bool(insecure_network);

namespace skybridge::launch {
namespace {

Result<PreparedRun> BeginJob(const std::string& job_file) {
  SKY_ASSIGN_OR_RETURN(OpenJob job, OpenNodeJob(job_file));
  SKY_ASSIGN_OR_RETURN(const RunIdentity identity, IdentityByFlags(true));
  return NewRun(std::move(job), identity.id, FLAGS_run_dir, FLAGS_hash);
}

Status CheckScheduler(const std::vector<std::string>& positionals) {
  if (FLAGS_resume.empty() && positionals.empty()) {
    return {StatusCode::kInvalidArgument, "which job? expected: JOB, or --resume RUN_FOLDER"};
  }
  if (FLAGS_resume.empty() ||
      (positionals.empty() && FLAGS_run_dir.empty() && FLAGS_set.empty() && FLAGS_job_id.empty())) {
    return {};
  }
  return {StatusCode::kInvalidArgument,
          "--resume goes on with the job of that folder, under its identity: leave out JOB, --set, "
          "--run_dir and --job_id"};
}

Result<PreparedRun> Prepare(const std::vector<std::string>& positionals) {
  if (FLAGS_resume.empty()) return BeginJob(positionals[0]);
  SKY_ASSIGN_OR_RETURN(PreparedRun former, FormerRun(FLAGS_resume, StartedBy::kHand));
  if (!former.lost.ok()) return former.lost;
  return former;
}

scheduler::SchedulerNodeOptions NodeOptions(const PreparedRun& it) {
  const RunIdentity identity = IdentityOf(it.state.job);
  scheduler::SchedulerNodeOptions options =
      SchedulerOptionsOf(it.job.loaded, it.job.plan, it.job.model, identity,
                         {.export_folder = ExportFolderOf(it.job.loaded, it.folder),
                          .temp_folder = it.folder.temp_folder()});
  options.table_hash = it.state.table_hash;
  return options;
}

Status Scheduler(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(PreparedRun it, Prepare(positionals));
  SKY_ASSIGN_OR_RETURN(auto checkpoints,
                       OpenCheckpoints(it.job.loaded, it.state.job, it.folder.checkpoint_folder()));
  const LogFile log(it.folder.log("scheduler"));
  const env::SignalWatch signals;
  ProcessRuntime runtime(1);
  SKY_RETURN_IF_ERROR(UseKeysByFlags(runtime));
  SKY_ASSIGN_OR_RETURN(
      const auto role,
      SchedulerRole::Start({.node = NodeOptions(it),
                            .log_folder = it.folder.scheduler_folder(),
                            .checkpoints = std::move(checkpoints),
                            .listen = it.state.endpoint.empty() ? FLAGS_listen : it.state.endpoint,
                            .insecure_network = FLAGS_insecure_network},
                           runtime));
  it.state.endpoint = role->endpoint();  // Where the nodes will look for the next scheduler.
  it.state.restored = false;
  SKY_RETURN_IF_ERROR(BeginRun(it));
  ProgressPrinter printer(stderr, ProgressPrinter::TerminalColumns(stderr));
  printer.Say(fmt::format("scheduler {} of job {}, run in {}", role->endpoint(),
                          JobIdText(it.state.job), ShownPath(it.folder.path)));
  Supervise(signals, runtime.clock, *role, printer);

  SKY_ASSIGN_OR_RETURN(const scheduler::JobResult result, role->result());
  const double seconds = ToSeconds(runtime.clock.Now().since_start);
  SKY_RETURN_IF_ERROR(env::WriteFileDurably(it.folder.result_file(), ResultJson(result, seconds)));
  fmt::print("{}", ResultText(result, it.job.loaded.job, it.folder, seconds, FLAGS_json));
  if (!result.status.ok()) return WithAdvice(result.status, it.folder, StartedBy::kHand);
  ForgetRun(it.folder);
  return {};
}

}  // namespace

Command SchedulerCommand() {
  return {.name = "scheduler",
          .summary = "Be the scheduler of a cluster whose other processes are started by hand.",
          .arguments = "JOB | --resume RUN_FOLDER",
          .details =
              "Prints where it listens and the identity that `ps` and `worker` need. The "
              "folder of the run must be one that all processes see. A scheduler that was killed "
              "goes on with --resume, where it listened; the others wait for it for 10 minutes.",
          .flags = NodeFlagsAnd(
              {"listen", "keys", "insecure_network", "run_dir", "resume", "hash", "json"}),
          .repeated = {"set"},
          .positionals_min = 0,
          .positionals_max = 1,
          .check = CheckScheduler,
          .run = Scheduler};
}

}  // namespace skybridge::launch
