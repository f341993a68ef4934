// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/training_cluster.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "common/hash.h"
#include "common/rng.h"
#include "launch/exit_code.h"
#include "ps/row_record.h"
#include "scheduler/checkpoint_tasks.h"
#include "tests/sim/checkers/checkpoint_checker.h"
#include "tests/sim/checkers/export_checker.h"
#include "tests/sim/checkers/push_checkers.h"
#include "tests/sim/checkers/scheduler_checkers.h"
#include "tests/sim/checkers/view_checkers.h"

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr JobId kJob{.high = 17, .low = 4};
constexpr uint64_t kJobHash = 99;
constexpr const char* kVersion = "simulated";
// The job ends when no trainer is left, so one of them is never away for long.
constexpr uint32_t kSurvivor = 0;
constexpr Duration kSurvivorGapMax = seconds(3);
constexpr Duration kSupervision = milliseconds(500);
constexpr uint64_t kMemoryStep = 4 << 10;
constexpr uint64_t kAmpleMemory = 16 << 20;
constexpr uint64_t kInFlightMax = 8 << 20;
constexpr uint64_t kInFlightOfRank = 256 << 10;  // More than a rank's pushes and pulls ever take.
constexpr uint64_t kInFlightOfMove = 1 << 20;    // And than slots do that move.
// After the faults: the longest absence or freeze, its expiry, and pauses between retries.
constexpr Duration kCalmAfter = seconds(80);
constexpr Duration kStandstillMax = seconds(10);
// As fast as the object store's clock: objects are kept long enough for a round.
constexpr Duration kRoundMax =
    Duration(std::chrono::minutes(15)) / static_cast<int64_t>(SimObjectStore::kClockRate);

// Its disk knows whether it is open.
class OpenedShard : public MortalNode {
 public:
  // `shard` is `node`.
  OpenedShard(const ps::ShardNode& shard, std::unique_ptr<Node> node, ShardDisk& disk)
      : MortalNode(std::move(node), disk.fuse), disk_(disk) {
    disk_.node = &shard;
  }
  ~OpenedShard() override { disk_.node = nullptr; }

 private:
  ShardDisk& disk_;
};

// Is known to be up, and tells when old checkpoints were dropped.
class OpenedScheduler : public MortalNode {
 public:
  // `opened` is `node`. place: set while this lives.
  OpenedScheduler(scheduler::SchedulerNode& opened, std::unique_ptr<Node> node,
                  scheduler::SchedulerNode*& place, std::function<void()> pruned, const Fuse& fuse)
      : MortalNode(std::move(node), fuse), place_(place), pruned_(std::move(pruned)) {
    place_ = &opened;
  }
  ~OpenedScheduler() override { place_ = nullptr; }

  Effects Finish(std::unique_ptr<Task> task, Instant now) override {
    const auto* prune = dynamic_cast<const scheduler::PruneStore*>(task.get());
    if (prune != nullptr && prune->status.ok()) pruned_();
    return MortalNode::Finish(std::move(task), now);
  }

 private:
  scheduler::SchedulerNode*& place_;
  const std::function<void()> pruned_;
};

// Of what was not synced, a power cut may leave the beginning.
void CutPower(Rng& rng, support::MemoryRedoLog& log) {
  log.Truncate(log.synced() + rng.Below(log.last() - log.synced() + 1));
}

ps::ShardNodeOptions ShardOptionsOf(const TinyJob& job, const Swarm& swarm, uint32_t index) {
  ps::ShardNodeOptions options{
      .job = kJob,
      .job_hash = kJobHash,
      .shard = index,
      .process = index,
      .version = kVersion,
      .endpoint = ShardName(index),
      .scheduler_endpoint = kSchedulerName,
      .store_id = Mix64(swarm.seed) + index + 1,  // Clusters of one run have other seeds.
      .tables = job.model().tables(),
      .seed = job.job().seed(),
      .memory_bytes = kAmpleMemory,
      .in_flight_bytes_max = kInFlightMax,
      .image_log_bytes = swarm.image_log_bytes,
      .move_piece_bytes = std::min(swarm.move_piece_bytes, swarm.image_log_bytes / 4),
      .durability = swarm.power_cuts > 0 ? ps::Durability::kPower : ps::Durability::kProcess};
  if (swarm.tight_memory) {
    options.memory_bytes = kMemoryStep;  // The least that a shard accepts.
    while (!options.Validate().ok()) options.memory_bytes += kMemoryStep;
  }
  CHECK(options.Validate().ok()) << options.Validate();
  return options;
}

}  // namespace

