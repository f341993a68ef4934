// SPDX-License-Identifier: Apache-2.0
#include "scheduler/scheduler_node.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "proto/envelope.h"
#include "scheduler/delete_folder.h"
#include "scheduler/scheduler_codec.h"

namespace skybridge::scheduler {

SchedulerNode::SchedulerNode(const SchedulerNodeOptions& options, ObjectStore* checkpoints)
    : SchedulerNode(options, checkpoints, std::make_unique<DurableJob>(options)) {
  shift_ = Duration{0};
}

SchedulerNode::SchedulerNode(const SchedulerNodeOptions& options, ObjectStore* checkpoints,
                             std::unique_ptr<DurableJob> job)
    : options_(options),
      job_(std::move(job)),
      checkpoints_(options, checkpoints, job_->term()),
      moves_({.repeat = options.timings.repeat,
              .poll = options.timings.poll,
              .limit = options.timings.move_max,
              .freeze_max = options.timings.move_freeze_max,
              .backoff = options.timings.move_backoff},
             job_->term()),
      maps_(options.timings.repeat),
      grants_(options.timings.repeat),
      dismissals_(options.timings.repeat),
      stop_round_(options.timings.repeat, options.timings.stop_wait) {}

Result<std::unique_ptr<SchedulerNode>> SchedulerNode::Restore(const SchedulerNodeOptions& options,
                                                              std::span<const Record> log,
                                                              ObjectStore* checkpoints) {
  if (log.empty()) return std::make_unique<SchedulerNode>(options, checkpoints);
  SKY_ASSIGN_OR_RETURN(auto job, DurableJob::Restore(options, log));
  return std::unique_ptr<SchedulerNode>(new SchedulerNode(options, checkpoints, std::move(job)));
}

// ---------------------------------------------------------------- events

// A process that takes over begins with a clock of its own.
Instant SchedulerNode::JobTime(Instant now) const { return shift_ ? now + *shift_ : job_->now(); }

void SchedulerNode::Begin(Instant now) {
  if (!shift_) shift_ = job_->now() - now;
  job_->Observe(JobTime(now));
}

Effects SchedulerNode::Handle(const Envelope& message, Instant now) {
  Effects out;
  Begin(now);
  Receive(message, &out);
  out.persist = job_->TakeRecords();
  return out;
}

Effects SchedulerNode::Tick(Instant now) {
  Effects out;
  Begin(now);
  job_->Shift(job_->membership().Tick(job_->now()));
  Pump(&out);
  out.persist = job_->TakeRecords();
  return out;
}

Effects SchedulerNode::Finish(std::unique_ptr<Task> task, Instant now) {
  Effects out;
  if (const auto* deleted = dynamic_cast<const DeleteFolder*>(task.get())) {
    // It takes room until the run's end.
    LOG_IF(WARNING, !deleted->status.ok()) << deleted->status;
    return out;
  }
  if (finished_) return out;
  Begin(now);
  CHECK(checkpoints_.Finish(*task, job_->now()));
  Pump(&out);
  out.persist = job_->TakeRecords();
  return out;
}

void SchedulerNode::NodeExited(const NodeExit& exit) { job_->Exited(exit); }

void SchedulerNode::RequestStop(const std::string& reason, Instant now) {
  Begin(now);
  job_->End({StatusCode::kCancelled, reason});
}

Status SchedulerNode::RequestShards(uint32_t shards, Instant now) {
  Begin(now);
  return job_->WantShards(shards);
}

// ---------------------------------------------------------------- messages in

void SchedulerNode::Receive(const Envelope& message, Effects* out) {
  const Result<wire::Header> header = wire::Open(message);
  if (!header) {
    LOG_EVERY_N(WARNING, 100) << "from " << message.peer << ": " << header.error();
    return;
  }
  if (const Status status = CheckIdentity(*header); !status.ok()) {
    if (!header->has_error()) {
      // The job's id is what members know and strangers do not: it is not told to them.
      const bool stranger = status.code() == StatusCode::kUnknownJob;
      out->send.push_back(stranger ? wire::Refusal(message, *header, wire::Identity(), status)
                                   : RefusalOf(message, *header, status));
    }
    return;
  }
  if (header->identity().term() > job_->term()) return Supersede(header->identity().term());
  if (header->has_register_()) {
    HandleRegister(message, *header, out);
    return Pump(out);
  }
  const auto sender = Incarnation(header->identity().sender_incarnation());
  if (const Status heard = job_->membership().Hear(sender, job_->now()); !heard.ok()) {
    // A repeated farewell needs no answer, and an error must not bring forth another.
    if (!header->has_leave() && !header->has_error()) {
      out->send.push_back(RefusalOf(message, *header, heard));
    }
    return;
  }
  const Member& member = *job_->membership().Find(sender);
  if (peers_.insert_or_assign(sender, message.peer).second) job_->Reached(member);
  HandleMember(member, *header, out);
  Pump(out);
}

// R2: whoever wrote this obeys another scheduler, which has the log now: not a word more, on the
// wire or in the log.
void SchedulerNode::Supersede(uint32_t term) {
  result_ = job_->run().Collect();
  result_.status = Status(StatusCode::kFenced,
                          fmt::format("a scheduler of term {} leads this job, this one is of term "
                                      "{}",
                                      term, job_->term()));
  LOG(ERROR) << result_.status;
  (void)job_->TakeRecords();
  checkpoints_.Stop();
  finished_ = true;
}

Status SchedulerNode::CheckIdentity(const wire::Header& header) const {
  const wire::Identity& identity = header.identity();
  if (JobId{identity.job_high(), identity.job_low()} != options_.job) {
    return Status(StatusCode::kUnknownJob, "this scheduler runs another job");
  }
  // One who registers has not been told yet.
  const uint32_t ours = job_->generation();
  if (header.has_register_() || identity.generation() == ours) return Status();
  return Status(identity.generation() < ours ? StatusCode::kStaleGeneration : StatusCode::kNotReady,
                fmt::format("generation {} != {}", identity.generation(), ours), ours);
}

void SchedulerNode::HandleRegister(const Envelope& message, const wire::Header& header,
                                   Effects* out) {
  const auto refuse = [&](const Status& status) {
    LOG(WARNING) << "refused " << header.register_().ShortDebugString() << ": " << status;
    out->send.push_back(RefusalOf(message, header, status));
  };
  const std::optional<Registration> asking = FromWire(header.register_());
  if (!asking) {
    return refuse({StatusCode::kInvalidArgument,
                   fmt::format("role {} != shard or trainer", header.register_().role())});
  }
  if (job_->stage() == DurableJob::Stage::kEnded) {
    return refuse(
        {StatusCode::kCancelled, "the job has ended: " + job_->result().status.ToString()});
  }
  const auto given = job_->membership().Register(*asking, job_->now());
  if (!given) return refuse(given.error().WithContext(NodeName(asking->key)));
  if (!*given) return;
  if (peers_.insert_or_assign(**given, message.peer).second) {
    job_->Reached(*job_->membership().Find(**given));
  }
  wire::Header reply;
  reply.set_request(header.request());
  wire::Welcome& welcome = *reply.mutable_welcome();
  welcome.set_incarnation(Number(**given));
  welcome.set_term(job_->term());
  welcome.set_generation(job_->generation());
  const auto beat =
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.timings.heartbeat);
  welcome.set_heartbeat_ms(static_cast<uint32_t>(beat.count()));
  Send(**given, std::move(reply), out);
}

