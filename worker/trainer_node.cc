// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer_node.h"

#include <algorithm>
#include <vector>

#include <glog/logging.h>

#include "proto/envelope.h"
#include "worker/async_partition.h"
#include "worker/build_index.h"
#include "worker/commit_export.h"
#include "worker/evaluate_partition.h"
#include "worker/export_partition.h"
#include "worker/export_table.h"
#include "worker/lockstep_rank.h"
#include "worker/prepare_partition.h"

namespace skybridge::worker {
namespace {

constexpr Duration kOverdueAfter = std::chrono::seconds(10);  // And between two lines.

bool SlotsDiffer(const ShardMap& a, const ShardMap& b) {
  return !std::ranges::equal(a.shards(), b.shards(), [](const auto& x, const auto& y) {
    return x.slot_begin == y.slot_begin && x.slot_end == y.slot_end;
  });
}

}  // namespace

TrainerNode::TrainerNode(TrainerNodeOptions options, const model::TwoTower& model,
                         const Dataset& dataset)
    : options_(std::move(options)),
      model_(model),
      dataset_(dataset),
      calls_(options_.calls, cluster_),
      cache_(options_.partition_cache_bytes),
      link_({.endpoint = options_.scheduler_endpoint,
             .register_every = options_.register_every,
             .start_timeout = options_.start_timeout,
             .outage_max = options_.scheduler_outage_max}) {
  cluster_.self.set_job_high(options_.job_id.high);
  cluster_.self.set_job_low(options_.job_id.low);
}

void TrainerNode::Exit(Status status) {
  if (finished_) return;
  finished_ = true;
  exit_status_ = std::move(status);
}

void TrainerNode::SendToScheduler(wire::Header header, Effects* out) {
  *header.mutable_identity() = cluster_.self;
  out->send.push_back(wire::Seal(options_.scheduler_endpoint, std::move(header)));
}

Effects TrainerNode::Handle(const Envelope& message, Instant now) {
  Effects out;
  link_.Observe(now);
  auto header = wire::Open(message);
  if (!header.has_value()) {
    LOG_EVERY_N(WARNING, 100) << "from " << message.peer << ": " << header.error();
    return out;
  }
  const wire::Identity& from = header->identity();
  if (from.job_high() != options_.job_id.high || from.job_low() != options_.job_id.low) return out;
  if (message.peer == options_.scheduler_endpoint) {
    if (from.term() < cluster_.self.term()) return out;  // Another scheduler leads the job.
    cluster_.self.set_term(from.term());
    link_.Heard(now);
    HandleScheduler(*header, now, &out);
  } else {
    HandleShard(*std::move(header), message.payload, now, &out);
  }
  Settle(now, &out);
  return out;
}

void TrainerNode::HandleScheduler(const wire::Header& header, Instant now, Effects* out) {
  switch (header.body_case()) {
    case wire::Header::kWelcome: return HandleWelcome(header.welcome(), now);
    case wire::Header::kError: return HandleError(header);
    case wire::Header::kClusterMap: return HandleMap(header.cluster_map(), now, out);
    case wire::Header::kGrant:
      // What it is for may need shards that this node does not know yet. It will be repeated.
      if (header.identity().map_version() > Number(cluster_.map.version())) return;
      return HandleGrant(header.grant(), now, out);
    case wire::Header::kLeaseDoneReply: {
      const wire::Lease& lease = header.lease_done_reply().lease();
      const auto it = held_.find({lease.phase(), lease.kind(), lease.unit()});
      if (it != held_.end() && it->second.attempt == header.lease_done_reply().attempt() &&
          !it->second.work) {
        held_.erase(it);
      }
      return;
    }
    case wire::Header::kStop: {
      wire::Header leave;
      leave.mutable_leave()->set_reason("stop");
      SendToScheduler(std::move(leave), out);
      LOG_IF(WARNING, header.stop().failed()) << "the job failed: " << header.stop().reason();
      return Exit({});  // Its work is done, however the job ended.
    }
    default: return;  // HeartbeatReply, or something newer.
  }
}

void TrainerNode::HandleWelcome(const wire::Welcome& welcome, Instant now) {
  if (link_.welcomed()) return;
  cluster_.self.set_sender_incarnation(welcome.incarnation());
  cluster_.self.set_generation(welcome.generation());
  link_.Welcome(std::chrono::milliseconds(welcome.heartbeat_ms()), now);
}

void TrainerNode::HandleError(const wire::Header& header) {
  const Status status = wire::ToStatus(header.error());
  // A late answer to what was asked before this process was welcomed.
  if (link_.welcomed() &&
      header.identity().target_incarnation() != cluster_.self.sender_incarnation()) {
    return;
  }
  if (status.code() == StatusCode::kFenced || !link_.welcomed()) {
    Exit(status.WithContext("join the job at " + options_.scheduler_endpoint));
    return;
  }
  LOG(WARNING) << "scheduler: " << status;
}

void TrainerNode::HandleMap(const wire::ClusterMap& map, Instant now, Effects* out) {
  if (map.version() <= Number(cluster_.map.version())) return;
  std::vector<ShardMap::Shard> shards;
  for (const wire::ShardEntry& entry : map.shard()) {
    shards.push_back({ShardId(entry.shard()), entry.endpoint(), Incarnation(entry.incarnation()),
                      entry.slot_begin(), entry.slot_end()});
  }
  auto made = ShardMap::Create(MapVersion(map.version()), std::move(shards));
  if (!made.has_value()) {
    LOG(ERROR) << "scheduler sent a bad map: " << made.error();
    return;
  }
  const size_t count = cluster_.map.shards().size();
  const ShardMap before = std::exchange(cluster_.map, *std::move(made));
  cluster_.self.set_map_version(map.version());
  if (SlotsDiffer(before, cluster_.map)) return FollowSlots(now, out);
  for (size_t shard = 0; shard < count; ++shard) {
    // What its former process had not answered, this one is asked at once.
    if (cluster_.map.shards()[shard] != before.shards()[shard]) calls_.Resend(shard, now, out);
  }
}

// Whatever was asked was asked of the wrong shards.
void TrainerNode::FollowSlots(Instant now, Effects* out) {
  for (auto& [key, held] : held_) {
    if (held.work == nullptr) continue;
    calls_.Drop(held.owner);
    held.work->OnMap(now, out);
  }
}

void TrainerNode::HandleGrant(const wire::Grant& grant, Instant now, Effects* out) {
  // Repeated until this node has both; without them its requests would be refused.
  if (!link_.welcomed() || Number(cluster_.map.version()) == 0) return;
  const wire::Lease& lease = grant.lease();
  const LeaseKey key{lease.phase(), lease.kind(), lease.unit()};
  const auto it = held_.find(key);
  if (it != held_.end()) {
    if (it->second.attempt >= grant.attempt()) return;  // A repeat.
    calls_.Drop(it->second.owner);
    held_.erase(it);
  }
  const uint64_t owner = next_owner_++;
  auto work = MakeWork(grant, owner);
  if (!work) {
    LOG(ERROR) << "cannot work on " << lease.ShortDebugString();
    return;
  }
  Held& held = held_[key];
  held.owner = owner;
  held.lease = lease;
  held.attempt = grant.attempt();
  held.work = std::move(work);
  held.work->Begin(now, out);
}

std::unique_ptr<LeaseWork> TrainerNode::MakeWork(const wire::Grant& grant, uint64_t owner) {
  switch (grant.lease().kind()) {
    case wire::PREPARE_PARTITION:
      return std::make_unique<PreparePartition>(
          PreparePartition::Options{.owner = owner,
                                    .phase = grant.lease().phase(),
                                    .unit = grant.lease().unit(),
                                    .attempt = grant.attempt()},
          model_, dataset_, calls_, cluster_);
    case wire::TRAIN_RANK:
    case wire::TRAIN_PARTITION: return MakeTraining(grant, owner);
    case wire::EXPORT_PARTITION:
    case wire::EXPORT_TABLE:
    case wire::BUILD_INDEX:
    case wire::EXPORT_COMMIT: return MakeExport(grant, owner);
    case wire::EVALUATE_PARTITION:
      if (grant.evaluate().evaluation() >= options_.cutoffs.size()) return nullptr;
      return std::make_unique<EvaluatePartition>(
          EvaluatePartition::Options{
              .owner = owner,
              .phase = grant.lease().phase(),
              .partition = static_cast<uint32_t>(grant.lease().unit() & 0xffffffffu),
              .cutoffs = options_.cutoffs[grant.evaluate().evaluation()]},
          grant.evaluate(), model_, dataset_, calls_, cluster_);
    default: return nullptr;
  }
}

std::unique_ptr<LeaseWork> TrainerNode::MakeTraining(const wire::Grant& grant, uint64_t owner) {
  const wire::Lease& lease = grant.lease();
  if (lease.kind() == wire::TRAIN_RANK) {
    return std::make_unique<LockstepRank>(LockstepRank::Options{.owner = owner,
                                                                .phase = lease.phase(),
                                                                .attempt = grant.attempt(),
                                                                .seed = options_.seed,
                                                                .ranks = options_.ranks},
                                          grant.train(), model_, dataset_, cache_, calls_,
                                          cluster_);
  }
  return std::make_unique<AsyncPartition>(AsyncPartition::Options{.owner = owner,
                                                                  .phase = lease.phase(),
                                                                  .stream = lease.unit(),
                                                                  .attempt = grant.attempt()},
                                          grant.train(), model_, dataset_, cache_, calls_, cluster_,
                                          rank_clocks_[{lease.phase(), grant.train().rank()}]);
}

std::unique_ptr<LeaseWork> TrainerNode::MakeExport(const wire::Grant& grant, uint64_t owner) {
  const wire::Lease& lease = grant.lease();
  switch (lease.kind()) {
    case wire::EXPORT_PARTITION:
      return std::make_unique<ExportPartition>(
          ExportPartition::Options{.owner = owner,
                                   .phase = lease.phase(),
                                   .partition = static_cast<uint32_t>(lease.unit()),
                                   .attempt = grant.attempt()},
          grant.export_(), model_, dataset_, calls_, cluster_);
    case wire::EXPORT_TABLE: {
      const ExportTable::Options table{.owner = owner,
                                       .table = static_cast<uint32_t>(lease.unit() >> 32),
                                       .shard = static_cast<uint32_t>(lease.unit() & 0xffffffffu),
                                       .attempt = grant.attempt()};
      if (table.table >= model_.tables().size() || table.shard >= cluster_.map.shards().size()) {
        return nullptr;
      }
      return std::make_unique<ExportTable>(table, grant.export_(), model_.tables(), calls_);
    }
    case wire::BUILD_INDEX:
      return std::make_unique<BuildIndex>(BuildIndex::Options{.owner = owner,
                                                              .attempt = grant.attempt(),
                                                              .dim = model_.dim(),
                                                              .threads = options_.index_threads,
                                                              .index = options_.index_options},
                                          grant.export_());
    default:
      return std::make_unique<CommitExport>(owner, grant.attempt(), grant.export_(),
                                            options_.identity);
  }
}

void TrainerNode::HandleShard(wire::Header header, std::string payload, Instant now, Effects* out) {
  auto answer = calls_.Match(std::move(header), std::move(payload), now);
  if (!answer) return;
  if (Held* held = FindOwner(answer->owner); held != nullptr && held->work != nullptr) {
    held->work->OnAnswer(*answer, now, out);
  }
}

TrainerNode::Held* TrainerNode::FindOwner(uint64_t owner) {
  for (auto& [key, held] : held_) {
    if (held.owner == owner) return &held;
  }
  return nullptr;
}

Effects TrainerNode::Finish(std::unique_ptr<Task> task, Instant now) {
  Effects out;
  link_.Observe(now);
  auto& work_task = dynamic_cast<WorkTask&>(*task);
  if (Held* held = FindOwner(work_task.owner()); held != nullptr && held->work != nullptr) {
    held->work->OnTask(work_task, now, &out);
  }
  Settle(now, &out);
  return out;
}

// Works that ended become farewells.
void TrainerNode::Settle(Instant now, Effects* out) {
  for (auto it = held_.begin(); it != held_.end();) {
    Held& held = it->second;
    if (held.work == nullptr || !held.work->outcome()) {
      ++it;
      continue;
    }
    const LeaseOutcome& outcome = *held.work->outcome();
    calls_.Drop(held.owner);
    if (outcome.status.code() == StatusCode::kFenced) {
      it = held_.erase(it);  // Somebody else has it now.
      continue;
    }
    if (outcome.status.ok()) {
      wire::LeaseDone& done = *held.farewell.mutable_lease_done();
      done = outcome.done;
      *done.mutable_lease() = held.lease;
      done.set_attempt(held.attempt);
    } else {
      wire::LeaseReturned& returned = *held.farewell.mutable_lease_returned();
      *returned.mutable_lease() = held.lease;
      returned.set_attempt(held.attempt);
      returned.set_code(static_cast<uint32_t>(outcome.status.code()));
      returned.set_message(outcome.status.message());
    }
    held.work = nullptr;
    SayFarewell(held, now, out);
    ++it;
  }
}

void TrainerNode::SayFarewell(Held& held, Instant now, Effects* out) {
  SendToScheduler(held.farewell, out);
  held.farewell_at = now + options_.repeat_every;
}

void TrainerNode::SendHeartbeat(Effects* out) {
  wire::Header header;
  wire::Heartbeat& heartbeat = *header.mutable_heartbeat();
  heartbeat.set_map_version(Number(cluster_.map.version()));
  wire::Progress& sum = *heartbeat.mutable_progress();
  for (const auto& [key, held] : held_) {
    wire::HeldLease& entry = *heartbeat.add_held();
    *entry.mutable_lease() = held.lease;
    entry.set_attempt(held.attempt);
    if (!held.work) continue;
    const wire::Progress& progress = held.work->progress();
    sum.set_examples(sum.examples() + progress.examples());
    sum.set_loss_sum(sum.loss_sum() + progress.loss_sum());
    sum.set_done(sum.done() + progress.done());
    sum.set_total(sum.total() + progress.total());
  }
  SendToScheduler(std::move(header), out);
}

void TrainerNode::SendRegister(Effects* out) {
  wire::Header header;
  wire::Register& joining = *header.mutable_register_();
  joining.set_role(wire::TRAINER);
  joining.set_index(options_.index);
  joining.set_process(options_.process);
  joining.set_host(options_.host);
  joining.set_pid(options_.pid);
  joining.set_instance(options_.instance);
  joining.set_version(options_.version);
  joining.set_job_hash(options_.job_hash);
  joining.set_dataset_hash(options_.dataset_hash);
  SendToScheduler(std::move(header), out);
}

// Retrying for ever is right; in silence it is not.
void TrainerNode::SayOverdue(Instant now) {
  if (now < overdue_line_at_) return;
  const std::string overdue = calls_.Overdue(now, kOverdueAfter);
  if (overdue.empty()) return;
  overdue_line_at_ = now + kOverdueAfter;
  LOG(WARNING) << "trainer " << options_.index << " waits: " << overdue;
}

Effects TrainerNode::Tick(Instant now) {
  Effects out;
  if (finished_) return out;
  link_.Observe(now);
  if (Status alive = link_.Check(now); !alive.ok()) {
    Exit(std::move(alive));
    return out;
  }
  if (link_.TakeDue(now)) link_.welcomed() ? SendHeartbeat(&out) : SendRegister(&out);
  for (auto& [key, held] : held_) {
    if (!held.work && now >= held.farewell_at) SayFarewell(held, now, &out);
  }
  calls_.Tick(now, &out);
  SayOverdue(now);
  Settle(now, &out);
  return out;
}

}  // namespace skybridge::worker
