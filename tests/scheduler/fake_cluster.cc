// SPDX-License-Identifier: Apache-2.0
#include "tests/scheduler/fake_cluster.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>
#include <gtest/gtest.h>

#include "proto/envelope.h"
#include "scheduler/delete_folder.h"
#include "tests/support/fake_checkpoint.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLatency = milliseconds(1);
constexpr Duration kStep = milliseconds(5);
constexpr char kScheduler[] = "scheduler";

}  // namespace

SchedulerNodeOptions FakeOptions() {
  SchedulerNodeOptions options;
  options.job = {7, 9};
  options.job_hash = 11;
  options.dataset_hash = 22;
  options.version = std::string("1");
  options.seed = 5;
  options.shards = options.servers = 2;
  options.trainers = options.workers = 2;
  options.ranks = 3;
  options.epochs = 2;
  options.training_partitions = 3;
  options.candidate_partitions = 2;
  options.evaluations = {{.name = "test", .partitions = 2, .every_epochs = 1}};
  options.export_tables = {0, 2};
  options.export_folder = std::string("/export");
  options.temp_folder = std::string("/temp");
  options.table_hash = true;
  return options;
}

// ---------------------------------------------------------------- nodes

FakeNode::FakeNode(FakeCluster& cluster, wire::Role role, uint32_t index, uint32_t pid)
    : cluster_(cluster), role_(role), index_(index), pid_(pid) {
  self_.set_job_high(7);
  self_.set_job_low(9);
}

std::string FakeNode::peer() const {
  return fmt::format("{}{}#{}", role_ == wire::SHARD ? 's' : 't', index_, pid_);
}

void FakeNode::Send(wire::Header header, Instant) {
  *header.mutable_identity() = self_;
  cluster_.Send(peer(), wire::Seal(kScheduler, std::move(header)));
}

void FakeNode::Handle(const Envelope& message, Instant now) {
  if (!alive || left) return;
  const wire::Header header = *wire::Open(message);
  if (header.identity().term() < self_.term()) return;
  self_.set_term(header.identity().term());
  const uint64_t target = header.identity().target_incarnation();
  switch (header.body_case()) {
    case wire::Header::kWelcome:
      self_.set_sender_incarnation(header.welcome().incarnation());
      self_.set_generation(header.welcome().generation());
      next_beat_ = now;
      return;
    case wire::Header::kError:
      if (self_.sender_incarnation() == 0 ||
          header.error().code() == static_cast<uint32_t>(StatusCode::kFenced)) {
        refused = header.error().message();
        alive = false;
      }
      return;
    case wire::Header::kClusterMap: map_version_ = header.cluster_map().version(); return;
    case wire::Header::kStop: {
      wire::Header leave;
      leave.mutable_leave()->set_reason("stop");
      Send(std::move(leave), now);
      left = true;
      return;
    }
    default:
      if (target == self_.sender_incarnation() && map_version_ > 0) HandleBody(header, now);
  }
}

void FakeNode::Tick(Instant now) {
  if (!alive || left) return;
  if (now >= next_beat_) {
    next_beat_ = now + seconds(1);
    wire::Header header;
    if (self_.sender_incarnation() == 0) {
      wire::Register& joining = *header.mutable_register_();
      joining.set_role(role_);
      joining.set_index(index_);
      joining.set_process(index_);
      joining.set_host("host");
      joining.set_pid(pid_);
      joining.set_instance(pid_);
      joining.set_version("1");
      joining.set_job_hash(11);
      if (role_ == wire::TRAINER) joining.set_dataset_hash(dataset_hash);
      if (role_ == wire::SHARD) joining.set_endpoint(fmt::format("tcp://{}", peer()));
      joining.set_store_id(store_id);
    } else {
      header.mutable_heartbeat()->set_map_version(map_version_);
      FillHeartbeat(header.mutable_heartbeat());
    }
    Send(std::move(header), now);
  }
  TickBody(now);
}

// ---------------------------------------------------------------- trainer

