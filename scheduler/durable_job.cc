// SPDX-License-Identifier: Apache-2.0
#include "scheduler/durable_job.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "proto/envelope.h"
#include "scheduler/log_begin.h"
#include "scheduler/part_options.h"
#include "scheduler/scheduler_codec.h"

namespace skybridge::scheduler {

DurableJob::DurableJob(const SchedulerNodeOptions& options)
    : options_(options),
      membership_(MembershipOf(options)),
      barrier_(BarrierOf(options)),
      absences_(AbsencesOf(options)),
      run_(options),
      shards_wanted_(options.shards) {
  CHECK(options.Validate().ok()) << options.Validate();
  *Append().mutable_job_created() = DescribeJob(options_, generation_);
  StartTerm();
}

// ---------------------------------------------------------------- records

history::Entry& DurableJob::Append() {
  history::Entry& entry = unsaved_.emplace_back();
  entry.set_at_ns(now_.since_start.count());
  return entry;
}

std::vector<Record> DurableJob::TakeRecords() {
  std::vector<Record> records;
  for (const history::Entry& entry : std::exchange(unsaved_, {})) {
    records.push_back({entry.SerializeAsString()});
  }
  return records;
}

void DurableJob::StartTerm() { Append().mutable_term_started()->set_term(++term_); }

// ---------------------------------------------------------------- inputs

void DurableJob::Observe(Instant now) {
  CHECK(now >= now_) << "the job's time goes back";
  now_ = now;
}

void DurableJob::Reached(const Member& member) {
  if (member.self.key.role == Role::kShard && membership_.Holder(member.self.key) == &member) {
    run_.ShardBack(member.self.key.index);
  }
}

void DurableJob::Exited(const NodeExit& exit) {
  const NodeKey place = exit.place;
  if (stage_ == Stage::kWaiting && exit.final && exited_early_.ok()) {
    const std::string refusal = membership_.Refusal(place);
    exited_early_ = {
        exit.how.code(),
        fmt::format("{} exited before the start: {}{}", NodeName(place), exit.how.message(),
                    refusal.empty() ? "" : " (refused: " + refusal + ")")};
  }
  membership_.Exited(exit);
  TakeEvents();
  const Member* holder = membership_.Holder(place);
  const bool succeeded = holder != nullptr && holder->live();
  if (stage_ != Stage::kRunning || !exit.final || succeeded) return;
  history::PlaceGivenUp& given_up = *Append().mutable_place_given_up();
  given_up.set_role(static_cast<wire::Role>(place.role));
  given_up.set_index(place.index);
  given_up.set_code(static_cast<uint32_t>(exit.how.code()));
  given_up.set_how(exit.how.message());
  absences_.GiveUp(place, exit.how);
}

void DurableJob::Shift(Duration gap) {
  barrier_.Shift(gap);
  absences_.Shift(gap);
}

Result<LeaseTable::Report> DurableJob::Report(Incarnation node, const wire::LeaseDone& done) {
  if (stage_ != Stage::kRunning) return Status(StatusCode::kNotReady, "the job does not run");
  const Granted by = FromWire(done.lease(), done.attempt(), node);
  const Result<LeaseTable::Report> report = run_.Report(by, FromWire(done));
  if (report && *report == LeaseTable::Report::kFirst) {
    history::LeaseDone& entry = *Append().mutable_lease_done();
    entry.set_node(Number(node));
    *entry.mutable_done() = done;
  }
  return report;
}

void DurableJob::Return(Incarnation node, const wire::LeaseReturned& returned) {
  if (stage_ != Stage::kRunning) return;
  const Member* member = membership_.Find(node);
  if (member == nullptr) return;
  wire::Error error;
  error.set_code(returned.code());
  error.set_message(NodeName(member->self.key) + ": " + returned.message());
  const Granted by = FromWire(returned.lease(), returned.attempt(), node);
  const Status why = wire::ToStatus(error);
  if (!run_.Return(by, why, now_)) return;
  history::LeaseReturned& entry = *Append().mutable_lease_returned();
  entry.set_node(Number(node));
  *entry.mutable_returned() = returned;
}

std::optional<ShardRequest> DurableJob::ShardSaid(uint32_t shard, const wire::Header& reply) {
  if (stage_ != Stage::kRunning) return std::nullopt;
  const std::optional<ShardRequest> what = run_.Asked(shard, reply.request());
  if (!what) return std::nullopt;
  history::ShardAnswered entry;
  entry.set_shard(shard);
  entry.set_request(reply.request());
  bool counted = false;
  const bool moves = what->kind == ShardRequest::Kind::kFreezeSlots ||
                     what->kind == ShardRequest::Kind::kInstallSlots;
  if (moves && reply.has_error()) {
    const Status judged = JudgeRefusal(shard, *what, wire::ToStatus(reply.error()));
    if (!judged.ok() && move_) AbortMove(judged.ToString());
    return std::nullopt;
  }
  if (reply.has_error()) {
    *entry.mutable_refusal() = reply.error();
    counted = run_.ShardRefused(shard, reply.request(), wire::ToStatus(reply.error()));
  } else if (reply.has_phase_reply()) {
    *entry.mutable_phase() = reply.phase_reply();
    counted = run_.ShardAnswered(shard, reply.request(), FromWire(reply.phase_reply()), now_);
  } else if (reply.has_table_hash_reply()) {
    *entry.mutable_tables() = reply.table_hash_reply();
    counted = run_.ShardAnswered(shard, reply.request(), FromWire(reply.table_hash_reply()), now_);
  } else if (moves) {
    *entry.mutable_move() = reply.move_reply();
    counted = TakeMoveReply(shard, reply.request(), *what, reply.move_reply());
  } else {
    // What a round makes of it is not in the log: with this process the round ends.
    entry.mutable_round()->set_round(reply.round_reply().round());
    entry.mutable_round()->set_state(reply.round_reply().state());
    counted = run_.ShardAnswered(shard, reply.request(), {}, now_);
  }
  if (!counted) return std::nullopt;
  *Append().mutable_shard_answered() = std::move(entry);
  if (moves) MakeMove();
  return what;
}

void DurableJob::BeginRound(uint32_t round) {
  CHECK(stage_ == Stage::kRunning);
  CHECK_GT(round, rounds_);
  Append().mutable_round_begun()->set_round(round);
  rounds_ = round;
  round_began_at_ = now_;
}

bool DurableJob::CanCut(uint32_t round) const {
  return stage_ == Stage::kRunning && run_.training() && round > 0 && round == rounds_;
}

JobState DurableJob::CutRound(uint32_t round, uint64_t clock) {
  CHECK(CanCut(round));
  history::RoundCut& entry = *Append().mutable_round_cut();
  entry.set_round(round);
  entry.set_clock(clock);
  return run_.Cut(round, clock, now_);
}

// ---------------------------------------------------------------- conclusions

void DurableJob::Conclude() {
  TakeEvents();
  if (stage_ == Stage::kWaiting) Wait();
  if (stage_ == Stage::kRunning) Run();
}

void DurableJob::TakeEvents() {
  for (const MemberEvent& event : membership_.TakeEvents()) {
    LOG(INFO) << event.text;
    const Member& member = *membership_.Find(event.incarnation);
    if (event.joined) {
      history::NodeJoined& entry = *Append().mutable_node_joined();
      entry.set_incarnation(Number(event.incarnation));
      *entry.mutable_node() = ToWire(member.self);
    } else if (event.gone()) {
      history::NodeGone& entry = *Append().mutable_node_gone();
      entry.set_incarnation(Number(event.incarnation));
      entry.set_left(event.state == NodeState::kLeft);
      entry.set_reason(member.reason);
    }
    Follow(event);
  }
}

void DurableJob::Follow(const MemberEvent& event) {
  if (stage_ != Stage::kRunning) return;
  const bool shard = event.key.role == Role::kShard;
  if (!shard && (event.gone() || event.joined)) run_.TrainersChanged(now_);
  if (event.gone()) {
    // A shard that is in no map is not missed.
    if (!shard || absences_.Knows(event.key.index)) absences_.Gone(event.key, event.text, now_);
    run_.NodeGone(event.incarnation);
    if (!shard) return;
    run_.ShardAway(event.key.index);
    if (move_ && move_->Touches(event.key.index)) NextMap(map_.shards());
  } else if (event.joined) {
    const Member& member = *membership_.Find(event.incarnation);
    if (!shard || absences_.Knows(event.key.index)) absences_.Back(member.self);
    if (!shard) return;
    if (event.key.index < map_.shards().size()) MoveShard(member);
    run_.ShardBack(event.key.index);
  }
}

// The same slots in another process.
void DurableJob::MoveShard(const Member& member) {
  std::vector<ShardMap::Shard> shards = map_.shards();
  ShardMap::Shard& shard = shards.at(member.self.key.index);
  shard.endpoint = member.self.endpoint;
  shard.incarnation = member.incarnation;
  NextMap(std::move(shards));
}

// A live move belongs to its map, and ends with it.
void DurableJob::NextMap(std::vector<ShardMap::Shard> shards) {
  map_ = *ShardMap::Create(MapVersion(Number(map_.version()) + 1), std::move(shards));
  if (!std::exchange(move_, std::nullopt)) return;
  run_.SlotsStay();
}

void DurableJob::Wait() {
  if (!exited_early_.ok()) return End(exited_early_);
  const auto waiting = barrier_.Tick(membership_, now_);
  if (!waiting) return End(waiting.error());
  if (*waiting) LOG(INFO) << **waiting;
  if (!barrier_.open()) return;
  Append().mutable_job_begun();
  Begin();
}

void DurableJob::Begin() {
  std::vector<ShardMap::Shard> shards;
  for (const Member* member : membership_.Live(Role::kShard)) {
    const uint32_t index = member->self.key.index;
    if (index >= options_.shards) continue;  // It joins when slots move to it.
    const SlotRange slots = EvenSlots(index, options_.shards);
    shards.push_back(
        {ShardId(index), member->self.endpoint, member->incarnation, slots.begin, slots.end});
    absences_.Begin(index, member->self.store_id);
  }
  map_ = *ShardMap::Create(MapVersion(1), std::move(shards));
  stage_ = Stage::kRunning;
  run_.Begin(now_);
}

void DurableJob::Advance() {
  if (run_.Advance(LiveNodes(Role::kTrainer), now_)) Append().mutable_advanced();
}

// ---------------------------------------------------------------- live moves

Status DurableJob::WantShards(uint32_t shards) {
  if (shards == 0 || shards > kShardsMax) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("{} shards: a job has 1 to {}", shards, kShardsMax));
  }
  if (stage_ == Stage::kEnded) return Status(StatusCode::kFailedPrecondition, "the job has ended");
  SchedulerNodeOptions then = options_;
  then.shards = shards;
  if (const Status valid = then.Validate(); !valid.ok()) {
    return Status(StatusCode::kFailedPrecondition, valid.message());
  }
  if (shards == shards_wanted_) return Status();
  Append().mutable_shards_wanted()->set_shards(shards);
  shards_wanted_ = shards;
  membership_.SetShards(shards);
  return Status();
}

