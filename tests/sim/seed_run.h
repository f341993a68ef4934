// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/rng.h"
#include "proto/checkpoint.pb.h"
#include "tests/sim/beginning.h"
#include "tests/sim/checkers/checker.h"
#include "tests/sim/sim_object_store.h"
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
  uint64_t checkpoints = 0;
  uint64_t restores = 0;
  uint64_t moves = 0;  // Of slots, while shards trained.
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
  using Hashes = std::vector<uint64_t>;  // By TableId.
  // A run: what outlives its clusters.
  struct World {
    SimObjectStore objects;
    std::vector<SimCluster::Leftover> leftovers;  // Of clusters that were thrown away.
    SeedOutcome outcome;
  };

  const TinyJob& JobOf(const Swarm& swarm);
  // The hashes that its tables have in the reference trainer after each clock, 0 the first. Outside
  // lockstep those at the end alone.
  const std::vector<Hashes>& ExpectedHashes(const Swarm& swarm);
  // One cluster, until the job has ended; or, with `throw_away`, until all is thrown away after
  // some checkpoints: then true.
  bool RunLife(const Swarm& swarm, Rng* throw_away, Beginning beginning, World& world);
  // A cluster's disks, made of some checkpoint. Nothing: there is none, or it was a violation.
  std::optional<Beginning> Restore(const Swarm& swarm, Rng& rng, World& world);
  std::optional<Violation> Judge(TrainingCluster& cluster, bool ended);
  std::optional<Violation> CompareTables(const TrainingCluster& cluster);
  // What is wrong with a checkpoint.
  std::string LookAtCut(const Swarm& swarm, const checkpoint::Manifest& manifest,
                        SimObjectStore& objects);

  using JobKey = std::tuple<bool, bool, bool, uint32_t>;  // Learns, wide, long, epochs.
  static JobKey KeyOf(const Swarm& swarm);
  const std::string folder_;
  std::map<JobKey, std::unique_ptr<const TinyJob>> jobs_;
  std::map<std::pair<JobKey, uint32_t>, std::vector<Hashes>> expected_;  // By ranks too.
};

}  // namespace skybridge::sim