void FakeTrainer::HandleBody(const wire::Header& header, Instant now) {
  if (header.has_lease_done_reply()) {
    const wire::LeaseDoneReply& reply = header.lease_done_reply();
    const auto it = held_.find(reply.lease().SerializeAsString());
    if (it == held_.end() || it->second.grant.attempt() != reply.attempt()) return;
    if (it->second.farewell.has_lease_done() && !reply.already_done()) {
      ++cluster_.first_reports[it->first];
    }
    held_.erase(it);
    return;
  }
  if (!header.has_grant()) return;
  const std::string key = header.grant().lease().SerializeAsString();
  const auto it = held_.find(key);
  if (it != held_.end() && it->second.grant.attempt() >= header.grant().attempt()) return;
  held_[key] = {.grant = header.grant(), .ready_at = now + work};
  cluster_.grants.push_back(header.grant());
}

void FakeTrainer::TickBody(Instant now) {
  for (auto& [key, held] : held_) {
    if (!held.finished && now >= held.ready_at) {
      held.farewell = Finish(held.grant);
      held.finished = true;
    }
    if (!held.finished || now < held.say_at) continue;
    held.say_at = now + seconds(1);
    Send(held.farewell, now);
  }
}

void FakeTrainer::FillHeartbeat(wire::Heartbeat* beat) {
  for (const auto& [key, held] : held_) {
    *beat->add_held()->mutable_lease() = held.grant.lease();
    beat->mutable_held(beat->held_size() - 1)->set_attempt(held.grant.attempt());
  }
}

wire::Header FakeTrainer::Finish(const wire::Grant& grant) {
  wire::Header header;
  const wire::Lease& lease = grant.lease();
  if (lease.kind() == return_kind && returns > 0) {
    --returns;
    *header.mutable_lease_returned()->mutable_lease() = lease;
    header.mutable_lease_returned()->set_attempt(grant.attempt());
    header.mutable_lease_returned()->set_code(static_cast<uint32_t>(return_code));
    header.mutable_lease_returned()->set_message("disk full");
    return header;
  }
  wire::LeaseDone& done = *header.mutable_lease_done();
  *done.mutable_lease() = lease;
  done.set_attempt(grant.attempt());
  FakeWorld& world = cluster_.world;
  switch (lease.kind()) {
    case wire::PREPARE_PARTITION: FinishPrepare(grant, &done); break;
    case wire::TRAIN_RANK: world.rank_done[lease.unit()] = grant.train().clock_end(); break;
    case wire::TRAIN_PARTITION:
      world.stream_done[{lease.phase(), lease.unit()}] = grant.train().partition_batches();
      done.set_count(grant.train().partition_batches());
      break;
    case wire::EVALUATE_PARTITION: {
      wire::MetricAtK& at = *done.mutable_metrics()->add_at();
      done.mutable_metrics()->set_queries(4);
      at.set_k(10);
      const std::string& folder = grant.evaluate().folder();
      at.set_recall(4 * world.recall(std::stoull(folder.substr(folder.rfind('-') + 1))));
      break;
    }
    default: FinishExport(grant, &done); break;
  }
  return header;
}

void FakeTrainer::FinishPrepare(const wire::Grant& grant, wire::LeaseDone* done) {
  FakeWorld& world = cluster_.world;
  const uint64_t unit = grant.lease().unit();
  world.stream_done[{grant.lease().phase(), unit}] = 2;
  done->set_count(2);
  if (unit < world.batches.size()) {
    done->mutable_progress()->set_total(world.batches[unit]);
    done->set_examples(10 * world.batches[unit]);
  } else {
    done->set_examples(world.candidates_per_partition);
  }
}

void FakeTrainer::FinishExport(const wire::Grant& grant, wire::LeaseDone* done) {
  const auto add = [&](const std::string& kind, uint64_t rows) {
    wire::PartFile& file = *done->add_part();
    file.set_name(fmt::format("{}-{}-{}", kind, grant.lease().unit(), grant.attempt()));
    file.set_kind(kind);
    file.set_rows(rows);
  };
  switch (grant.lease().kind()) {
    case wire::EXPORT_PARTITION:
      add("vectors", cluster_.world.candidates_per_partition);
      if (!grant.export_().vectors_only()) add("labels", cluster_.world.candidates_per_partition);
      break;
    case wire::EXPORT_TABLE: add("table_rows", 1); break;
    case wire::BUILD_INDEX:
      add("index", 1);
      done->set_report("{\"lists\":1}");
      done->mutable_metrics()->set_queries(10);
      done->mutable_metrics()->add_at()->set_recall(9);
      break;
    default: break;
  }
}

