// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/training_cluster.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "common/hash.h"
#include "common/rng.h"
#include "ps/row_record.h"

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr JobId kJob{.high = 17, .low = 4};
constexpr uint64_t kJobHash = 99;
constexpr const char* kVersion = "simulated";
constexpr const char* kScheduler = "scheduler";
// The job ends when no trainer is left, so one of them is never away for long.
constexpr uint32_t kSurvivor = 0;
constexpr Duration kSurvivorGapMax = seconds(3);
constexpr Duration kSupervision = milliseconds(500);
constexpr uint64_t kMemoryStep = 4 << 10;
constexpr uint64_t kAmpleMemory = 16 << 20;

std::string ShardName(uint32_t index) { return "shard-" + std::to_string(index); }
std::string TrainerName(uint32_t index) { return "trainer-" + std::to_string(index); }

}  // namespace

TrainingCluster::TrainingCluster(const TinyJob& job, TrainingClusterOptions options)
    : job_(job),
      options_(std::move(options)),
      lives_(options_.swarm.trainers),
      committed_(options_.swarm.shards),
      reported_(options_.swarm.trainers),
      cluster_({.seed = options_.swarm.seed,
                .links = options_.swarm.links,
                .tick = options_.swarm.tick,
                .task_max = options_.swarm.task_max}) {
  AddScheduler();
  for (uint32_t s = 0; s < options_.swarm.shards; ++s) AddShard(s);
  for (uint32_t t = 0; t < options_.swarm.trainers; ++t) AddTrainer(t);
  PlanFaults();
  cluster_.At({kSupervision}, [this] { Supervise(); });
}

scheduler::SchedulerNodeOptions TrainingCluster::SchedulerOptions() const {
  const data::DatasetPlan& plan = job_.dataset().plan();
  return {.job = kJob,
          .job_hash = kJobHash,
          .dataset_hash = plan.hash(),
          .version = kVersion,
          .seed = job_.job().seed(),
          .servers = options_.swarm.shards,
          .shards = options_.swarm.shards,
          .workers = options_.swarm.trainers,
          .trainers = options_.swarm.trainers,
          .ranks = options_.swarm.ranks,
          .staleness = options_.staleness,
          .epochs = job_.job().training().epochs(),
          .training_partitions = static_cast<uint32_t>(plan.train.size()),
          .candidate_partitions = static_cast<uint32_t>(plan.candidates.size()),
          .export_tables = job_.QueryTables(),
          .export_folder = options_.export_folder,
          .table_hash = true};
}

void TrainingCluster::AddScheduler() {
  const scheduler::SchedulerNodeOptions options = SchedulerOptions();
  CHECK(options.Validate().ok()) << options.Validate();
  cluster_.Add(kScheduler, [this, options] {
    auto node = scheduler::SchedulerNode::Restore(options, cluster_.records(kScheduler));
    CHECK(node) << node.error();
    return *std::move(node);
  });
}

void TrainingCluster::AddShard(uint32_t index) {
  ps::ShardNodeOptions options{.job = kJob,
                               .job_hash = kJobHash,
                               .shard = index,
                               .process = index,
                               .version = kVersion,
                               .endpoint = ShardName(index),
                               .scheduler_endpoint = kScheduler,
                               .tables = job_.model().tables(),
                               .seed = job_.job().seed(),
                               .memory_bytes = kAmpleMemory};
  if (options_.swarm.tight_memory) {
    options.memory_bytes = kMemoryStep;  // The least that a shard accepts.
    while (!options.Validate().ok()) options.memory_bytes += kMemoryStep;
  }
  CHECK(options.Validate().ok()) << options.Validate();
  disks_.push_back(std::make_unique<ShardDisk>(ps::RecordBytes(options.tables)));
  options.image_log_bytes = options_.swarm.image_log_bytes;
  options.store_id = index + 1;
  cluster_.Add(ShardName(index), [options, disk = disks_.back().get()]() mutable {
    ++options.pid;
    disk->fuse.Renew();
    auto node = ps::ShardNode::Open(options, disk->fused_store, disk->fused_log);
    CHECK(node) << node.error();
    return std::make_unique<MortalNode>(*std::move(node), disk->fuse);
  });
}

void TrainingCluster::AddTrainer(uint32_t index) {
  worker::TrainerNodeOptions options{.scheduler_endpoint = kScheduler,
                                     .index = index,
                                     .process = index,
                                     .version = kVersion,
                                     .job_id = kJob,
                                     .job_hash = kJobHash,
                                     .dataset_hash = job_.dataset().plan().hash(),
                                     .seed = job_.job().seed(),
                                     .ranks = options_.swarm.ranks};
  cluster_.Add(TrainerName(index), [this, options, index]() mutable {
    options.pid = ++lives_[index];
    reported_[index] = false;
    return std::make_unique<worker::TrainerNode>(options, job_.model(), job_.dataset());
  });
}

scheduler::SchedulerNode& TrainingCluster::scheduler() const {
  return dynamic_cast<scheduler::SchedulerNode&>(*cluster_.node(kScheduler));
}

const ps::ShardNode* TrainingCluster::shard(uint32_t index) const {
  const Node* node = cluster_.node(ShardName(index));
  if (node == nullptr) return nullptr;
  return &dynamic_cast<const ps::ShardNode&>(dynamic_cast<const MortalNode*>(node)->inner());
}