RestoreShape RestoreShapeOf(const TinyJob& job, const Swarm& swarm) {
  const ps::ShardNodeOptions options = ShardOptionsOf(job, swarm, 0);
  return {.tables = options.tables, .memory_bytes = options.memory_bytes};
}

TrainingCluster::TrainingCluster(const TinyJob& job, TrainingClusterOptions options,
                                 Beginning beginning)
    : job_(job),
      options_(std::move(options)),
      disks_(std::move(beginning.disks)),
      lives_(options_.swarm.trainers),
      exited_(options_.swarm.trainers),
      checkers_([this](uint32_t shard) { return disks_[shard]->log.last(); },
                [this] { return cluster_.now(); }),
      cluster_({.seed = options_.swarm.seed,
                .links = options_.swarm.links,
                .tick = options_.swarm.tick,
                .task_max = options_.swarm.task_max}) {
  CHECK(!checkpoints() || options_.objects != nullptr);
  if (checkpoints()) {
    options_.objects->Follow([this] { return cluster_.now(); }, options_.swarm.heal_at);
  }
  AddScheduler(std::move(beginning.scheduler_log));
  for (uint32_t s = 0; s < shards(); ++s) AddShard(s);
  for (uint32_t t = 0; t < options_.swarm.trainers; ++t) AddTrainer(t);
  AddCheckers(beginning);
  PlanFaults();
  cluster_.At({kSupervision}, [this] { Supervise(); });
}

TrainingCluster::~TrainingCluster() {
  if (options_.objects != nullptr) options_.objects->Rest();
}

void TrainingCluster::AddCheckers(const Beginning& beginning) {
  const Swarm& swarm = options_.swarm;
  const uint64_t memory = ShardOptionsOf(job_, swarm, 0).memory_bytes +
                          kInFlightOfRank * swarm.ranks + (swarm.scales > 0 ? kInFlightOfMove : 0);
  const auto add = [this](auto checker) { checkers_.Add(std::move(checker)); };
  add(std::make_unique<AcceptedOnce>());
  add(std::make_unique<AcknowledgedStays>());
  add(std::make_unique<FormerAttempts>(swarm.staleness == 0));
  add(std::make_unique<LoggedFirst>(beginning.phase));
  add(std::make_unique<CommittedTogether>(
      shards(), swarm.shards, [this](uint32_t shard) { return committed(shard); }, beginning.clock,
      swarm.power_cuts > 0));
  add(std::make_unique<PullsSeeTheirClock>(swarm.staleness));
  add(std::make_unique<MemoryBounded>(memory));
  add(std::make_unique<FormerTimes>());
  auto slots = std::make_unique<SlotsServedOnce>(shards(), [this](uint32_t shard) {
    const ps::ShardNode* node = disks_[shard]->node;
    return node == nullptr ? ps::ShardNode::Serving() : node->serving();
  });
  slots_ = slots.get();
  add(std::move(slots));
  add(std::make_unique<LeasesDoneOnce>());
  add(std::make_unique<HistoryReplays>(swarm.seed,
                                       SchedulerOptionsOf(job_, swarm, options_.export_folder),
                                       cluster_.records(kSchedulerName)));
  add(std::make_unique<Progress>(swarm.heal_at + kCalmAfter + swarm.scheduler_outage,
                                 kStandstillMax));
  if (swarm.exports) {
    add(std::make_unique<ExportWhole>(options_.export_folder,
                                      (*job_.dataset().catalogue())->keys()));
  }
  if (checkpoints()) {
    auto whole = std::make_unique<CheckpointsWhole>(*options_.objects, swarm.checkpoint_keep,
                                                    options_.look_at_cut);
    checkpoints_whole_ = whole.get();
    add(std::move(whole));
  }
  cluster_.Observe(&checkers_);
}