// ---------------------------------------------------------------- shard

FakeStore& FakeShard::store() { return cluster_.world.stores[store_id]; }

bool FakeShard::AllIn(const wire::ClosePhase& close) {
  const wire::OpenPhase& rules = store().rules;
  if (!rules.lockstep() || rules.read_only()) return true;
  for (uint32_t rank = 0; rank < rules.ranks(); ++rank) {
    const auto it = cluster_.world.rank_done.find(rank);
    if (it == cluster_.world.rank_done.end() || it->second < close.clock_end()) return false;
  }
  return true;
}

// As far as the slowest rank, which finishes a phase at once.
uint64_t FakeShard::committed() {
  const wire::OpenPhase& rules = store().rules;
  if (!rules.lockstep()) return 0;
  uint64_t slowest = std::numeric_limits<uint64_t>::max();
  for (uint32_t rank = 0; rank < rules.ranks(); ++rank) {
    slowest = std::min(slowest, cluster_.world.rank_done[rank]);
  }
  return std::max({uint64_t{rules.clock_begin()}, slowest, cluster_.world.committed(index_)});
}

bool FakeShard::HandleRound(const wire::Header& header, wire::RoundReply* reply) {
  switch (header.body_case()) {
    case wire::Header::kPrepareRound:
      reply->set_round(header.prepare_round().round());
      reply->set_state(Prepare(reply->round()));
      break;
    case wire::Header::kCutRound:
      reply->set_round(header.cut_round().round());
      reply->set_state(Cut(header.cut_round()));
      break;
    case wire::Header::kCollectRound:
      reply->set_round(header.collect_round().round());
      reply->set_state(Collect(reply->round(), reply));
      break;
    case wire::Header::kEndRound:
      reply->set_round(header.end_round().round());
      ended_ = std::max(ended_, reply->round());
      reply->set_state(wire::RoundReply::ENDED);
      break;
    default: return false;
  }
  if (const auto state = spoil(header)) {
    reply->set_state(*state);
    reply->set_failure("disk full");
  }
  reply->set_committed(committed());
  return true;
}

// A move takes a few questions. The shard that takes slots stands then where shard 0 does.
bool FakeShard::HandleMove(const wire::Header& header, wire::MoveReply* reply) {
  switch (header.body_case()) {
    case wire::Header::kTakeSlots:
      reply->set_map_version(header.take_slots().map_version());
      reply->set_state(moves_[reply->map_version()]++ < 3 ? wire::MoveReply::COPYING
                                                          : wire::MoveReply::READY);
      break;
    case wire::Header::kFreezeSlots:
      reply->set_map_version(header.freeze_slots().map_version());
      reply->set_state(wire::MoveReply::FROZEN);
      break;
    case wire::Header::kInstallSlots:
      reply->set_map_version(header.install_slots().map_version());
      reply->set_state(moves_.contains(reply->map_version()) ? wire::MoveReply::INSTALLED
                                                             : wire::MoveReply::NO_MOVE);
      store() = cluster_.world.stores[cluster_.shards.front()->store_id];
      break;
    default: return false;
  }
  if (reply->map_version() != map_version_) reply->set_state(wire::MoveReply::NO_MOVE);
  if (const auto state = cluster_.world.move(header)) reply->set_state(*state);
  return true;
}

wire::RoundReply::State FakeShard::Prepare(uint32_t round) {
  if (round <= ended_ || round < round_.number) return wire::RoundReply::NO_ROUND;
  if (round > round_.number) round_ = {.number = round};
  return round_.polls++ < 2 ? wire::RoundReply::PREPARING : wire::RoundReply::PREPARED;
}