void TrainingCluster::PlanFaults() {
  const Swarm& swarm = options_.swarm;
  const auto always = [] { return true; };
  NodeFaults scheduler_faults = swarm.server_faults;
  scheduler_faults.crashes_per_minute = swarm.scheduler_crashes.crashes_per_minute;
  scheduler_faults.restart_max = swarm.scheduler_crashes.restart_max;
  PlanNodeFaults(swarm.seed, scheduler_faults, kScheduler, swarm.heal_at, always, cluster_);
  for (uint32_t s = 0; s < swarm.shards; ++s) {
    NodeFaults shard_faults = swarm.server_faults;
    shard_faults.crashes_per_minute = swarm.shard_crashes.crashes_per_minute;
    shard_faults.restart_max = swarm.shard_crashes.restart_max;
    PlanNodeFaults(swarm.seed, shard_faults, ShardName(s), swarm.heal_at, always, cluster_);
    PlanDiskDeaths(s);
  }
  for (uint32_t t = 0; t < swarm.trainers; ++t) {
    NodeFaults faults = swarm.trainer_faults;
    if (t == kSurvivor) {
      faults.restarts = true;
      faults.restart_max = std::min(faults.restart_max, kSurvivorGapMax);
      faults.freeze_max = std::min(faults.freeze_max, kSurvivorGapMax);
    }
    const bool returns = faults.restarts;
    PlanNodeFaults(
        swarm.seed, faults, TrainerName(t), swarm.heal_at,
        [this, returns] { return returns || Started(); }, cluster_);
  }
  cluster_.At(swarm.heal_at, [this] { cluster_.transport().Heal(); });
}

// Deaths in the midst of a call to the disk; the supervision brings the shard back.
void TrainingCluster::PlanDiskDeaths(uint32_t index) {
  const Swarm& swarm = options_.swarm;
  const double per_minute = swarm.shard_crashes.crashes_per_minute;
  if (per_minute == 0) return;
  Rng rng(swarm.seed, Purpose::kSimulation, HashBytes(ShardName(index)), 3);
  const Duration pause_max(static_cast<int64_t>(2 * 60e9 / per_minute));
  for (Instant at{}; at < swarm.heal_at;) {
    const uint64_t calls = rng.Below(40);
    const bool carried_out = rng.Below(2) == 0;
    cluster_.At(at, [=, disk = disks_[index].get()] { disk->fuse.Arm(calls, carried_out); });
    at = at + DrawDuration(rng, Duration{0}, pause_max);
  }
  cluster_.At(swarm.heal_at, [disk = disks_[index].get()] { disk->fuse.Disarm(); });
}

// The start needs every trainer; later they may stay away.
bool TrainingCluster::Started() const {
  return cluster_.node(kScheduler) != nullptr &&
         scheduler().progress(cluster_.clock(kScheduler)).phase != "waiting";
}

void TrainingCluster::Supervise() {
  cluster_.At(cluster_.now() + kSupervision, [this] { Supervise(); });
  if (cluster_.node(kScheduler) == nullptr) return;
  const bool started = Started();
  for (uint32_t t = 0; t < options_.swarm.trainers && !finished(); ++t) {
    const Node* node = cluster_.node(TrainerName(t));
    if (node != nullptr && !node->finished()) continue;
    if (options_.swarm.supervised && started && t != kSurvivor && !reported_[t]) {
      reported_[t] = true;
      scheduler().NodeExited(scheduler::Role::kTrainer, t,
                             {StatusCode::kUnavailable, "simulated exit"}, false);
    }
    if (node != nullptr) cluster_.Restart(TrainerName(t));  // It was fenced.
  }
  for (uint32_t s = 0; s < options_.swarm.shards && !finished(); ++s) {
    const Node* node = cluster_.node(ShardName(s));
    if (node != nullptr && node->finished()) cluster_.Restart(ShardName(s));
  }
}

bool TrainingCluster::finished() const {
  return cluster_.node(kScheduler) != nullptr && scheduler().finished();
}

bool TrainingCluster::Run() {
  const auto done = [this] {
    CheckCommitted();
    return finished() || !violation_.empty();
  };
  return cluster_.Run(done, options_.swarm.deadline) && violation_.empty();
}

// I4: `committed` never goes back, and no shard is more than one clock ahead of another.
void TrainingCluster::CheckCommitted() {
  for (uint32_t s = 0; s < committed_.size(); ++s) {
    if (shard(s) == nullptr) continue;
    const uint64_t now = shard(s)->committed();
    if (now < committed_[s])
      violation_ = ShardName(s) + " went back to clock " + std::to_string(now);
    committed_[s] = now;
  }
  const auto [low, high] = std::ranges::minmax(committed_);
  if (high > low + 1) {
    violation_ = "a shard committed clock " + std::to_string(high) + " while another is at " +
                 std::to_string(low);
  }
}

std::vector<uint64_t> TrainingCluster::TableHashes() const {
  std::vector<uint64_t> hashes;
  for (const TableSpec& spec : job_.model().tables()) {
    const auto& sums = result().table_hashes;
    const auto sum = std::ranges::find(sums, spec.name, &scheduler::TableSum::name);
    hashes.push_back(sum == sums.end() ? 0 : sum->hash);
  }
  return hashes;
}

uint64_t TrainingCluster::nondeterminism() const {
  uint64_t seen = 0;
  for (uint32_t s = 0; s < options_.swarm.shards; ++s) {
    if (shard(s) != nullptr) seen += shard(s)->stats().nondeterminism;
  }
  return seen;
}

uint64_t TrainingCluster::rows_spilled() const {
  uint64_t rows = 0;
  for (const auto& disk : disks_) rows += disk->store.rows_ingested;
  return rows;
}

}  // namespace skybridge::sim