scheduler::SchedulerNodeOptions SchedulerOptionsOf(const TinyJob& job, const Swarm& swarm,
                                                   const std::string& export_folder) {
  const data::DatasetPlan& plan = job.dataset().plan();
  return {.job = kJob,
          .job_hash = kJobHash,
          .dataset_hash = plan.hash(),
          .version = kVersion,
          .seed = job.job().seed(),
          .servers = swarm.shards,
          .shards = swarm.shards,
          .workers = swarm.trainers,
          .trainers = swarm.trainers,
          .ranks = swarm.ranks,
          .staleness = swarm.staleness,
          .epochs = swarm.epochs,
          .training_partitions = static_cast<uint32_t>(plan.train.size()),
          .candidate_partitions = static_cast<uint32_t>(plan.candidates.size()),
          .export_tables = job.QueryTables(),
          .export_folder = swarm.exports ? export_folder : "",
          .table_hash = true,
          .checkpoint_every = swarm.checkpoint_every,
          .checkpoint_keep = swarm.checkpoint_keep,
          .job_text = job.job().DebugString(),
          .job_base = job.folder(),
          .timings = {.round_max = kRoundMax}};
}

void TrainingCluster::AddScheduler(std::vector<Record> log) {
  const auto options = SchedulerOptionsOf(job_, options_.swarm, options_.export_folder);
  CHECK(options.Validate().ok()) << options.Validate();
  if (checkpoints()) {
    scheduler_objects_ =
        std::make_unique<GatedObjectStore<Fuse>>(options_.objects->faulty(), scheduler_fuse_);
  }
  cluster_.Add(
      kSchedulerName, [this, options] { return OpenScheduler(options); }, std::move(log));
}

std::unique_ptr<Node> TrainingCluster::OpenScheduler(
    const scheduler::SchedulerNodeOptions& options) {
  scheduler_fuse_.Renew();
  scheduler_is_new_ = true;
  auto node = scheduler::SchedulerNode::Restore(options, cluster_.records(kSchedulerName),
                                                scheduler_objects_.get());
  CHECK(node) << node.error();
  scheduler::SchedulerNode& opened = **node;
  return std::make_unique<OpenedScheduler>(
      opened, *std::move(node), scheduler_, [this] { checkpoints_whole_->Pruned(); },
      scheduler_fuse_);
}

void TrainingCluster::AddShard(uint32_t index) {
  ps::ShardNodeOptions options = ShardOptionsOf(job_, options_.swarm, index);
  if (index == disks_.size()) {
    disks_.push_back(std::make_unique<ShardDisk>(ps::RecordBytes(options.tables)));
  }
  ShardDisk& disk = *disks_[index];
  if (options_.swarm.log_capacity > 0) {
    // Slots that come need some too.
    disk.log.capacity = options_.swarm.log_capacity +
                        (options_.swarm.scales > 0 ? options_.swarm.image_log_bytes / 2 : 0);
  }
  if (checkpoints()) {
    disk.objects = std::make_unique<GatedObjectStore<Fuse>>(options_.objects->faulty(), disk.fuse);
  }
  Rng rng(options_.swarm.seed, Purpose::kSimulation, HashBytes(ShardName(index)), 4);
  cluster_.Add(ShardName(index), [this, options, &disk, rng]() mutable {
    options.instance = ++options.pid;
    return OpenShard(options, disk, rng);
  });
}

// Recovery is made of calls to the disk, so it may be cut short like anything else.
std::unique_ptr<Node> TrainingCluster::OpenShard(const ps::ShardNodeOptions& options,
                                                 ShardDisk& disk, Rng& rng) {
  const uint64_t calls = rng.Below(6);
  const bool carried_out = rng.Below(2) == 0;
  const bool dies = options.pid > 1 && rng.UniformDouble() < options_.swarm.recovery_crashes;
  const bool cut = options_.swarm.power_cuts > 0 && options.pid > 1 &&
                   rng.UniformDouble() < options_.swarm.power_cuts;
  if (cut && cluster_.now() < options_.swarm.heal_at) CutPower(rng, disk.log);
  disk.fuse.Renew();
  if (dies && cluster_.now() < options_.swarm.heal_at) disk.fuse.Arm(calls, carried_out);
  auto node = ps::ShardNode::Open(options, disk.fused_store, disk.fused_log, disk.objects.get());
  if (!node && disk.fuse.blown()) return std::make_unique<MortalNode>(nullptr, disk.fuse);
  CHECK(node) << node.error();
  const ps::ShardNode& shard = **node;
  return std::make_unique<OpenedShard>(shard, *std::move(node), disk);
}

void TrainingCluster::AddTrainer(uint32_t index) {
  worker::TrainerNodeOptions options{.scheduler_endpoint = kSchedulerName,
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
    options.instance = options.pid;
    return std::make_unique<worker::TrainerNode>(options, job_.model(), job_.dataset());
  });
}