wire::RoundReply::State FakeShard::Cut(const wire::CutRound& cut) {
  if (cut.round() <= ended_ || cut.round() != round_.number) return wire::RoundReply::NO_ROUND;
  // One of an earlier phase comes late.
  if (cut.phase() != store().open_phase) return wire::RoundReply::NO_ROUND;
  if (committed() > cut.clock() && store().rules.lockstep()) return wire::RoundReply::TOO_LATE;
  if (!round_.cut || cut.clock() > round_.clock) {
    cluster_.world.cuts[{cut.round(), index_}] = store().closed;
  }
  round_.cut = true;
  round_.clock = cut.clock();
  return wire::RoundReply::CUT;
}

wire::RoundReply::State FakeShard::Collect(uint32_t round, wire::RoundReply* reply) {
  if (round <= ended_ || round != round_.number || !round_.cut) return wire::RoundReply::NO_ROUND;
  if (committed() < round_.clock || round_.polls++ < 4) return wire::RoundReply::CUT;
  *reply->mutable_fragment() = support::PutFragment(*cluster_.world.checkpoints, round, index_,
                                                    cluster_.shard_count(), round_.clock);
  return wire::RoundReply::UPLOADED;
}

void FakeShard::HandleBody(const wire::Header& header, Instant now) {
  if (deaf) return;
  wire::Header reply;
  reply.set_request(header.request());
  if (HandleRound(header, reply.mutable_round_reply())) return Send(std::move(reply), now);
  if (HandleMove(header, reply.mutable_move_reply())) return Send(std::move(reply), now);
  wire::PhaseReply& answer = *reply.mutable_phase_reply();
  switch (header.body_case()) {
    case wire::Header::kOpenPhase:
      if (header.open_phase().phase() > store().open_phase) {
        store() = {.open_phase = header.open_phase().phase(), .rules = header.open_phase()};
        if (index_ == 0) cluster_.phases.push_back(header.open_phase());
      }
      break;
    case wire::Header::kClosePhase:
      answer.set_closed(AllIn(header.close_phase()));
      answer.set_committed(header.close_phase().clock_end());
      answer.set_pushes(10);
      answer.set_examples(6);
      answer.set_duplicates(1);
      break;
    case wire::Header::kCloseStream: {
      const wire::CloseStream& close = header.close_stream();
      const uint64_t pushes = cluster_.world.stream_done[{close.phase(), close.stream()}];
      if (close.phase() == store().open_phase) store().closed.insert(close.stream());
      if (pushes == close.count() && !lose_a_push) break;
      reply.mutable_error()->set_code(static_cast<uint32_t>(StatusCode::kDataLoss));
      reply.mutable_error()->set_message("next is 1");
      break;
    }
    case wire::Header::kRetireRank:
      if (header.retire_rank().changes() % 2 == 1) {
        store().retired.insert(header.retire_rank().rank());
      } else {
        store().retired.erase(header.retire_rank().rank());
      }
      break;
    case wire::Header::kTableHash: {
      wire::TableSum& sum = *reply.mutable_table_hash_reply()->add_table();
      sum.set_name("users");
      sum.set_hash(100 + index_);
      sum.set_rows(5);
      break;
    }
    default: return;
  }
  Send(std::move(reply), now);
}

// ---------------------------------------------------------------- cluster

FakeCluster::FakeCluster(const SchedulerNodeOptions& options, ObjectStore* checkpoints)
    : options_(options), scheduler_(std::make_unique<SchedulerNode>(options, checkpoints)) {
  world.checkpoints = checkpoints;
  for (uint32_t i = 0; i < options.shards; ++i) AddShard(i, 100 + i);
  for (uint32_t i = 0; i < options.trainers; ++i) AddTrainer(i, 200 + i);
}

FakeCluster::FakeCluster(const SchedulerNodeOptions& options, ObjectStore* checkpoints,
                         const checkpoint::JobState& state, std::vector<Record> log)
    : FakeCluster(options, checkpoints) {
  log_ = std::move(log);
  auto restored = SchedulerNode::Restore(options_, log_, checkpoints);
  CHECK(restored.has_value()) << restored.error();
  scheduler_ = *std::move(restored);
  // What restored shards would hold.
  for (uint32_t rank = 0; rank < options.ranks; ++rank) world.rank_done[rank] = state.clock();
  for (const checkpoint::DoneLease& done : state.done()) {
    world.stream_done[{state.phase(), done.unit()}] = done.count();
  }
}

