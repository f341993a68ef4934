// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "tests/sim/checkers/checker.h"
#include "tests/sim/swarm.h"
#include "tests/sim/tiny_job.h"
#include "tests/sim/training_cluster.h"

namespace skybridge::sim {

// What happened in a run.
struct RunStats {
  uint64_t events = 0;
  double seconds = 0;  // On the cluster's clock.
  uint64_t crashes = 0;
  uint64_t dropped = 0;
  uint64_t replayed = 0;
  uint64_t cuts = 0;
  uint64_t spilled = 0;   // Rows.
  uint64_t log_full = 0;  // Pushes that had no room in a log.
};

struct SeedOutcome {
  std::optional<Violation> violation;
  uint64_t trace_hash = 0;
  RunStats stats;
};

// Runs clusters. Keeps the jobs and the tables they must end with, which runs share.
class SeedRunner {
 public:
  // Writes data and exports into `folder`, which is its own.
  explicit SeedRunner(std::string folder);

  // Runs `swarm`, in one of 50 seeds twice, and checks all promises.
  SeedOutcome Run(const Swarm& swarm);
  SeedOutcome RunOnce(const Swarm& swarm);

 private:
  const TinyJob& JobOf(const Swarm& swarm);
  // The hashes that its tables must end with: those of the reference trainer.
  const std::vector<uint64_t>& ExpectedHashes(const Swarm& swarm);
  std::optional<Violation> Judge(TrainingCluster& cluster);
  std::optional<Violation> CompareTables(const TrainingCluster& cluster);

  using JobKey = std::tuple<bool, bool, uint32_t>;  // Learns, wide, epochs.
  const std::string folder_;
  std::map<JobKey, std::unique_ptr<const TinyJob>> jobs_;
  std::map<std::pair<JobKey, uint32_t>, std::vector<uint64_t>> expected_;  // By ranks too.
};

}  // namespace skybridge::sim