std::optional<uint64_t> TrainingCluster::committed(uint32_t shard) const {
  const ps::ShardNode* node = disks_[shard]->node;
  if (node == nullptr) return std::nullopt;
  return node->committed();
}

std::vector<std::string> TrainingCluster::node_names() const {
  std::vector<std::string> names;
  for (uint32_t s = 0; s < shards(); ++s) names.push_back(ShardName(s));
  for (uint32_t t = 0; t < options_.swarm.trainers; ++t) names.push_back(TrainerName(t));
  names.emplace_back(kSchedulerName);
  return names;
}

void TrainingCluster::PlanFaults() {
  const Swarm& swarm = options_.swarm;
  const auto always = [] { return true; };
  NodeFaults scheduler_faults = swarm.server_faults;
  scheduler_faults.crashes_per_minute = swarm.scheduler_crashes.crashes_per_minute;
  scheduler_faults.restart_max = swarm.scheduler_crashes.restart_max;
  PlanNodeFaults(swarm.seed, scheduler_faults, kSchedulerName, swarm.heal_at, always, cluster_);
  for (uint32_t s = 0; s < shards(); ++s) {
    NodeFaults shard_faults = swarm.server_faults;
    shard_faults.crashes_per_minute = swarm.shard_crashes.crashes_per_minute;
    shard_faults.restart_max = swarm.shard_crashes.restart_max;
    PlanNodeFaults(swarm.seed, shard_faults, ShardName(s), swarm.heal_at, always, cluster_);
    PlanDiskDeaths(ShardName(s), shard_faults.crashes_per_minute, disks_[s]->fuse);
  }
  PlanDiskDeaths(kSchedulerName, scheduler_faults.crashes_per_minute, scheduler_fuse_);
  for (uint32_t t = 0; t < swarm.trainers; ++t) PlanTrainerFaults(t);
  if (swarm.mass_kills_per_minute > 0) PlanMassKills();
  cluster_.At(swarm.heal_at, [this] { cluster_.transport().Heal(); });
}

void TrainingCluster::PlanTrainerFaults(uint32_t index) {
  const Swarm& swarm = options_.swarm;
  NodeFaults faults = swarm.trainer_faults;
  if (index == kSurvivor) {
    faults.restarts = true;
    faults.restart_max = std::min(faults.restart_max, kSurvivorGapMax);
    faults.freeze_max = std::min(faults.freeze_max, kSurvivorGapMax);
  }
  // The start needs every trainer; later they may stay away.
  const bool returns = faults.restarts;
  PlanNodeFaults(
      swarm.seed, faults, TrainerName(index), swarm.heal_at,
      [this, returns] { return returns || started(); }, cluster_);
}

void TrainingCluster::PlanMassKills() {
  const Swarm& swarm = options_.swarm;
  Rng rng(swarm.seed, Purpose::kSimulation, 0, 5);
  const Duration pause_max(static_cast<int64_t>(2 * 60e9 / swarm.mass_kills_per_minute));
  const auto names = node_names();
  Instant at;
  while (true) {
    at = at + DrawDuration(rng, Duration{0}, pause_max);
    if (at >= swarm.heal_at) return;
    cluster_.At(at, [this, names] {
      for (const std::string& name : names) cluster_.Crash(name);
    });
    for (const std::string& name : names) {
      const Duration absence = DrawDuration(rng, Duration{0}, kSurvivorGapMax);
      cluster_.At(at + absence, [this, name] { cluster_.Restart(name); });
    }
  }
}

// Deaths in the midst of a call to the disk or the object store; the supervision brings the process
// back.
void TrainingCluster::PlanDiskDeaths(const std::string& name, double per_minute, Fuse& fuse) {
  const Swarm& swarm = options_.swarm;
  if (per_minute == 0) return;
  Rng rng(swarm.seed, Purpose::kSimulation, HashBytes(name), 3);
  const Duration pause_max(static_cast<int64_t>(2 * 60e9 / per_minute));
  for (Instant at{}; at < swarm.heal_at;) {
    const uint64_t calls = rng.Below(40);
    const bool carried_out = rng.Below(2) == 0;
    cluster_.At(at, [=, &fuse] { fuse.Arm(calls, carried_out); });
    at = at + DrawDuration(rng, Duration{0}, pause_max);
  }
  cluster_.At(swarm.heal_at, [&fuse] { fuse.Disarm(); });
}