FakeTrainer& FakeCluster::AddTrainer(uint32_t index, uint32_t pid) {
  return *trainers.emplace_back(std::make_unique<FakeTrainer>(*this, index, pid));
}

FakeShard& FakeCluster::AddShard(uint32_t index, uint32_t pid) {
  return *shards.emplace_back(std::make_unique<FakeShard>(*this, index, pid));
}

void FakeCluster::Send(const std::string& from, Envelope message) {
  const int count = copies(messages_++, message);
  for (int copy = 0; copy < count; ++copy) {
    const Duration delay = kLatency + copy * milliseconds(700);  // A copy comes late.
    Letter letter{now_ + delay, from, message.peer, message};
    const auto later = [](const Letter& a, const Letter& b) { return a.at < b.at; };
    letters_.insert(std::upper_bound(letters_.begin(), letters_.end(), letter, later), letter);
  }
}

void FakeCluster::Perform(Effects effects) {
  const size_t parts = effects.persist.size() + effects.send.size();
  if (parts == 0 && effects.start.empty()) return;
  const std::optional<size_t> cut = crash(effects_++, parts);
  size_t left = cut ? std::min(*cut, parts) : parts;
  for (Record& record : effects.persist) {
    if (left == 0) break;
    --left;
    log_.push_back(std::move(record));
  }
  for (Envelope& message : effects.send) {
    if (left == 0) break;
    --left;
    Send(kScheduler, std::move(message));
  }
  if (cut) return CrashScheduler();
  for (std::unique_ptr<Task>& task : effects.start) {
    if (const auto* deletion = dynamic_cast<const DeleteFolder*>(task.get())) {
      ++deleted[deletion->folder];
      continue;
    }
    task->Run();
    tasks_.push_back(std::move(task));
  }
}

void FakeCluster::CrashScheduler() {
  tasks_.clear();
  auto restored = SchedulerNode::Restore(options_, log_, world.checkpoints);
  CHECK(restored.has_value()) << restored.error();
  scheduler_ = *std::move(restored);
  down_until_ = now_ + downtime;
  started_at_ = down_until_->since_start;
}

// It hears and says nothing while it is down.
bool FakeCluster::Up() {
  if (down_until_ && now_ < *down_until_) return false;
  return !scheduler_->finished();
}

void FakeCluster::Deliver(Letter letter) {
  letter.message.peer = letter.from;
  if (letter.to == kScheduler) {
    if (Up()) Perform(scheduler_->Handle(letter.message, scheduler_now()));
    return;
  }
  for (auto& node : shards) {
    if (node->peer() == letter.to) node->Handle(letter.message, now_);
  }
  for (auto& node : trainers) {
    if (node->peer() == letter.to) node->Handle(letter.message, now_);
  }
}

void FakeCluster::Step() {
  while (!letters_.empty() && letters_.front().at <= now_) {
    Letter letter = std::move(letters_.front());
    letters_.pop_front();
    Deliver(std::move(letter));
  }
  script(now_);
  for (auto& node : shards) node->Tick(now_);
  for (auto& node : trainers) node->Tick(now_);
  const SchedulerNode* starter = scheduler_.get();
  for (std::unique_ptr<Task>& task : std::exchange(tasks_, {})) {
    // A new process knows nothing of them.
    if (Up() && scheduler_.get() == starter) {
      Perform(scheduler_->Finish(std::move(task), scheduler_now()));
    }
  }
  if (Up()) Perform(scheduler_->Tick(scheduler_now()));
}

void FakeCluster::Run(Duration limit) {
  const Instant end = now_ + limit;
  while (now_ < end && !scheduler_->finished()) {
    Step();
    now_ = now_ + kStep;
  }
}

}  // namespace skybridge::scheduler