std::optional<SlotMove> DurableJob::DueMove() const {
  if (stage_ != Stage::kRunning || move_ || !run_.training()) return std::nullopt;
  const std::optional<SlotMove> move = NextMove(map_, shards_wanted_);
  if (!move) return std::nullopt;
  for (const uint32_t shard : {move->source, move->target}) {
    const Member* holder = membership_.Holder({Role::kShard, shard});
    if (holder == nullptr || holder->state != NodeState::kLive) return std::nullopt;
  }
  return move;
}

void DurableJob::BeginMove(const SlotMove& move) {
  CHECK(stage_ == Stage::kRunning && !move_);
  history::MoveBegun& entry = *Append().mutable_move_begun();
  entry.set_source(move.source);
  entry.set_target(move.target);
  entry.set_slot_begin(move.slots.begin);
  entry.set_slot_end(move.slots.end);
  move_ = move;
  freezing_ = false;
}

ShardRequest DurableJob::MoveRequest(ShardRequest::Kind kind) const {
  const ShardMap::Shard& source = map_.shards()[move_->source];
  return {.kind = kind,
          .map = map_.version(),
          .slots = move_->slots,
          .endpoint = source.endpoint,
          .incarnation = source.incarnation,
          .whole = move_->target == map_.shards().size()};
}

