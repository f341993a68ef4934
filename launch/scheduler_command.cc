// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/files.h"
#include "env/host.h"
#include "env/signals.h"
#include "launch/checkpoint_folder.h"
#include "launch/commands.h"
#include "launch/evaluation_report.h"
#include "launch/local_run.h"
#include "launch/log_file.h"
#include "launch/node_flags.h"
#include "launch/progress_printer.h"
#include "launch/run_report.h"
#include "launch/run_state.h"
#include "launch/scheduler_log.h"
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

// A scheduler, ready to start.
struct Prepared {
  OpenJob job;
  RunFolder folder;
  env::FileLock lock;
  RunState state;  // Without endpoint: any that --listen permits.
};

Result<Prepared> NewJob(const std::string& job_file) {
  SKY_ASSIGN_OR_RETURN(OpenJob job, OpenNodeJob(job_file));
  SKY_ASSIGN_OR_RETURN(const RunIdentity identity, IdentityByFlags(true));
  SKY_ASSIGN_OR_RETURN(const RunFolder folder, MakeRunFolder(FLAGS_run_dir, job.loaded.job.name()));
  SKY_ASSIGN_OR_RETURN(env::FileLock lock, LockRunFolder(folder, Duration::zero()));
  SKY_RETURN_IF_ERROR(CheckNoExport(ExportFolderOf(job.loaded, folder)));
  SKY_RETURN_IF_ERROR(env::WriteFileDurably(folder.job_file(), JobText(job.loaded.job)));
  RunState state{.job = identity.id,
                 .base = job.loaded.base,
                 .version = BinaryVersion(),
                 .table_hash = FLAGS_hash};
  return Prepared{std::move(job), folder, std::move(lock), std::move(state)};
}

Result<Prepared> FormerJob() {
  SKY_ASSIGN_OR_RETURN(const RunFolder folder, FindRunFolder(FLAGS_resume));
  SKY_RETURN_IF_ERROR(ReadRunState(folder).status());
  SKY_ASSIGN_OR_RETURN(env::FileLock lock, LockRunFolder(folder, kFormerRunMax));
  SKY_ASSIGN_OR_RETURN(RunState state, ReadRunState(folder));  // Its holder may have succeeded.
  if (state.endpoint.empty()) {
    return Status(StatusCode::kFailedPrecondition,
                  fmt::format("resume {}: it goes on with skybridge run --resume", folder.path));
  }
  SKY_RETURN_IF_ERROR(ReopenJob(folder.scheduler_folder()));
  SKY_ASSIGN_OR_RETURN(LoadedJob loaded, LoadJob({.path = folder.job_file(), .base = state.base}));
  SKY_ASSIGN_OR_RETURN(OpenJob job, OpenLoadedJob(std::move(loaded)));
  return Prepared{std::move(job), folder, std::move(lock), std::move(state)};
}

Result<Prepared> Prepare(const std::vector<std::string>& positionals) {
  if (FLAGS_resume.empty() && positionals.empty()) {
    return Status(StatusCode::kInvalidArgument, "which job? expected: JOB, or --resume RUN_FOLDER");
  }
  if (FLAGS_resume.empty()) return NewJob(positionals[0]);
  if (!positionals.empty() || !FLAGS_run_dir.empty() || !FLAGS_set.empty() ||
      !FLAGS_job_id.empty()) {
    return Status(
        StatusCode::kInvalidArgument,
        "--resume goes on with the job of that folder, under its identity: leave out JOB, "
        "--set, --run_dir and --job_id");
  }
  return FormerJob();
}

scheduler::SchedulerNodeOptions NodeOptions(const Prepared& it) {
  const RunIdentity identity{.id = it.state.job,
                             .version = BinaryVersion(),
                             .host = env::HostName(),
                             .pid = env::ProcessId()};
  scheduler::SchedulerNodeOptions options =
      SchedulerOptionsOf(it.job.loaded, it.job.plan, it.job.model, identity,
                         {.export_folder = ExportFolderOf(it.job.loaded, it.folder),
                          .temp_folder = it.folder.temp_folder()});
  options.table_hash = it.state.table_hash;
  return options;
}

Status Scheduler(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(Prepared it, Prepare(positionals));
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
                            .listen = it.state.endpoint.empty() ? FLAGS_listen : it.state.endpoint,
                            .insecure_network = FLAGS_insecure_network},
                           runtime));
  it.state.endpoint = role->endpoint();  // Where the nodes will look for the next scheduler.
  SKY_RETURN_IF_ERROR(WriteRunState(it.folder, it.state));
  ProgressPrinter printer(stderr, ProgressPrinter::TerminalColumns(stderr));
  printer.Say(fmt::format("scheduler {} of job {}, run in {}", role->endpoint(),
                          JobIdText(it.state.job), ShownPath(it.folder.path)));
  Supervise(signals, runtime.clock, *role, printer);

  SKY_ASSIGN_OR_RETURN(const scheduler::JobResult result, role->result());
  const double seconds = ToSeconds(runtime.clock.Now().since_start);
  SKY_RETURN_IF_ERROR(env::WriteFileDurably(it.folder.result_file(), ResultJson(result, seconds)));
  fmt::print("{}", ResultText(result, it.job.loaded.job, it.folder, seconds, FLAGS_json));
  if (result.status.ok()) ForgetRun(it.folder);
  return result.status;
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
          .run = Scheduler};
}

}  // namespace skybridge::launch
