// SPDX-License-Identifier: Apache-2.0
#include "scheduler/scheduler_node.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "proto/envelope.h"
#include "scheduler/scheduler_codec.h"

namespace skybridge::scheduler {
namespace {

// Neither changes while there is no recovery from a log or a checkpoint.
constexpr uint32_t kTerm = 1;
constexpr uint32_t kGeneration = 1;

MembershipOptions MembershipOf(const SchedulerNodeOptions& options) {
  return {.shards = options.shards,
          .trainers = options.trainers,
          .version = options.version,
          .job_hash = options.job_hash,
          .dataset_hash = options.dataset_hash,
          .suspect_after = options.timings.suspect_after,
          .dead_after = options.timings.dead_after,
          .replace_after = options.timings.replace_after,
          .pause_min = options.timings.pause_min};
}

StartBarrierOptions BarrierOf(const SchedulerNodeOptions& options) {
  return {.servers = options.servers,
          .shards = options.shards,
          .workers = options.workers,
          .trainers = options.trainers,
          .timeout = options.timings.start_timeout,
          .line_every = options.timings.waiting_line};
}

}  // namespace

SchedulerNode::SchedulerNode(const SchedulerNodeOptions& options)
    : options_(options),
      membership_(MembershipOf(options)),
      barrier_(BarrierOf(options)),
      run_(options),
      maps_(options.timings.repeat),
      grants_(options.timings.repeat),
      stop_round_(options.timings.repeat, options.timings.stop_wait) {
  CHECK(options.Validate().ok()) << options.Validate();
}

// ---------------------------------------------------------------- messages in

Effects SchedulerNode::Handle(const Envelope& message, Instant now) {
  Effects out;
  const Result<wire::Header> header = wire::Open(message);
  if (!header) {
    ++dropped_;
    LOG_EVERY_N(WARNING, 100) << "from " << message.peer << ": " << header.error();
    return out;
  }
  if (const Status status = CheckIdentity(*header); !status.ok()) {
    if (!header->has_error()) {
      out.send.push_back(wire::Refusal(message, *header, Self(), status));
    }
    return out;
  }
  if (header->has_register_()) {
    HandleRegister(message, *header, now, &out);
    Pump(now, &out);
    return out;
  }
  const auto sender = Incarnation(header->identity().sender_incarnation());
  const Status heard =
      header->has_heartbeat() ? membership_.Beat(sender, now) : membership_.Hear(sender, now);
  if (!heard.ok()) {
    // A repeated farewell needs no answer, and an error must not bring forth another.
    if (!header->has_leave() && !header->has_error()) {
      out.send.push_back(wire::Refusal(message, *header, Self(), heard));
    }
    return out;
  }
  peers_[sender] = message.peer;
  HandleMember(*membership_.Find(sender), *header, now, &out);
  Pump(now, &out);
  return out;
}

Status SchedulerNode::CheckIdentity(const wire::Header& header) const {
  const wire::Identity& identity = header.identity();
  if (JobId{identity.job_high(), identity.job_low()} != options_.job) {
    return Status(
        StatusCode::kUnknownJob,
        fmt::format("this scheduler runs job {:016x}{:016x}, not {:016x}{:016x}", options_.job.high,
                    options_.job.low, identity.job_high(), identity.job_low()));
  }
  // One who registers has not been told yet.
  if (header.has_register_() || identity.generation() == kGeneration) return Status();
  const std::string text = fmt::format("generation {} != {}", identity.generation(), kGeneration);
  return Status(
      identity.generation() < kGeneration ? StatusCode::kStaleGeneration : StatusCode::kNotReady,
      text, kGeneration);
}

void SchedulerNode::HandleRegister(const Envelope& message, const wire::Header& header, Instant now,
                                   Effects* out) {
  const auto refuse = [&](const Status& status) {
    LOG(WARNING) << "refused " << header.register_().ShortDebugString() << ": " << status;
    out->send.push_back(wire::Refusal(message, header, Self(), status));
  };
  const std::optional<Registration> asking = FromWire(header.register_());
  if (!asking) {
    return refuse({StatusCode::kInvalidArgument,
                   fmt::format("role {} != shard or trainer", header.register_().role())});
  }
  if (stage_ == Stage::kStopping || stage_ == Stage::kFinished) {
    return refuse({StatusCode::kCancelled, "the job has ended: " + result_.status.ToString()});
  }
  const Result<std::optional<Incarnation>> given = membership_.Register(*asking, now);
  if (!given) return refuse(given.error().WithContext(NodeName(asking->key)));
  if (!*given) return;
  peers_[**given] = message.peer;
  wire::Header reply;
  reply.set_request(header.request());
  wire::Welcome& welcome = *reply.mutable_welcome();
  welcome.set_incarnation(Number(**given));
  welcome.set_term(kTerm);
  welcome.set_generation(kGeneration);
  const auto beat =
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.timings.heartbeat);
  welcome.set_heartbeat_ms(static_cast<uint32_t>(beat.count()));
  Send(**given, std::move(reply), out);
}

