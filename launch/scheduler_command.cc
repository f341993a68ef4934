// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/signals.h"
#include "launch/checkpoint_folder.h"
#include "launch/commands.h"
#include "launch/evaluation_report.h"
#include "launch/files.h"
#include "launch/local_run.h"
#include "launch/log_file.h"
#include "launch/node_flags.h"
#include "launch/progress_printer.h"
#include "launch/run_report.h"
#include "launch/scheduler_role.h"
#include "launch/supervise.h"

DECLARE_string(run_dir);
DECLARE_bool(hash);
DECLARE_bool(json);
DECLARE_string(listen);
DECLARE_bool(insecure_network);

namespace skybridge::launch {
namespace {

Status Scheduler(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(const OpenJob job, OpenNodeJob(positionals[0]));
  SKY_ASSIGN_OR_RETURN(const RunIdentity identity, IdentityByFlags(true));
  SKY_ASSIGN_OR_RETURN(const RunFolder folder, MakeRunFolder(FLAGS_run_dir, job.loaded.job.name()));
  const std::string export_folder = ExportFolderOf(job.loaded, folder);
  SKY_RETURN_IF_ERROR(CheckNoExport(export_folder));
  SKY_RETURN_IF_ERROR(WriteFile(folder.job_file(), JobText(job.loaded.job)));
  scheduler::SchedulerNodeOptions options =
      SchedulerOptionsOf(job.loaded, job.plan, job.model, identity,
                         {.export_folder = export_folder, .temp_folder = folder.temp_folder()});
  options.table_hash = FLAGS_hash;

  SKY_ASSIGN_OR_RETURN(auto checkpoints,
                       OpenCheckpoints(job.loaded, identity.id, folder.checkpoint_folder()));

  const LogFile log(folder.log("scheduler"));
  const env::SignalWatch signals;
  ProcessRuntime runtime(1);
  SKY_ASSIGN_OR_RETURN(const auto role,
                       SchedulerRole::Start({.node = std::move(options),
                                             .log_folder = folder.scheduler_folder(),
                                             .checkpoints = std::move(checkpoints),
                                             .listen = FLAGS_listen,
                                             .insecure_network = FLAGS_insecure_network},
                                            runtime));
  ProgressPrinter printer(stderr, ProgressPrinter::TerminalColumns(stderr));
  printer.Say(fmt::format("scheduler {} of job {}, run in {}", role->endpoint(),
                          JobIdText(identity.id), ShownPath(folder.path)));
  Supervise(signals, runtime.clock, *role, printer);

  SKY_ASSIGN_OR_RETURN(const scheduler::JobResult result, role->result());
  const double seconds = ToSeconds(runtime.clock.Now().since_start);
  CleanRunFolder(folder);
  SKY_RETURN_IF_ERROR(WriteFile(folder.result_file(), ResultJson(result, seconds)));
  fmt::print("{}", ResultText(result, job.loaded.job, folder, seconds, FLAGS_json));
  return result.status;
}

}  // namespace

Command SchedulerCommand() {
  return {.name = "scheduler",
          .summary = "Be the scheduler of a cluster whose other processes are started by hand.",
          .arguments = "JOB",
          .details =
              "Prints where it listens and the identity that `ps` and `worker` need. The "
              "folder of the run must be one that all processes see.",
          .flags = NodeFlagsAnd({"listen", "insecure_network", "run_dir", "hash", "json"}),
          .repeated = {"set"},
          .positionals_min = 1,
          .positionals_max = 1,
          .run = Scheduler};
}

}  // namespace skybridge::launch