bool DurableJob::FreezeMove() {
  CHECK(move_ && !freezing_);
  if (stage_ != Stage::kRunning || !run_.training()) return false;
  Append().mutable_move_froze();
  freezing_ = true;
  run_.AskForSlots(move_->source, MoveRequest(ShardRequest::Kind::kFreezeSlots), move_->target,
                   MoveRequest(ShardRequest::Kind::kInstallSlots));
  return true;
}

void DurableJob::AbortMove(const std::string& reason) {
  CHECK(move_);
  LOG(WARNING) << MoveName(*move_) << ": " << reason;
  Append().mutable_move_aborted()->set_reason(reason);
  NextMap(map_.shards());
}

// Only that the target has all of them counts. Whatever else they say, they are asked again.
bool DurableJob::TakeMoveReply(uint32_t shard, uint64_t request, const ShardRequest& what,
                               const wire::MoveReply& reply) {
  const bool installs = what.kind == ShardRequest::Kind::kInstallSlots;
  if (!move_ || MapVersion(reply.map_version()) != map_.version()) return false;
  if (installs && reply.state() == wire::MoveReply::INSTALLED) return run_.training();
  const bool lost =
      reply.state() == wire::MoveReply::NO_MOVE || reply.state() == wire::MoveReply::FAILED;
  if (lost) {
    AbortMove(fmt::format("shard {} answered {} with {}: {}", shard, RequestName(what.kind),
                          wire::MoveReply::State_Name(reply.state()), reply.failure()));
  } else {
    run_.NotYet(shard, request, now_);
  }
  return false;
}