void SchedulerNode::HandleMember(const Member& from, const wire::Header& header, Instant now,
                                 Effects* out) {
  const bool trainer = from.self.key.role == Role::kTrainer;
  switch (header.body_case()) {
    case wire::Header::kHeartbeat: return HandleHeartbeat(from, header, now, out);
    case wire::Header::kLeave:
      return membership_.Leave(from.incarnation, "left: " + header.leave().reason());
    case wire::Header::kLeaseDone:
      if (trainer) return HandleLeaseDone(from, header, out);
      break;
    case wire::Header::kLeaseReturned:
      if (trainer) return HandleLeaseReturned(from, header, now, out);
      break;
    case wire::Header::kPhaseReply:
    case wire::Header::kTableHashReply:
    case wire::Header::kError:
      if (!trainer) return HandleShardReply(from, header, now);
      break;
    default: break;
  }
  ++dropped_;
  LOG_EVERY_N(WARNING, 100) << NodeName(from.self.key) << " sent what is not for it to send: "
                            << header.ShortDebugString().substr(0, 200);
}

void SchedulerNode::HandleHeartbeat(const Member& from, const wire::Header& header, Instant now,
                                    Effects* out) {
  const wire::Heartbeat& beat = header.heartbeat();
  maps_.Acknowledge(from.incarnation, beat.map_version() >= Number(map_.version()));
  const std::vector<Granted> held = HeldLeases(beat, from.incarnation);
  for (const Granted& granted : run_.granted()) {
    if (granted.node != from.incarnation) continue;
    // One that it held and no longer names is granted again: its farewell may be lost.
    grants_.Acknowledge(granted, std::ranges::count(held, granted) > 0);
  }
  if (from.self.key.role == Role::kTrainer) {
    run_.Heartbeat(from.incarnation, FromWire(beat.progress()), now);
  }
  wire::Header reply;
  reply.set_request(header.request());
  reply.mutable_heartbeat_reply();
  Send(from.incarnation, std::move(reply), out);
}

void SchedulerNode::HandleLeaseDone(const Member& from, const wire::Header& header, Effects* out) {
  if (stage_ != Stage::kRunning) return;
  const wire::LeaseDone& done = header.lease_done();
  const Granted by = FromWire(done.lease(), done.attempt(), from.incarnation);
  const Result<LeaseTable::Report> report = run_.Report(by, FromWire(done));
  wire::Header reply;
  reply.set_request(header.request());
  if (report) {
    wire::LeaseDoneReply& answer = *reply.mutable_lease_done_reply();
    *answer.mutable_lease() = done.lease();
    answer.set_attempt(done.attempt());
    answer.set_already_done(*report == LeaseTable::Report::kAlreadyDone);
  } else {
    LOG(WARNING) << NodeName(from.self.key) << ": " << report.error();
    reply.mutable_error()->set_code(static_cast<uint32_t>(report.error().code()));
    reply.mutable_error()->set_message(report.error().message());
  }
  Send(from.incarnation, std::move(reply), out);
}

