// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"
#include "launch/chaos_plan.h"

namespace skybridge::launch {

// Plays a ChaosPlan against the processes of a `skybridge run`: its children, which it sends
// SIGKILL, SIGSTOP and SIGCONT. Use by one thread; calls come with rising `now`.
class ChaosStorm {
 public:
  // Processes that were hit, by role: "scheduler", "server", "worker".
  using Counts = std::map<std::string, uint64_t>;

  // `run`: the supervisor's pid.
  ChaosStorm(pid_t run, const ChaosOptions& options, Instant now);

  // Does what is due.
  void Act(Instant now);
  // All faults have been made.
  bool over() const { return plan_.over(); }

  const Counts& killed() const { return killed_; }
  const Counts& frozen() const { return counted_frozen_; }
  uint64_t kills() const { return plan_.kills(); }
  uint64_t freezes() const { return plan_.freezes(); }

 private:
  struct Process {
    pid_t pid = 0;
    std::string role;
  };
  std::vector<Process> Alive() const;
  void Plan(Instant now);
  void Hit(const Process& victim, Instant now);
  void Thaw(Instant now);

  const pid_t run_;
  ChaosPlan plan_;
  std::optional<Fault> next_;
  Instant due_at_;
  std::map<pid_t, Instant> frozen_;  // Until when.
  Counts killed_;
  Counts counted_frozen_;
};

}  // namespace skybridge::launch