void DurableJob::MakeMove() {
  const SlotMove move = *std::exchange(move_, std::nullopt);
  const Member& joining = *membership_.Holder({Role::kShard, move.target});
  const auto before = static_cast<uint32_t>(map_.shards().size());
  auto shards = AfterMove(map_, move,
                          {ShardId(move.target), joining.self.endpoint, joining.incarnation, 0, 0});
  CHECK(shards.has_value()) << MoveName(move);
  if (move.target == before) absences_.Begin(move.target, joining.self.store_id);
  const auto count = static_cast<uint32_t>(shards->size());
  for (uint32_t shard = count; shard < before; ++shard) absences_.Forget(shard);
  run_.SlotsMoved(count);
  NextMap(*std::move(shards));
  last_move_made_ = map_.version();
}

void DurableJob::WatchMove() {
  if (move_ && freezing_ && !run_.training()) AbortMove("training pauses");
}

std::vector<Incarnation> DurableJob::Dismissed() const {
  std::vector<Incarnation> nodes;
  if (stage_ != Stage::kRunning || move_) return nodes;
  const uint32_t per_server = std::max(1u, options_.shards / std::max(1u, options_.servers));
  for (const Member* member : membership_.Live(Role::kShard)) {
    // One that leaves comes back with a new process alone: those of one server leave together.
    const uint32_t first = member->self.key.index / per_server * per_server;
    if (first >= map_.shards().size() && first >= shards_wanted_) {
      nodes.push_back(member->incarnation);
    }
  }
  return nodes;
}

// ---------------------------------------------------------------- the run

void DurableJob::Run() {
  Advance();
  WatchMove();
  if (!run_.failure().ok()) return End(run_.failure());
  if (run_.complete()) return End(Status());
  if (const Status away = absences_.Check(now_); !away.ok()) return End(away);
  if (const auto line = absences_.TakeLine(now_)) LOG(WARNING) << *line;
}

void DurableJob::End(const Status& status) {
  if (stage_ == Stage::kEnded) return;
  *Append().mutable_job_ended()->mutable_status() = ToWire(status);
  Finish(status);
  LOG(INFO) << "the job ends: " << status;
}

void DurableJob::Finish(const Status& status) {
  stage_ = Stage::kEnded;
  result_ = run_.Collect();
  result_.status = status;
}

// ---------------------------------------------------------------- views

std::vector<Incarnation> DurableJob::LiveNodes(Role role) const {
  std::vector<Incarnation> nodes;
  for (const Member* member : membership_.Live(role)) nodes.push_back(member->incarnation);
  return nodes;
}

JobProgress DurableJob::Progress(Instant now) const {
  JobProgress progress = run_.Progress(now);
  if (stage_ == Stage::kWaiting) progress.waiting_for = barrier_.Missing(membership_);
  if (stage_ == Stage::kRunning) progress.waiting_for = absences_.Awaited(now);
  for (const Member* member : membership_.Lost()) {
    progress.lost.push_back({member->self.pid, member->reason});
  }
  progress.live_shards = static_cast<uint32_t>(membership_.Live(Role::kShard).size());
  if (stage_ == Stage::kRunning) {
    progress.shards = static_cast<uint32_t>(map_.shards().size());
    progress.shards_wanted = shards_wanted_;
    progress.scaled = !NextMove(map_, shards_wanted_);
    if (move_) progress.moving = MoveName(*move_);
  }
  progress.live_trainers = static_cast<uint32_t>(membership_.Live(Role::kTrainer).size());
  return progress;
}

}  // namespace skybridge::scheduler
