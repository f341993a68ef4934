// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/seed_run.h"

namespace skybridge::sim {

// How a run ended. A process that ran it may have died of it, or hung in it: then the violation is
// "crash" with what the process said last, or "hang".
struct SeedReport {
  uint64_t seed = 0;
  SeedOutcome outcome;
};

// A runner in `folder`, which becomes this process's: what is named in messages, and so is part of
// the trace, says nothing of who runs it where.
SeedRunner RunnerWithin(const std::string& folder);

// A process of ours that runs swarms one after the other and reports each: what a run does to its
// process ends no other. Linux.
class SeedProcess {
 public:
  // Starts it. Its jobs, exports and last words go to `folder`, which is its own. It is killed with
  // this object, and dies with this process.
  SeedProcess(std::vector<Swarm> swarms, std::string folder);
  ~SeedProcess();
  SeedProcess(const SeedProcess&) = delete;
  SeedProcess& operator=(const SeedProcess&) = delete;

  // Readable when there is something to Read.
  int fd() const { return fd_; }
  // Everything was reported, or it is dead.
  bool over() const { return fd_ < 0; }
  // Reports since the last call; does not wait.
  std::vector<SeedReport> Read();

 private:
  using Clock = std::chrono::steady_clock;
  void TakeLine(const std::string& line, std::vector<SeedReport>& reports);
  SeedReport LastWords(const std::string& invariant, std::string what) const;
  int Reap();

  const std::string folder_;
  pid_t pid_ = -1;
  int fd_ = -1;
  std::string unread_;
  std::optional<uint64_t> running_;  // Its current seed, since when, ...
  Clock::time_point since_;
  std::chrono::nanoseconds cpu_before_{0};  // ... and what it had computed by then.
};

}  // namespace skybridge::sim
