// SPDX-License-Identifier: Apache-2.0
#include "launch/local_cluster.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::launch {
namespace {

constexpr Duration kStopGrace = std::chrono::seconds(5);
constexpr Duration kWishEvery = std::chrono::milliseconds(200);
constexpr Duration kRejoinAfter = std::chrono::seconds(2);
constexpr Duration kRetryAfter = std::chrono::seconds(30);

std::string NameOf(scheduler::Role role, uint32_t index) {
  return fmt::format("{}-{}", role == scheduler::Role::kShard ? "server" : "worker", index);
}

SchedulerProcess::Options SchedulerOptionsOf(const LocalCluster::Options& options) {
  std::vector<std::string> arguments = {
      options.program, "run_scheduler", "--job_id",  JobIdText(options.job),
      "--base",        options.base,    "--run_dir", options.folder.path};
  if (options.table_hash) arguments.emplace_back("--hash");
  if (options.json) arguments.emplace_back("--json");
  arguments.push_back(options.folder.job_file());
  return {.arguments = std::move(arguments),
          .log_path = options.folder.log("scheduler"),
          .kept_fd = options.lock_fd,
          .silence_max = options.silence_max,
          .start_max = options.start_max};
}

}  // namespace

LocalCluster::LocalCluster(Options options, std::function<void(const std::string&)> say)
    : options_(std::move(options)),
      say_(std::move(say)),
      scheduler_(SchedulerOptionsOf(options_)),
      kept_scheduler_({.name = "scheduler",
                       .log = options_.folder.log("scheduler"),
                       .restarts = options_.restarts,
                       .spawn = [this] { return scheduler_.Spawn(now_); }}) {
  for (uint32_t s = 0; s < options_.shape.servers; ++s) AddNode(scheduler::Role::kShard, s);
  for (uint32_t w = 0; w < options_.shape.workers; ++w) AddNode(scheduler::Role::kTrainer, w);
  ForgetServers(options_.folder);  // What a run before told that was killed.
}

LocalCluster::~LocalCluster() { ForgetServers(options_.folder); }

void LocalCluster::AddNode(scheduler::Role role, uint32_t index) {
  const std::string name = NameOf(role, index);
  nodes_.push_back(
      {.role = role,
       .index = index,
       .process = KeptProcess({.name = name,
                               .log = options_.folder.log(name),
                               .restarts = options_.restarts,
                               .spawn = [this, role, index] { return Spawn(role, index); }})});
}

Status LocalCluster::Start(Instant now) {
  now_ = now;
  if (options_.resumed) {
    // The scheduler's log may know them as alive, under pids that are not known here.
    for (const Node& node : nodes_) {
      TellExit(node, {.how = {StatusCode::kUnavailable, "it ended with the run before"}});
    }
  }
  return kept_scheduler_.Start(now, 0);
}

Result<env::Process> LocalCluster::Spawn(scheduler::Role role, uint32_t index) const {
  const bool server = role == scheduler::Role::kShard;
  std::vector<std::string> arguments = {
      options_.program, server ? "ps" : "worker", "--job_id", JobIdText(options_.job),
      "--scheduler",    scheduler_.endpoint(),    "--base",   options_.base,
      "--number",       fmt::format("{}", index)};
  if (server) {
    arguments.insert(arguments.end(), {"--store", options_.folder.store_folder(), "--checkpoints",
                                       options_.folder.checkpoint_folder()});
    if (index >= options_.shape.servers) arguments.emplace_back("--joins");
  }
  arguments.push_back(options_.folder.job_file());
  return env::Process::Spawn({.arguments = std::move(arguments),
                              .log_path = options_.folder.log(NameOf(role, index)),
                              .kept_fd = options_.lock_fd});
}

void LocalCluster::Look(Instant now) {
  now_ = now;
  LookAtScheduler(now);
  if (ended_) return;
  // What was told of processes before them must not be told again once they are there.
  if (!nodes_started_ && !scheduler_.endpoint().empty() && scheduler_.settled()) StartNodes(now);
  if (!nodes_started_) return;
  KillSilent(now);
  LookAtWish(now);
  StartJoining(now);
  for (Node& node : nodes_) LookAtNode(node, now);
}

void LocalCluster::LookAtScheduler(Instant now) {
  const auto exit = kept_scheduler_.Look(now, scheduler_.progress_count());
  scheduler_.Hear(now);  // After the look: a process that has ended says nothing more.
  if (scheduler_.ended()) {
    ended_ = *scheduler_.ended();
  } else if (exit) {
    const bool well = exit->how.ok();  // It never ends well without a word.
    if (exit->final)
      ended_ = well ? Status(StatusCode::kInternal, "the scheduler left") : exit->how;
    say_(exit->line);
  } else if (const Status answers = scheduler_.Check(now); !answers.ok()) {
    kept_scheduler_.Kill(answers.message());
  }
}

void LocalCluster::KillSilent(Instant now) {
  for (const Lost& lost : scheduler_.TakeLost()) {
    for (Node& node : nodes_) {
      const env::Process* const process = node.process.process();
      if (process == nullptr || process->pid() != static_cast<pid_t>(lost.pid)) continue;
      // A younger one is not meant: it has the number of one before it.
      if (node.process.age(now) >= options_.silence_max) node.process.Kill(lost.why);
    }
  }
}