void SchedulerNode::HandleLeaseReturned(const Member& from, const wire::Header& header, Instant now,
                                        Effects* out) {
  if (stage_ != Stage::kRunning) return;
  const wire::LeaseReturned& returned = header.lease_returned();
  const Status why = wire::ToStatus([&] {
    wire::Error error;
    error.set_code(returned.code());
    error.set_message(NodeName(from.self.key) + ": " + returned.message());
    return error;
  }());
  LOG(WARNING) << "lease returned: " << why;
  run_.Return(FromWire(returned.lease(), returned.attempt(), from.incarnation), why, now);
  wire::Header reply;
  reply.set_request(header.request());
  *reply.mutable_lease_done_reply()->mutable_lease() = returned.lease();
  reply.mutable_lease_done_reply()->set_attempt(returned.attempt());
  Send(from.incarnation, std::move(reply), out);
}

void SchedulerNode::HandleShardReply(const Member& from, const wire::Header& header, Instant now) {
  if (stage_ != Stage::kRunning) return;
  const uint32_t shard = from.self.key.index;
  if (header.has_error()) {
    return run_.ShardRefused(shard, header.request(), wire::ToStatus(header.error()));
  }
  const ShardReply reply = header.has_phase_reply() ? FromWire(header.phase_reply())
                                                    : FromWire(header.table_hash_reply());
  run_.ShardAnswered(shard, header.request(), reply, now);
}

// ---------------------------------------------------------------- conclusions

Effects SchedulerNode::Tick(Instant now) {
  Effects out;
  barrier_.Shift(membership_.Tick(now));
  Pump(now, &out);
  return out;
}

Effects SchedulerNode::Finish(std::unique_ptr<Task>, Instant) { return {}; }

void SchedulerNode::Pump(Instant now, Effects* out) {
  TakeEvents(now);
  if (stage_ == Stage::kWaiting) Wait(now);
  if (stage_ == Stage::kRunning) Run(now);
  if (stage_ == Stage::kRunning) {
    SendMaps(now, out);
    SendCalls(now, out);
    SendGrants(now, out);
  }
  if (stage_ == Stage::kStopping) Stop(now, out);
}

void SchedulerNode::TakeEvents(Instant now) {
  for (const MemberEvent& event : membership_.TakeEvents()) TakeEvent(event, now);
}

void SchedulerNode::TakeEvent(const MemberEvent& event, Instant now) {
  LOG(INFO) << event.text;
  const bool gone = event.state == NodeState::kDead || event.state == NodeState::kLeft;
  if (!gone || stage_ != Stage::kRunning) return;
  run_.NodeGone(event.incarnation);
  if (event.key.role == Role::kShard) {
    BeginStop({StatusCode::kUnavailable, event.text + "; its rows are lost, so the job ends"}, now);
  } else if (membership_.Live(Role::kTrainer).empty()) {
    BeginStop({StatusCode::kUnavailable, event.text + "; no trainer is left, so the job ends"},
              now);
  }
}

void SchedulerNode::Wait(Instant now) {
  if (!exited_early_.ok()) {
    return BeginStop(exited_early_, now);
  }
  const auto waiting = barrier_.Tick(membership_, now);
  if (!waiting) return BeginStop(waiting.error(), now);
  if (*waiting) LOG(INFO) << **waiting;
  if (!barrier_.open()) return;
  std::vector<ShardMap::Shard> shards;
  for (const Member* member : membership_.Live(Role::kShard)) {
    const uint32_t index = member->self.key.index;
    const SlotRange slots = EvenSlots(index, options_.shards);
    shards.push_back(
        {ShardId(index), member->self.endpoint, member->incarnation, slots.begin, slots.end});
  }
  map_ = *ShardMap::Create(MapVersion(1), std::move(shards));
  stage_ = Stage::kRunning;
  run_.Begin(now);
}

void SchedulerNode::Run(Instant now) {
  run_.Advance(LiveNodes(Role::kTrainer), now);
  if (!run_.failure().ok()) return BeginStop(run_.failure(), now);
  if (run_.complete()) BeginStop(Status(), now);
}

void SchedulerNode::NodeExited(Role role, uint32_t index, const Status& how) {
  const NodeKey key{role, index};
  if (stage_ == Stage::kWaiting && exited_early_.ok()) {
    const std::string refusal = membership_.Refusal(key);
    exited_early_ = {how.code(),
                     fmt::format("{} exited before the start: {}{}", NodeName(key), how.message(),
                                 refusal.empty() ? "" : " (refused: " + refusal + ")")};
  }
  membership_.Exited(key, "exited: " + how.message());
}

