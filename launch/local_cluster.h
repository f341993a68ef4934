// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/status.h"
#include "env/process.h"
#include "launch/cluster_config.h"
#include "launch/run_folder.h"
#include "launch/scheduler_watch.h"

namespace skybridge::launch {

// The servers and workers of a run on this machine, as children of this process.
//
// A worker that a signal or a transient failure ended is started again, up to `restarts_max` times
// each; a server is not, since its rows are gone. Use by one thread, which outlives it: the
// children die with that thread.
class LocalCluster {
 public:
  struct Options {
    std::string program;  // Of this binary.
    RunFolder folder;
    std::string base;  // Folder that relative paths of the job start from.
    RunIdentity identity;
    ClusterShape shape;
    uint32_t restarts_max = 3;
  };
  // `watch` outlives it.
  LocalCluster(Options options, SchedulerWatch& watch);

  // Starts all processes. Errors: those of Process::Spawn.
  Status Start();
  // Notices which processes ended: tells the scheduler, and starts workers again.
  void Supervise();
  // Ends all processes: SIGTERM, then SIGKILL. Repeats change nothing.
  void Stop();
  // Waits up to `grace` for those that still run, then stops them.
  void WaitAndStop(Duration grace);
  uint32_t restarts() const { return restarts_; }

 private:
  struct Child {
    scheduler::Role role;
    uint32_t index;  // Of servers or of workers.
    env::Process process;
    bool ended = false;
    uint32_t restarts = 0;
  };

  Result<env::Process> Spawn(scheduler::Role role, uint32_t index) const;
  void OnExit(Child& child, const env::ProcessExit& exit);

  const Options options_;
  SchedulerWatch& watch_;
  std::vector<Child> children_;
  uint32_t restarts_ = 0;
};

}  // namespace skybridge::launch
