// SPDX-License-Identifier: Apache-2.0
#include "launch/local_run.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "env/host.h"
#include "env/signals.h"
#include "launch/commands.h"
#include "launch/files.h"
#include "launch/local_cluster.h"
#include "launch/log_file.h"
#include "launch/node_host.h"
#include "launch/roles.h"
#include "launch/scheduler_watch.h"
#include "launch/supervise.h"

namespace skybridge::launch {
namespace {

constexpr Duration kLeaveGrace = std::chrono::seconds(5);

// Servers and workers as threads of this process.
struct ThreadCluster {
  std::vector<std::unique_ptr<ServerRole>> servers;
  std::vector<std::unique_ptr<WorkerRole>> workers;
};

Result<ThreadCluster> StartThreads(const OpenJob& job, const RunIdentity& identity,
                                   const RunFolder& folder, ProcessRuntime& runtime) {
  ThreadCluster cluster;
  const ClusterShape shape = ShapeOf(job.loaded.job);
  SKY_ASSIGN_OR_RETURN(const auto dataset, MakeDataset(job));
  for (uint32_t server = 0; server < shape.servers; ++server) {
    SKY_ASSIGN_OR_RETURN(auto role, ServerRole::Start(job, identity, server, folder.store_folder(),
                                                      {.endpoint = "inproc://shard-"}, runtime));
    cluster.servers.push_back(std::move(role));
  }
  for (uint32_t worker = 0; worker < shape.workers; ++worker) {
    SKY_ASSIGN_OR_RETURN(auto role, WorkerRole::Start(job, identity, worker, dataset, runtime));
    cluster.workers.push_back(std::move(role));
  }
  return cluster;
}

}  // namespace

JobId DrawJobId() {
  std::random_device random;
  const auto draw = [&random] { return uint64_t{random()} << 32 | random(); };
  return {.high = draw(), .low = draw()};
}

Result<std::string> ExportFolderOf(const LoadedJob& job, const RunFolder& folder) {
  std::string path = folder.export_folder();
  if (job.job.export_().has_path()) {
    path = AbsolutePath((std::filesystem::path(job.base) / job.job.export_().path()).string());
  }
  std::error_code ignored;
  if (std::filesystem::exists(path + "/MANIFEST.json", ignored)) {
    return Status(
        StatusCode::kAlreadyExists,
        fmt::format("export to {}: there is an export: choose another folder or delete it", path));
  }
  return path;
}

Result<scheduler::JobResult> RunLocally(const OpenJob& job, const RunFolder& folder,
                                        const LocalRunOptions& options, ProgressPrinter& printer) {
  const ClusterShape shape = ShapeOf(job.loaded.job);
  RunIdentity identity{.id = DrawJobId(),
                       .version = BinaryVersion(),
                       .host = env::HostName(),
                       .pid = env::ProcessId()};
  SKY_ASSIGN_OR_RETURN(const std::string export_folder, ExportFolderOf(job.loaded, folder));
  SKY_RETURN_IF_ERROR(WriteFile(folder.job_file(), JobText(job.loaded.job)));
  scheduler::SchedulerNodeOptions scheduler_options =
      SchedulerOptionsOf(job.loaded, job.plan, job.model, identity,
                         {.export_folder = export_folder, .temp_folder = folder.temp_folder()});
  scheduler_options.table_hash = options.table_hash;
  SKY_RETURN_IF_ERROR(scheduler_options.Validate());

  const LogFile log(folder.log("scheduler"));
  const env::SignalWatch signals;
  ProcessRuntime runtime(options.in_process ? shape.trainers() + 1 : 1);
  SchedulerWatch watch;
  SKY_ASSIGN_OR_RETURN(
      const std::unique_ptr<NodeHost> host,
      NodeHost::Create(runtime,
                       {.listen = options.in_process ? "inproc://scheduler" : "tcp://127.0.0.1:*",
                        .frame_bytes_max = env::kSchedulerFrameBytesMax}));
  identity.scheduler_endpoint = host->endpoint();
  host->Start(watch.MakeNode(std::move(scheduler_options)));

  if (options.in_process) {
    SKY_ASSIGN_OR_RETURN(const ThreadCluster threads, StartThreads(job, identity, folder, runtime));
    Supervise(signals, *host, runtime.clock, watch, nullptr, printer);
  } else {
    LocalCluster cluster({.program = options.program,
                          .folder = folder,
                          .base = job.loaded.base,
                          .identity = identity,
                          .shape = shape,
                          .restarts_max = options.restarts_max},
                         watch);
    SKY_RETURN_IF_ERROR(cluster.Start());
    Supervise(signals, *host, runtime.clock, watch, &cluster, printer);
    if (host->ended()) cluster.WaitAndStop(kLeaveGrace);
  }
  return watch.result();
}

}  // namespace skybridge::launch
