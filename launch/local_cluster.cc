// SPDX-License-Identifier: Apache-2.0
#include "launch/local_cluster.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "launch/exit_code.h"

namespace skybridge::launch {
namespace {

constexpr Duration kStopGrace = std::chrono::seconds(5);

std::string NameOf(scheduler::Role role, uint32_t index) {
  return fmt::format("{}-{}", role == scheduler::Role::kShard ? "server" : "worker", index);
}

// Whether starting the same process again may go better.
bool WorthRestarting(const env::ProcessExit& exit) {
  return exit.signal != 0 || exit.code == kTransient || exit.code == kFencedOff;
}

// What it means for the job, if the job needs the process.
StatusCode CodeOf(const env::ProcessExit& exit) {
  return exit.signal != 0 ? StatusCode::kUnavailable : StatusOfExit(exit.code, "").code();
}

}  // namespace

LocalCluster::LocalCluster(Options options, SchedulerWatch& watch)
    : options_(std::move(options)), watch_(watch) {}

Status LocalCluster::Start() {
  const auto start = [this](scheduler::Role role, uint32_t count) -> Status {
    for (uint32_t index = 0; index < count; ++index) {
      SKY_ASSIGN_OR_RETURN(env::Process process, Spawn(role, index));
      children_.push_back({.role = role, .index = index, .process = std::move(process)});
    }
    return {};
  };
  SKY_RETURN_IF_ERROR(start(scheduler::Role::kShard, options_.shape.servers));
  return start(scheduler::Role::kTrainer, options_.shape.workers);
}

Result<env::Process> LocalCluster::Spawn(scheduler::Role role, uint32_t index) const {
  const bool server = role == scheduler::Role::kShard;
  std::vector<std::string> arguments = {options_.program, server ? "ps" : "worker",
                                        "--job_id",       JobIdText(options_.identity.id),
                                        "--scheduler",    options_.identity.scheduler_endpoint,
                                        "--base",         options_.base,
                                        "--number",       fmt::format("{}", index)};
  if (server) {
    arguments.insert(arguments.end(), {"--store", options_.folder.store_folder()});
  }
  arguments.push_back(options_.folder.job_file());
  return env::Process::Spawn(
      {.arguments = std::move(arguments), .log_path = options_.folder.log(NameOf(role, index))});
}

void LocalCluster::Supervise() {
  for (Child& child : children_) {
    if (child.ended) continue;
    const std::optional<env::ProcessExit> exit = child.process.Poll();
    if (exit) OnExit(child, *exit);
  }
}

void LocalCluster::OnExit(Child& child, const env::ProcessExit& exit) {
  child.ended = true;
  if (exit.ok()) return;  // It has taken its leave.
  const std::string name = NameOf(child.role, child.index);
  const std::string log = options_.folder.log(name);
  const std::string reason =
      fmt::format("{}: {}; {} ends with: {}", name, exit.ToString(), log, LastLine(log));
  LOG(WARNING) << reason;
  const bool server = child.role == scheduler::Role::kShard;
  const uint32_t nodes =
      server ? options_.shape.shards_per_server : options_.shape.trainers_per_worker;
  for (uint32_t node = child.index * nodes; node < (child.index + 1) * nodes; ++node) {
    watch_.NodeExited(child.role, node, {CodeOf(exit), reason});
  }
  if (server || !WorthRestarting(exit) || child.restarts >= options_.restarts_max) return;
  Result<env::Process> process = Spawn(child.role, child.index);
  if (!process) {
    LOG(WARNING) << "start " << name << " again: " << process.error();
    return;
  }
  child.process = *std::move(process);
  child.ended = false;
  ++child.restarts;
  ++restarts_;
}

void LocalCluster::Stop() {
  std::vector<env::Process> running;
  for (Child& child : children_) running.push_back(std::move(child.process));
  children_.clear();
  env::StopProcesses(running, kStopGrace);
}

void LocalCluster::WaitAndStop(Duration grace) {
  for (Child& child : children_) {
    if (!child.process.Wait(grace)) break;  // One that hangs ends the patience with all.
  }
  Stop();
}

}  // namespace skybridge::launch
