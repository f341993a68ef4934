// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "env/process.h"
#include "launch/cluster_config.h"
#include "launch/kept_process.h"
#include "launch/run_folder.h"
#include "launch/scheduler_process.h"
#include "launch/server_count.h"

namespace skybridge::launch {

// The processes of a run on this machine: a scheduler, servers and workers, all children of this
// process, each kept going (KeptProcess). Servers and workers start once the scheduler listens,
// which it does at one endpoint for the whole run, and knows that those of a run before are gone.
// Every end of a server or worker is told to the scheduler at once, or as soon as there is one
// again. One that hangs, or was stopped, is killed, so that another can take its place: a scheduler
// that says nothing, and whom the scheduler has given up.
//
// Use by one thread, which outlives it: the children die with that thread.
class LocalCluster {
 public:
  struct Options {
    std::string program;  // Of this binary.
    RunFolder folder;
    std::string base;  // Folder that relative paths of the job start from.
    JobId job;
    ClusterShape shape;
    bool table_hash = false;
    bool json = false;     // The report.
    bool resumed = false;  // There was a run in this folder; all its processes are dead.
    int lock_fd = -1;      // Of the run folder; children hold it too.
    RestartPolicyOptions restarts;
    Duration silence_max = std::chrono::seconds(12);  // After it a process counts as dead.
    Duration start_max = std::chrono::seconds(300);   // The same for one that has just started.
  };
  // `say` takes lines for people.
  LocalCluster(Options options, std::function<void(const std::string&)> say);

  // Starts the scheduler. Errors: those of Process::Spawn.
  Status Start(Instant now);
  // One look at all processes.
  void Look(Instant now);
  // Ends the job cleanly; the scheduler then ends by itself. Repeats are harmless.
  void RequestStop(const std::string& reason);
  // Waits up to `grace` for those that still run, then ends them: SIGTERM, then SIGKILL.
  void WaitAndStop(Duration grace);

  // How the run ended, once it has.
  const std::optional<Status>& ended() const { return ended_; }
  const std::string& report() const { return scheduler_.report(); }
  const Progress& progress() const { return scheduler_.progress(); }
  uint32_t restarts() const;
  ~LocalCluster();
  LocalCluster(const LocalCluster&) = delete;
  LocalCluster& operator=(const LocalCluster&) = delete;

 private:
  struct Node {
    scheduler::Role role;
    uint32_t index;  // Of servers or of workers.
    KeptProcess process;
    std::optional<Instant> start_at;  // It left, or could not join: not before this, if wanted.
    bool stuck = false;               // It could not join.
  };

  void LookAtScheduler(Instant now);
  // Kills who does not answer any more.
  void KillSilent(Instant now);
  void StartNodes(Instant now);
  void AddNode(scheduler::Role role, uint32_t index);
  // Passes on what `skybridge scale` wishes, and tells it what has come of it.
  void LookAtWish(Instant now);
  // Servers that the job needs or should have are started, once the scheduler expects them.
  void StartJoining(Instant now);
  void Join(Node& node, Instant now);
  bool Joins(const Node& node) const;
  void LookAtNode(Node& node, Instant now);
  // Tells the scheduler of all nodes in a process.
  void TellExit(const Node& node, scheduler::NodeExit exit);
  Result<env::Process> Spawn(scheduler::Role role, uint32_t index) const;

  const Options options_;
  const std::function<void(const std::string&)> say_;
  SchedulerProcess scheduler_;
  KeptProcess kept_scheduler_;
  std::vector<Node> nodes_;
  bool nodes_started_ = false;
  bool stopping_ = false;
  ServersWish wish_;  // The last one that was passed on to the scheduler; number 0: none.
  std::optional<ServersNow> servers_told_;
  Instant wish_at_;  // When to look for one.
  Instant now_;
  std::optional<Status> ended_;
};

}  // namespace skybridge::launch
