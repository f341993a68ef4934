// SPDX-License-Identifier: Apache-2.0
#include "launch/local_run.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "env/files.h"
#include "env/host.h"
#include "env/signals.h"
#include "launch/checkpoint_folder.h"
#include "launch/evaluation_report.h"
#include "launch/files.h"
#include "launch/local_cluster.h"
#include "launch/log_file.h"
#include "launch/roles.h"
#include "launch/run_report.h"
#include "launch/scheduler_role.h"
#include "launch/server_count.h"
#include "launch/supervise.h"

namespace skybridge::launch {
namespace {

constexpr Duration kLeaveGrace = std::chrono::seconds(5);
constexpr Duration kLook = std::chrono::milliseconds(10);

// Servers and workers as threads of this process.
struct ThreadCluster {
  std::vector<std::unique_ptr<ServerRole>> servers;
  std::vector<std::unique_ptr<WorkerRole>> workers;
};

Result<ThreadCluster> StartThreads(const OpenJob& job, const RunIdentity& identity,
                                   const RunFolder& folder, ProcessRuntime& runtime) {
  ThreadCluster cluster;
  const ClusterShape shape = ShapeOf(job.loaded.job);
  const auto dataset = MakeDataset(job);
  for (uint32_t server = 0; server < shape.servers; ++server) {
    SKY_ASSIGN_OR_RETURN(auto role, ServerRole::Start(job, identity, server, folder.store_folder(),
                                                      folder.checkpoint_folder(),
                                                      {.endpoint = "inproc://shard-"}, runtime));
    cluster.servers.push_back(std::move(role));
  }
  for (uint32_t worker = 0; worker < shape.workers; ++worker) {
    SKY_ASSIGN_OR_RETURN(auto role, WorkerRole::Start(job, identity, worker, dataset, runtime));
    cluster.workers.push_back(std::move(role));
  }
  return cluster;
}

// Servers beyond those of the job are processes.
Status NeedsProcesses(const RunFolder& folder) {
  return {StatusCode::kFailedPrecondition,
          fmt::format("run --in_process {}: `skybridge scale` gave it another number of servers, "
                      "which need processes: leave --in_process out",
                      ShownPath(folder.path))};
}

Result<RunOutcome> RunAsThreads(const OpenJob& job, const RunFolder& folder,
                                scheduler::SchedulerNodeOptions node, RunIdentity identity,
                                bool json, ProgressPrinter& printer) {
  const LogFile log(folder.log("scheduler"));
  const env::SignalWatch signals;
  SKY_ASSIGN_OR_RETURN(auto checkpoints,
                       OpenCheckpoints(job.loaded, identity.id, folder.checkpoint_folder()));
  const ClusterShape shape = ShapeOf(job.loaded.job);
  ProcessRuntime runtime(shape.trainers() + shape.servers * TaskThreadsOfServer(job.loaded.job));
  SKY_ASSIGN_OR_RETURN(const auto scheduler,
                       SchedulerRole::Start({.node = std::move(node),
                                             .log_folder = folder.scheduler_folder(),
                                             .checkpoints = std::move(checkpoints),
                                             .listen = "inproc://scheduler"},
                                            runtime));
  // One that was wished away again may still have rows.
  if (scheduler->watch().progress().shards > shape.shards()) return NeedsProcesses(folder);
  identity.scheduler_endpoint = scheduler->endpoint();
  SKY_ASSIGN_OR_RETURN(const ThreadCluster threads, StartThreads(job, identity, folder, runtime));
  Supervise(signals, runtime.clock, *scheduler, printer);
  SKY_ASSIGN_OR_RETURN(const scheduler::JobResult result, scheduler->result());
  const double seconds = ToSeconds(runtime.clock.Now().since_start);
  SKY_RETURN_IF_ERROR(env::WriteFileDurably(folder.result_file(), ResultJson(result, seconds)));
  return RunOutcome{result.status, ResultText(result, job.loaded.job, folder, seconds, json)};
}

// Looks after the processes until the job has ended or two signals came.
Status SuperviseProcesses(LocalCluster& cluster, ProgressPrinter& printer) {
  env::SystemClock clock;
  const env::SignalWatch signals;
  SKY_RETURN_IF_ERROR(cluster.Start(clock.Now()));
  int seen = 0;
  while (!cluster.ended()) {
    if (signals.WaitBeyond(seen, kLook)) {
      seen = signals.stops();
      if (seen > 1) break;
      printer.Say("stopping; once more to stop at once");
      cluster.RequestStop("interrupted");
    }
    cluster.Look(clock.Now());
    printer.Show(cluster.progress().phase, cluster.progress().line, clock.Now());
  }
  printer.Clear();
  if (!cluster.ended()) return {StatusCode::kCancelled, "stopped before the job ended"};
  cluster.WaitAndStop(kLeaveGrace);
  return *cluster.ended();
}

}  // namespace

JobId DrawJobId() { return {.high = env::UniqueNumber(), .low = env::UniqueNumber()}; }

std::string ExportFolderOf(const LoadedJob& job, const RunFolder& folder) {
  if (!job.job.export_().has_path()) return folder.export_folder();
  return AbsolutePath((std::filesystem::path(job.base) / job.job.export_().path()).string());
}

Status CheckNoExport(const LoadedJob& job) {
  if (!job.job.export_().has_path()) return {};
  const std::string export_folder = ExportFolderOf(job, RunFolder());
  std::error_code ignored;
  if (!std::filesystem::exists(export_folder + "/MANIFEST.json", ignored)) return {};
  return {StatusCode::kAlreadyExists,
          fmt::format("export to {}: there is an export: choose another folder or delete it",
                      export_folder)};
}

Result<RunOutcome> RunLocally(const OpenJob& job, const RunFolder& folder,
                              const LocalRunOptions& options, ProgressPrinter& printer) {
  const RunIdentity identity = IdentityOf(options.job);
  scheduler::SchedulerNodeOptions node = SchedulerOptionsOf(
      job.loaded, job.plan, job.model, identity,
      {.export_folder = ExportFolderOf(job.loaded, folder), .temp_folder = folder.temp_folder()});
  node.table_hash = options.table_hash;
  SKY_RETURN_IF_ERROR(node.Validate());
  const auto wished = ServersWanted(folder);
  const bool others = wished && wished->servers != ShapeOf(job.loaded.job).servers;
  if (options.in_process && others) return NeedsProcesses(folder);
  if (options.in_process) {
    return RunAsThreads(job, folder, std::move(node), identity, options.json, printer);
  }
  const LogFile log(folder.log("run"));
  LocalCluster cluster({.program = options.program,
                        .folder = folder,
                        .base = job.loaded.base,
                        .job = options.job,
                        .shape = ShapeOf(job.loaded.job),
                        .table_hash = options.table_hash,
                        .json = options.json,
                        .resumed = options.resumed,
                        .lock_fd = options.lock_fd,
                        .restarts = {.futile_max = options.futile_max},
                        .silence_max = node.timings.dead_after,
                        .start_max = node.timings.start_timeout},
                       [&printer](const std::string& line) { printer.Say(line); });
  const Status status = SuperviseProcesses(cluster, printer);
  return RunOutcome{status, cluster.report()};
}

}  // namespace skybridge::launch