bool TrainingCluster::started() const {
  return scheduler_ != nullptr &&
         scheduler().progress(cluster_.clock(kSchedulerName)).phase != "waiting";
}

// As whoever started them would: what was fenced or died of its disk comes back.
void TrainingCluster::Supervise() {
  cluster_.At(cluster_.now() + kSupervision, [this] { Supervise(); });
  if (scheduler_fuse_.blown()) cluster_.Restart(kSchedulerName);
  if (scheduler_ == nullptr || finished()) return;
  SuperviseTrainers();
  // One that was sent away, or never asked for, stays away.
  const scheduler::JobProgress progress = scheduler_->progress(cluster_.clock(kSchedulerName));
  const uint32_t needed =
      std::max({progress.shards, progress.shards_wanted, options_.swarm.shards});
  for (uint32_t s = 0; s < std::min(needed, shards()); ++s) {
    const Node* node = cluster_.node(ShardName(s));
    if (node == nullptr || !node->finished()) continue;
    // One whose disk failed in the midst of a call was killed; and nobody starts spare ones before
    // they are asked for, as this cluster does.
    const bool ended = !disks_[s]->fuse.blown() && disks_[s]->node != nullptr;
    const Status how = ended ? disks_[s]->node->exit_status() : Status();
    const bool early = s >= options_.swarm.shards && how.code() == StatusCode::kInvalidArgument;
    RestartEnded(ShardName(s), early ? Status() : how);
  }
}

// As launch::KeptProcess does.
void TrainingCluster::RestartEnded(const std::string& name, const Status& how) {
  const launch::ExitCode code = launch::ExitCodeOf(how);
  if (code != launch::kSuccess && !launch::WorthRestarting(code)) {
    gave_up_ = name + " gave up: " + how.ToString();
  }
  cluster_.Restart(name);
}

bool TrainingCluster::RequestShards(uint32_t shards) {
  if (scheduler_ == nullptr || scheduler_fuse_.blown() || scheduler_->finished()) return false;
  return scheduler_->RequestShards(shards, cluster_.clock(kSchedulerName)).ok();
}

void TrainingCluster::TellExit(uint32_t trainer, uint32_t pid) {
  if (pid == 0) return;
  scheduler_->NodeExited({.place = {scheduler::Role::kTrainer, trainer},
                          .pid = pid,
                          .how = {StatusCode::kUnavailable, "simulated exit"}});
}

void TrainingCluster::SuperviseTrainers() {
  const bool tell = options_.swarm.supervised && started();
  const bool tell_again = tell && std::exchange(scheduler_is_new_, false);
  for (uint32_t t = 0; t < options_.swarm.trainers; ++t) {
    if (tell_again) TellExit(t, exited_[t]);
    const Node* node = cluster_.node(TrainerName(t));
    if (node != nullptr && !node->finished()) continue;
    if (tell && t != kSurvivor && exited_[t] != lives_[t]) TellExit(t, exited_[t] = lives_[t]);
    if (node == nullptr) continue;
    RestartEnded(TrainerName(t), dynamic_cast<const worker::TrainerNode&>(*node).exit_status());
  }
}

bool TrainingCluster::finished() const {
  return scheduler_ != nullptr && !scheduler_fuse_.blown() && scheduler().finished();
}

bool TrainingCluster::Run(const std::function<bool()>& leave) {
  const auto done = [&] {
    checkers_.Passed();
    return finished() || checkers_.violation().has_value() || !gave_up_.empty() || leave();
  };
  return cluster_.Run(done, options_.swarm.deadline) && finished();
}

std::vector<SimCluster::Leftover> TrainingCluster::ThrowAway() {
  for (const std::string& name : node_names()) cluster_.Crash(name);
  checkers_.Passed();
  return cluster_.TakeRequests();
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
  for (uint32_t s = 0; s < shards(); ++s) {
    if (committed(s)) seen += disks_[s]->node->stats().nondeterminism;
  }
  return seen;
}

uint64_t TrainingCluster::rows_spilled() const {
  uint64_t rows = 0;
  for (const auto& disk : disks_) rows += disk->store.rows_ingested;
  return rows;
}

uint64_t TrainingCluster::log_full() const {
  uint64_t refused = 0;
  for (const auto& disk : disks_) refused += disk->log.refused;
  return refused;
}

}  // namespace skybridge::sim
