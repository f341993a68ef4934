// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ps/shard_node.h"
#include "scheduler/scheduler_node.h"
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
  int32_t staleness = 0;
  std::string export_folder;  // Empty: the job ends with its training.
};

// What survives the deaths of one shard.
struct ShardDisk {
  explicit ShardDisk(std::vector<size_t> record_bytes) : store(std::move(record_bytes)) {}

  support::MemoryRowStore store;
  support::MemoryRedoLog log;
  Fuse fuse;
  FusedRowStore fused_store{store, fuse};
  FusedRedoLog fused_log{log, fuse};
};

// A scheduler, shards and trainers over one tiny job, under the faults of a swarm: nodes
// "scheduler", "shard-0" .., "trainer-0" ... Watches what must hold after each event, and restarts
// trainers that were fenced, as whoever started them would.
class TrainingCluster {
 public:
  // `job` must outlive the cluster.
  TrainingCluster(const TinyJob& job, TrainingClusterOptions options);

  // Runs until the scheduler has finished, or the swarm's deadline. True if it finished.
  bool Run();

  const scheduler::JobResult& result() const { return scheduler().result(); }
  bool finished() const;
  // By TableId, summed over the shards, as the scheduler heard them; 0 for tables it did not hear
  // of.
  std::vector<uint64_t> TableHashes() const;
  // The first promise that was seen broken; empty if none.
  const std::string& violation() const { return violation_; }
  uint64_t nondeterminism() const;
  // Rows that shards wrote to their stores, for lack of memory.
  uint64_t rows_spilled() const;
  SimCluster& cluster() { return cluster_; }

 private:
  scheduler::SchedulerNode& scheduler() const;  // Must be up.
  // Null while it is down.
  const ps::ShardNode* shard(uint32_t index) const;
  scheduler::SchedulerNodeOptions SchedulerOptions() const;
  void AddScheduler();
  void AddShard(uint32_t index);
  void AddTrainer(uint32_t index);
  void PlanFaults();
  void PlanDiskDeaths(uint32_t index);
  bool Started() const;
  void Supervise();
  void CheckCommitted();

  const TinyJob& job_;
  const TrainingClusterOptions options_;
  std::vector<std::unique_ptr<ShardDisk>> disks_;  // By shard.
  std::vector<uint32_t> lives_;                    // By trainer.
  std::vector<uint64_t> committed_;                // By shard.
  std::vector<bool> reported_;                     // By trainer.
  std::string violation_;
  SimCluster cluster_;  // Last: nodes go before what they use.
};

}  // namespace skybridge::sim