void SchedulerNode::RequestStop(const std::string& reason, Instant now) {
  BeginStop({StatusCode::kCancelled, reason}, now);
}

void SchedulerNode::BeginStop(const Status& status, Instant now) {
  if (stage_ == Stage::kStopping || stage_ == Stage::kFinished) return;
  stage_ = Stage::kStopping;
  stop_round_.Begin(now);
  result_ = run_.Collect();
  result_.status = status;
  LOG(INFO) << "the job ends: " << status;
}

void SchedulerNode::Stop(Instant now, Effects* out) {
  const std::vector<Incarnation> trainers = LiveNodes(Role::kTrainer);
  const std::vector<Incarnation> shards = LiveNodes(Role::kShard);
  if (stop_round_.Over(trainers, shards, now)) {
    stage_ = Stage::kFinished;
    result_.messages_dropped = dropped_;
    return;
  }
  const StatusCode code = result_.status.code();
  for (const Incarnation to : stop_round_.Due(trainers, shards, now)) {
    wire::Header header;
    header.mutable_stop()->set_reason(result_.status.ToString());
    header.mutable_stop()->set_failed(code != StatusCode::kOk && code != StatusCode::kCancelled);
    Send(to, std::move(header), out);
  }
}

// ---------------------------------------------------------------- messages out

void SchedulerNode::SendMaps(Instant now, Effects* out) {
  std::set<Incarnation> live;
  for (const Role role : {Role::kShard, Role::kTrainer}) {
    for (const Incarnation node : LiveNodes(role)) live.insert(node);
  }
  maps_.Want(live);
  for (const Incarnation to : maps_.Due(now)) Send(to, ToWire(map_), out);
}

void SchedulerNode::SendCalls(Instant now, Effects* out) {
  for (const ShardCall& call : run_.DueCalls(now)) {
    Send(map_.shards()[call.shard].incarnation, ToWire(call), out);
  }
}

void SchedulerNode::SendGrants(Instant now, Effects* out) {
  const std::vector<Granted> granted = run_.granted();
  grants_.Want({granted.begin(), granted.end()});
  for (const Granted& grant : grants_.Due(now)) {
    wire::Header header = ToWire(grant, run_.SpecOf(grant.lease));
    if (header.ByteSizeLong() + sizeof(wire::Identity) > wire::kHeaderBytesMax) {
      return BeginStop(
          {StatusCode::kResourceExhausted,
           fmt::format("{}: the grant has {} bytes, more than {}; make "
                       "data.partition_bytes larger",
                       LeaseName(grant.lease), header.ByteSizeLong(), wire::kHeaderBytesMax)},
          now);
    }
    Send(grant.node, std::move(header), out);
  }
}

std::vector<Incarnation> SchedulerNode::LiveNodes(Role role) const {
  std::vector<Incarnation> nodes;
  for (const Member* member : membership_.Live(role)) nodes.push_back(member->incarnation);
  return nodes;
}

wire::Identity SchedulerNode::Self() const {
  wire::Identity identity;
  identity.set_job_high(options_.job.high);
  identity.set_job_low(options_.job.low);
  identity.set_generation(kGeneration);
  identity.set_map_version(Number(map_.version()));
  identity.set_term(kTerm);
  return identity;
}

void SchedulerNode::Send(Incarnation to, wire::Header header, Effects* out) {
  *header.mutable_identity() = Self();
  header.mutable_identity()->set_target_incarnation(Number(to));
  out->send.push_back(wire::Seal(peers_.at(to), std::move(header)));
}

JobProgress SchedulerNode::progress(Instant now) const {
  JobProgress progress = run_.Progress(now);
  if (stage_ == Stage::kWaiting) progress.waiting_for = barrier_.Missing(membership_);
  progress.live_shards = static_cast<uint32_t>(membership_.Live(Role::kShard).size());
  progress.live_trainers = static_cast<uint32_t>(membership_.Live(Role::kTrainer).size());
  return progress;
}

}  // namespace skybridge::scheduler