void LocalCluster::StartNodes(Instant now) {
  nodes_started_ = true;
  for (Node& node : nodes_) {
    if (const Status started = node.process.Start(now, 0); !started.ok()) {
      ended_ = started;
      return;
    }
  }
}

void LocalCluster::LookAtWish(Instant now) {
  if (now < wish_at_) return;
  wish_at_ = now + kWishEvery;
  const uint32_t count = options_.shape.shards_per_server;
  const auto wanted = ServersWanted(options_.folder);
  // Of two who wish at once both may take the same number.
  if (wanted && *wanted != wish_) {
    wish_ = *wanted;
    say_(fmt::format("{} servers are wanted", wanted->servers));
    scheduler_.Give(ShardsWanted{.shards = wanted->servers * count});
    for (Node& node : nodes_) {
      if (std::exchange(node.stuck, false)) node.start_at = now;
    }
  }
  const Progress& progress = scheduler_.progress();
  ServersNow news{.wish = wish_.number,
                  .wanted = progress.shards_wanted / count,
                  .servers = (progress.shards + count - 1) / count,
                  .settled = progress.scaled};
  for (const Node& node : nodes_) {
    if (node.stuck && node.index < news.wanted && !news.stuck) news.stuck = node.index;
  }
  if (news.servers == 0 || servers_told_ == news) return;
  servers_told_ = news;
  TellServers(options_.folder, news);
}

void LocalCluster::StartJoining(Instant now) {
  const uint32_t count = options_.shape.shards_per_server;
  const Progress& progress = scheduler_.progress();
  // One that is not wanted any more is needed until others have its rows.
  const uint32_t shards = stopping_ ? 0 : std::max(progress.shards, progress.shards_wanted);
  for (uint32_t index = 0; index * count < shards; ++index) {
    const auto is_it = [index](const Node& node) {
      return node.role == scheduler::Role::kShard && node.index == index;
    };
    auto node = std::ranges::find_if(nodes_, is_it);
    if (node == nodes_.end()) {
      AddNode(scheduler::Role::kShard, index);
      Join(nodes_.back(), now);
    } else if (node->start_at && now >= *node->start_at) {
      Join(*node, now);
    }
  }
}

void LocalCluster::Join(Node& node, Instant now) {
  say_(fmt::format("{} joins", node.process.name()));
  node.start_at.reset();
  node.stuck = false;
  const Status started = node.process.Start(now, scheduler_.progress_count());
  if (started.ok()) return;
  say_(started.ToString());
  node.start_at = now + kRejoinAfter;
}

// The job goes on without it.
bool LocalCluster::Joins(const Node& node) const {
  const uint32_t with_rows = scheduler_.progress().shards;
  return node.role == scheduler::Role::kShard && with_rows > 0 &&
         node.index * options_.shape.shards_per_server >= with_rows;
}

void LocalCluster::LookAtNode(Node& node, Instant now) {
  const auto exit = node.process.Look(now, scheduler_.progress_count());
  if (!exit) return;
  // A server that has taken its leave while the job goes on was told that it is not needed. What
  // was heard of the job may be older than a farewell: it may have ended.
  if (exit->how.ok()) {
    node.stuck = false;
    node.start_at = now + kRejoinAfter;
    // Not all of its shards may have said so.
    const Status left(StatusCode::kUnavailable, "it left");
    if (node.role == scheduler::Role::kShard) TellExit(node, {.pid = exit->pid, .how = left});
    return;
  }
  if (exit->final && Joins(node)) {
    node.stuck = true;
    node.start_at = now + kRetryAfter;
  }
  LOG(WARNING) << exit->line;
  say_(exit->line);
  TellExit(node, {.pid = exit->pid, .final = exit->final, .how = exit->how});
}

void LocalCluster::TellExit(const Node& node, scheduler::NodeExit exit) {
  const uint32_t count = node.role == scheduler::Role::kShard ? options_.shape.shards_per_server
                                                              : options_.shape.trainers_per_worker;
  for (uint32_t index = node.index * count; index < (node.index + 1) * count; ++index) {
    exit.place = {node.role, index};
    scheduler_.Give(exit);
  }
}

void LocalCluster::RequestStop(const std::string& reason) {
  stopping_ = true;
  for (Node& node : nodes_) node.process.Retire();
  scheduler_.Give(StopRequest{reason});
}

void LocalCluster::WaitAndStop(Duration grace) {
  std::vector<env::Process> running;
  const auto take = [&running](KeptProcess& kept) {
    if (kept.process() != nullptr) running.push_back(std::move(*kept.process()));
  };
  take(kept_scheduler_);
  for (Node& node : nodes_) take(node.process);
  for (env::Process& process : running) {
    if (!process.Wait(grace)) break;  // One that hangs ends the patience with all.
  }
  env::StopProcesses(running, kStopGrace);
}

uint32_t LocalCluster::restarts() const {
  uint32_t restarts = kept_scheduler_.restarts();
  for (const Node& node : nodes_) restarts += node.process.restarts();
  return restarts;
}

}  // namespace skybridge::launch
