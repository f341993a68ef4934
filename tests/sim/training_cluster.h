// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ps/shard_node.h"
#include "scheduler/scheduler_node.h"
#include "tests/sim/checkers/checker_set.h"
#include "tests/sim/fused_disk.h"
#include "tests/sim/sim_cluster.h"
#include "tests/sim/swarm.h"
#include "tests/sim/tiny_job.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"
#include "worker/trainer_node.h"

namespace skybridge::sim {

struct TrainingClusterOptions {
  Swarm swarm;
  std::string export_folder;  // Of jobs that export.
};

// What survives the deaths of one shard.
struct ShardDisk {
  explicit ShardDisk(std::vector<size_t> record_bytes) : store(std::move(record_bytes)) {}

  support::MemoryRowStore store;
  support::MemoryRedoLog log;
  Fuse fuse;
  const ps::ShardNode* node = nullptr;  // Who has it open.
  FusedRowStore fused_store{store, fuse};
  FusedRedoLog fused_log{log, fuse};
};

// A scheduler, shards and trainers over one tiny job, under the faults of a swarm: nodes
// "scheduler", "shard-0" .., "trainer-0" ... Checkers watch it; whoever started the nodes restarts
// those that end.
class TrainingCluster {
 public:
  // `job` must outlive the cluster.
  TrainingCluster(const TinyJob& job, TrainingClusterOptions options);

  // Runs until the scheduler has finished, a promise was seen broken, or the swarm's deadline. True
  // if it finished.
  bool Run();

  const scheduler::JobResult& result() const { return scheduler().result(); }
  bool finished() const;
  // Every trainer was there, and the job has begun.
  bool started() const;
  // By TableId, summed over the shards, as the scheduler heard them; 0 for tables it did not hear
  // of.
  std::vector<uint64_t> TableHashes() const;
  uint64_t nondeterminism() const;
  // Rows that shards wrote to their stores, for lack of memory.
  uint64_t rows_spilled() const;
  // Pushes that shards refused for lack of room in their logs.
  uint64_t log_full() const;
  // The last clock in the rows; nothing while the shard is down.
  std::optional<uint64_t> committed(uint32_t shard) const;
  // How the job looks from its start: shards first, then trainers, then the scheduler.
  std::vector<std::string> node_names() const;
  const Swarm& swarm() const { return options_.swarm; }
  SimCluster& cluster() { return cluster_; }
  CheckerSet& checkers() { return checkers_; }

 private:
  scheduler::SchedulerNode& scheduler() const;  // Must be up.
  scheduler::SchedulerNodeOptions SchedulerOptions() const;
  ps::ShardNodeOptions ShardOptions(uint32_t index) const;
  void AddCheckers();
  void AddScheduler();
  void AddShard(uint32_t index);
  std::unique_ptr<Node> OpenShard(const ps::ShardNodeOptions& options, ShardDisk& disk, Rng& rng);
  void AddTrainer(uint32_t index);
  void PlanFaults();
  void PlanTrainerFaults(uint32_t index);
  void PlanDiskDeaths(uint32_t index);
  void PlanMassKills();
  void Supervise();
  void SuperviseTrainers();

  const TinyJob& job_;
  const TrainingClusterOptions options_;
  std::vector<std::unique_ptr<ShardDisk>> disks_;  // By shard.
  std::vector<uint32_t> lives_;                    // By trainer.
  std::vector<bool> reported_;                     // By trainer.
  CheckerSet checkers_;
  SimCluster cluster_;  // Last: nodes go before what they use.
};

}  // namespace skybridge::sim