void SchedulerNode::HandleMember(const Member& from, const wire::Header& header, Effects* out) {
  const bool trainer = from.self.key.role == Role::kTrainer;
  switch (header.body_case()) {
    case wire::Header::kHeartbeat: return HandleHeartbeat(from, header, out);
    case wire::Header::kLeave:
      return job_->membership().Leave(from.incarnation, "left: " + header.leave().reason());
    case wire::Header::kLeaseDone:
      if (trainer) return HandleLeaseDone(from, header, out);
      break;
    case wire::Header::kLeaseReturned:
      if (trainer) return HandleLeaseReturned(from, header, out);
      break;
    case wire::Header::kPhaseReply:
    case wire::Header::kTableHashReply:
    case wire::Header::kRoundReply:
    case wire::Header::kMoveReply:
    case wire::Header::kError:
      if (!trainer) return HandleShardReply(from.self.key.index, header);
      break;
    default: break;
  }
  LOG_EVERY_N(WARNING, 100) << NodeName(from.self.key) << " sent what is not for it to send: "
                            << header.ShortDebugString().substr(0, 200);
}

void SchedulerNode::HandleHeartbeat(const Member& from, const wire::Header& header, Effects* out) {
  const wire::Heartbeat& beat = header.heartbeat();
  maps_.Acknowledge(from.incarnation, beat.map_version() >= maps_version_);
  const std::vector<Granted> held = HeldLeases(beat, from.incarnation);
  for (const Granted& granted : job_->run().granted()) {
    if (granted.node != from.incarnation) continue;
    // One that it held and no longer names is granted again: its farewell may be lost.
    grants_.Acknowledge(granted, std::ranges::count(held, granted) > 0);
  }
  if (from.self.key.role == Role::kTrainer) {
    job_->run().Heartbeat(from.incarnation, FromWire(beat.progress()), job_->now());
  }
  wire::Header reply;
  reply.set_request(header.request());
  reply.mutable_heartbeat_reply();
  Send(from.incarnation, std::move(reply), out);
}

