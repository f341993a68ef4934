// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ps/shard_node.h"
#include "scheduler/scheduler_node.h"
#include "tests/sim/beginning.h"
#include "tests/sim/checkers/checker_set.h"
#include "tests/sim/checkers/checkpoint_checker.h"
#include "tests/sim/checkers/slot_checker.h"
#include "tests/sim/fused_disk.h"
#include "tests/sim/shard_disk.h"
#include "tests/sim/sim_cluster.h"
#include "tests/sim/swarm.h"
#include "tests/sim/tiny_job.h"
#include "worker/trainer_node.h"

namespace skybridge::sim {

struct TrainingClusterOptions {
  Swarm swarm;
  std::string export_folder;          // Of jobs that export.
  SimObjectStore* objects = nullptr;  // Of jobs that make checkpoints; outlives the cluster.
  LookAtCut look_at_cut;              // At each checkpoint.
};

// What a checkpoint of such a cluster is restored by.
scheduler::SchedulerNodeOptions SchedulerOptionsOf(const TinyJob& job, const Swarm& swarm,
                                                   const std::string& export_folder);
RestoreShape RestoreShapeOf(const TinyJob& job, const Swarm& swarm);

// A scheduler, shards and trainers over one tiny job, under the faults of a swarm: nodes
// "scheduler", "shard-0" .., "trainer-0" ... Checkers watch it; whoever started the nodes restarts
// those that end.
class TrainingCluster {
 public:
  // `job` must outlive the cluster, which goes on from `beginning`, if there is any.
  TrainingCluster(const TinyJob& job, TrainingClusterOptions options, Beginning beginning = {});
  ~TrainingCluster();

  // Runs until the scheduler has finished, a promise was seen broken, a node gave up, `leave`
  // holds, or the swarm's deadline. True if it finished.
  bool Run(const std::function<bool()>& leave);
  // Runs to the end.
  bool Run() {
    return Run([] { return false; });
  }
  // All nodes die at once, for good. What they had said and nobody had heard.
  std::vector<SimCluster::Leftover> ThrowAway();

  const scheduler::JobResult& result() const { return scheduler().result(); }
  bool finished() const;
  // Every trainer was there, and the job has begun.
  bool started() const;
  // By TableId, summed over the shards, as the scheduler heard them; 0 for tables it did not hear
  // of.
  std::vector<uint64_t> TableHashes() const;
  // Of a shard or trainer that ended in a way after which nobody starts it again, though the job
  // went on: its name, and why. Empty: none did.
  const std::string& gave_up() const { return gave_up_; }
  uint64_t nondeterminism() const;
  // Rows that shards wrote to their stores, for lack of memory.
  uint64_t rows_spilled() const;
  // Pushes that shards refused for lack of room in their logs.
  uint64_t log_full() const;
  // Moves of slots that were made.
  uint64_t slot_moves() const { return slots_->moves(); }
  // The last clock in the rows; nothing while the shard is down.
  std::optional<uint64_t> committed(uint32_t shard) const;
  // Asks the scheduler for so many shards. False: it could not hear that.
  bool RequestShards(uint32_t shards);
  // How the job looks from its start: shards first, then trainers, then the scheduler.
  std::vector<std::string> node_names() const;
  const Swarm& swarm() const { return options_.swarm; }
  SimCluster& cluster() { return cluster_; }
  CheckerSet& checkers() { return checkers_; }

 private:
  const scheduler::SchedulerNode& scheduler() const { return *scheduler_; }  // Must be up.
  // Those at first, and those that may join.
  uint32_t shards() const { return options_.swarm.shards + options_.swarm.spare_shards; }
  bool checkpoints() const { return options_.swarm.checkpoint_every > Duration{0}; }
  void AddCheckers(const Beginning& beginning);
  void AddScheduler(std::vector<Record> log);
  std::unique_ptr<Node> OpenScheduler(const scheduler::SchedulerNodeOptions& options);
  void AddShard(uint32_t index);
  std::unique_ptr<Node> OpenShard(const ps::ShardNodeOptions& options, ShardDisk& disk, Rng& rng);
  void AddTrainer(uint32_t index);
  void PlanFaults();
  void PlanTrainerFaults(uint32_t index);
  void PlanDiskDeaths(const std::string& name, double per_minute, Fuse& fuse);
  void PlanMassKills();
  void Supervise();
  void SuperviseTrainers();
  void TellExit(uint32_t trainer, uint32_t pid);
  void RestartEnded(const std::string& name, const Status& how);

  const TinyJob& job_;
  const TrainingClusterOptions options_;
  std::vector<std::unique_ptr<ShardDisk>> disks_;  // By shard.
  Fuse scheduler_fuse_;
  scheduler::SchedulerNode* scheduler_ = nullptr;  // While it is up.
  std::unique_ptr<ObjectStore> scheduler_objects_;
  CheckpointsWhole* checkpoints_whole_ = nullptr;  // One of the checkers, as is the next.
  SlotsServedOnce* slots_ = nullptr;
  std::vector<uint32_t> lives_;    // By trainer.
  std::vector<uint32_t> exited_;   // By trainer: the last process that was reported, 0: none.
  bool scheduler_is_new_ = false;  // It has not been told of them.
  std::string gave_up_;
  CheckerSet checkers_;
  SimCluster cluster_;  // Last: nodes go before what they use.
};

}  // namespace skybridge::sim