void SchedulerNode::HandleLeaseDone(const Member& from, const wire::Header& header, Effects* out) {
  if (job_->stage() != DurableJob::Stage::kRunning) return;
  const wire::LeaseDone& done = header.lease_done();
  const Result<LeaseTable::Report> report = job_->Report(from.incarnation, done);
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

void SchedulerNode::HandleLeaseReturned(const Member& from, const wire::Header& header,
                                        Effects* out) {
  if (job_->stage() != DurableJob::Stage::kRunning) return;
  const wire::LeaseReturned& returned = header.lease_returned();
  LOG(WARNING) << NodeName(from.self.key) << " returned a lease: " << returned.ShortDebugString();
  job_->Return(from.incarnation, returned);
  wire::Header reply;
  reply.set_request(header.request());
  *reply.mutable_lease_done_reply()->mutable_lease() = returned.lease();
  reply.mutable_lease_done_reply()->set_attempt(returned.attempt());
  Send(from.incarnation, std::move(reply), out);
}

void SchedulerNode::HandleShardReply(uint32_t shard, const wire::Header& header) {
  if (Checkpoints::Asks(header.request())) {
    return checkpoints_.Answered(shard, header, job_->now());
  }
  if (MoveDriver::Asks(header.request())) return moves_.Answered(*job_, shard, header);
  const std::optional<ShardRequest> answered = job_->ShardSaid(shard, header);
  if (answered && answered->kind == ShardRequest::Kind::kCutRound) {
    checkpoints_.CutAnswered(shard, *answered, header, job_->now());
  }
}

// ---------------------------------------------------------------- conclusions

void SchedulerNode::Pump(Effects* out) {
  job_->Conclude();
  for (std::string& folder : job_->run().TakeUnneeded()) {
    out->start.push_back(std::make_unique<DeleteFolder>(std::move(folder)));
  }
  if (job_->stage() == DurableJob::Stage::kRunning) {
    moves_.Advance(*job_, checkpoints_.rest());
    for (auto& task : checkpoints_.Advance(*job_)) out->start.push_back(std::move(task));
    SendMaps(out);
    SendCalls(out);
    SendGrants(out);
    Dismiss(out);
  }
  if (job_->stage() == DurableJob::Stage::kEnded) Stop(out);
}

void SchedulerNode::Stop(Effects* out) {
  if (!stopping_) stop_round_.Begin(job_->now());
  checkpoints_.Stop();
  stopping_ = true;
  const Status& status = job_->result().status;
  const std::vector<Incarnation> trainers = job_->LiveNodes(Role::kTrainer);
  const std::vector<Incarnation> shards = job_->LiveNodes(Role::kShard);
  if (stop_round_.Over(trainers, shards, job_->now())) {
    finished_ = true;
    result_ = job_->result();
    result_.checkpoint = checkpoints_.info(job_->now());
    return;
  }
  const bool failed = !status.ok() && status.code() != StatusCode::kCancelled;
  for (const Incarnation to : stop_round_.Due(trainers, shards, job_->now())) {
    wire::Header header;
    header.mutable_stop()->set_reason(status.ToString());
    header.mutable_stop()->set_failed(failed);
    Send(to, std::move(header), out);
  }
}

// ---------------------------------------------------------------- messages out

void SchedulerNode::SendMaps(Effects* out) {
  std::set<Incarnation> live;
  for (const Role role : {Role::kShard, Role::kTrainer}) {
    for (const Incarnation node : job_->LiveNodes(role)) live.insert(node);
  }
  if (maps_version_ != Number(job_->map().version())) {
    maps_version_ = Number(job_->map().version());
    maps_.Want({});  // Nobody has this one.
  }
  maps_.Want(live);
  for (const Incarnation to : maps_.Due(job_->now())) Send(to, ToWire(job_->map()), out);
}

void SchedulerNode::SendCalls(Effects* out) {
  std::vector<ShardCall> calls = job_->run().DueCalls(job_->now());
  for (ShardCall& call : checkpoints_.DueCalls(job_->now())) calls.push_back(std::move(call));
  if (auto call = moves_.Due(*job_, job_->now())) calls.push_back(*std::move(call));
  for (const ShardCall& call : calls) {
    // One that is not in the map yet takes slots.
    const std::vector<ShardMap::Shard>& shards = job_->map().shards();
    const Member* holder = job_->membership().Holder({Role::kShard, call.shard});
    const bool is_in = call.shard < shards.size();
    if (!is_in && holder == nullptr) continue;
    Send(is_in ? shards[call.shard].incarnation : holder->incarnation, ToWire(call), out);
  }
}

// Their slots are others' now. That their work is done is no failure.
void SchedulerNode::Dismiss(Effects* out) {
  const std::vector<Incarnation> dismissed = job_->Dismissed();
  dismissals_.Want({dismissed.begin(), dismissed.end()});
  for (const Incarnation to : dismissals_.Due(job_->now())) {
    wire::Header header;
    header.mutable_stop()->set_reason("the job goes on without this shard");
    Send(to, std::move(header), out);
  }
}

void SchedulerNode::SendGrants(Effects* out) {
  const std::vector<Granted> granted = job_->run().granted();
  grants_.Want({granted.begin(), granted.end()});
  for (const Granted& grant : grants_.Due(job_->now())) {
    wire::Header header = ToWire(grant, job_->run().SpecOf(grant.lease));
    if (header.ByteSizeLong() + sizeof(wire::Identity) > wire::kHeaderBytesMax) {
      return job_->End(
          {StatusCode::kResourceExhausted,
           fmt::format("{}: the grant has {} bytes, more than {}; make "
                       "data.partition_bytes larger",
                       LeaseName(grant.lease), header.ByteSizeLong(), wire::kHeaderBytesMax)});
    }
    Send(grant.node, std::move(header), out);
  }
}

wire::Identity SchedulerNode::Self() const {
  wire::Identity identity;
  identity.set_job_high(options_.job.high);
  identity.set_job_low(options_.job.low);
  identity.set_generation(job_->generation());
  identity.set_map_version(Number(job_->map().version()));
  identity.set_term(job_->term());
  return identity;
}

// The one who asked may have another incarnation, or one at all, by the time it comes.
Envelope SchedulerNode::RefusalOf(const Envelope& message, const wire::Header& header,
                                  const Status& status) const {
  wire::Identity identity = Self();
  identity.set_target_incarnation(header.identity().sender_incarnation());
  return wire::Refusal(message, header, identity, status);
}

// To one of whom nothing was heard yet, since this process began, nothing can be sent: repeats of
// the message will reach it.
void SchedulerNode::Send(Incarnation to, wire::Header header, Effects* out) {
  const auto peer = peers_.find(to);
  if (peer == peers_.end()) return;
  *header.mutable_identity() = Self();
  header.mutable_identity()->set_target_incarnation(Number(to));
  out->send.push_back(wire::Seal(peer->second, std::move(header)));
}

JobProgress SchedulerNode::progress(Instant now) const {
  JobProgress progress = job_->Progress(JobTime(now));
  progress.checkpoint = checkpoints_.info(JobTime(now));
  return progress;
}

}  // namespace skybridge::scheduler
