// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_node.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "common/scheduler_link.h"
#include "proto/envelope.h"
#include "ps/peer_strikes.h"
#include "ps/round_codec.h"
#include "ps/row_queries.h"
#include "ps/shard.h"
#include "ps/shard_codec.h"
#include "ps/shard_round.h"
#include "ps/slot_moves.h"
#include "ps/trainer_adapter.h"

namespace skybridge::ps {
namespace {

TieredRowsOptions RowsOptions(const ShardNodeOptions& options) {
  return {.tables = options.tables, .seed = options.seed, .memory_bytes = options.memory_bytes};
}

}  // namespace

Status ShardNodeOptions::Validate() const {
  const auto invalid = [](const std::string& text) {
    return Status(StatusCode::kInvalidArgument, "shard node: " + text);
  };
  if (endpoint.empty()) return invalid("endpoint is empty");
  if (scheduler_endpoint.empty()) return invalid("scheduler_endpoint is empty");
  if (tables.empty()) return invalid("tables: the model has none");
  if (in_flight_bytes_max < wire::kFrameBytesMax) {
    return invalid("in_flight_bytes_max is " + std::to_string(in_flight_bytes_max) +
                   ", must hold a message of " + std::to_string(wire::kFrameBytesMax));
  }
  const std::pair<const char*, Duration> durations[] = {
      {"register_every", register_every},
      {"start_timeout", start_timeout},
      {"scheduler_outage_max", scheduler_outage_max},
      {"park_max", park_max},
      {"mute", mute}};
  for (const auto& [name, duration] : durations) {
    if (duration <= Duration::zero()) return invalid(std::string(name) + " must be above 0");
  }
  return RowsOptions(*this).Validate().WithContext("shard node");
}

class ShardNode::State {
 public:
  State(ShardNodeOptions options, env::RowStore& store, env::RedoLog& log, ObjectStore* objects)
      : options_(std::move(options)),
        shard_({.rows = RowsOptions(options_),
                .in_flight_bytes_max = options_.in_flight_bytes_max,
                .image_log_bytes = options_.image_log_bytes},
               store, log),
        round_({.shard = options_.shard,
                .store_id = options_.store_id,
                .seed = options_.seed,
                .tables = options_.tables},
               shard_, store, log, objects),
        moves_(options_.tables, options_.move_piece_bytes, shard_),
        trainers_(options_.tables, options_.park_max, shard_),
        replies_(options_.durability, log, shard_.in_flight()),
        strikes_({.mute = options_.mute}),
        link_({.endpoint = options_.scheduler_endpoint,
               .register_every = options_.register_every,
               .start_timeout = options_.start_timeout,
               .outage_max = options_.scheduler_outage_max}) {}

  Status Recover() { return shard_.journal().Recover(); }
  Effects Handle(const Envelope& message, Instant now);
  Effects Tick(Instant now);
  Effects Finish(std::unique_ptr<Task> task, Instant now);

  bool finished() const { return finished_; }
  const Status& exit_status() const { return exit_status_; }
  const ShardNodeStats& stats() const { return stats_; }
  uint64_t committed() const { return shard_.committed(); }
  Serving serving() const { return {shard_.own().version, shard_.own().slots, shard_.frozen()}; }

 private:
  // One request, while it is handled.
  struct Call {
    const Envelope& message;
    const wire::Header& header;
    Instant now;
    Effects& out;
  };

  Result<wire::Header> Open(const Envelope& message, Instant now, Effects* out);
  void HandleScheduler(const Call& call);
  bool OfThisJob(const wire::Identity& identity) const {
    return JobId{identity.job_high(), identity.job_low()} == options_.job;
  }
  bool FromThisScheduler(const wire::Identity& identity);
  void HandleWelcome(const wire::Welcome& welcome, Instant now);
  Status HandleMap(const wire::ClusterMap& message, Instant now, Effects* out);
  Status HandleSchedulerRequest(const Call& call, wire::Header* reply);
  Status OpenPhase(const wire::OpenPhase& message, wire::Header* reply);
  Status ClosePhase(const wire::ClosePhase& message, wire::Header* reply);
  Status RetireRank(const wire::RetireRank& message, wire::Header* reply);

  void HandleTrainer(const Call& call);
  Status CheckIdentity(const wire::Identity& identity) const;
  bool AnswersUs(const wire::Identity& identity) const;
  void Answer(Served served, Effects* out);
  void Speak(Instant now, Effects* out);
  void Register(Effects* out);
  void Beat(Effects* out);
  void Conclude(Instant now, Effects* out);
  void ContinueImage(Instant now, Effects* out);
  void Exit(Status status, std::string reason, Effects* out);
  const Status& failure() const;

  wire::Identity Self(uint64_t to) const;
  Envelope Sealed(const std::string& peer, uint64_t to, uint64_t request, wire::Header message,
                  std::string payload = {}) const;
  Envelope RefusalOf(const Call& call, const Status& status) const;
  void Tell(wire::Header message, Effects* out);  // To the scheduler, unasked.

  const ShardNodeOptions options_;
  Shard shard_;
  ShardRound round_;
  SlotMoves moves_;
  TrainerAdapter trainers_;
  DurableReplies replies_;
  PeerStrikes strikes_;
  SchedulerLink link_;
  ShardNodeStats stats_;

  uint64_t incarnation_ = 0;  // 0 until welcomed.
  uint32_t generation_ = 0;
  uint32_t term_ = 0;
  uint64_t next_request_ = 1;
  bool finished_ = false;
  Status exit_status_;
};

// ---------------------------------------------------------------- events

Effects ShardNode::State::Handle(const Envelope& message, Instant now) {
  Effects out;
  if (finished_) return out;
  link_.Observe(now);
  const bool from_scheduler = message.peer == options_.scheduler_endpoint;
  if (!from_scheduler && strikes_.Muted(message.peer, now)) {
    ++stats_.muted;
    return out;
  }
  const Result<wire::Header> header = Open(message, now, &out);
  if (header) {
    const Call call{message, *header, now, out};
    if (from_scheduler) {
      HandleScheduler(call);
    } else {
      HandleTrainer(call);
    }
  }
  Conclude(now, &out);
  return out;
}

Effects ShardNode::State::Tick(Instant now) {
  Effects out;
  if (finished_) return out;
  link_.Observe(now);
  Speak(now, &out);
  ContinueImage(now, &out);
  return out;
}

// Whatever else happened is concluded too. Rows follow their log: its sync is started first.
void ShardNode::State::ContinueImage(Instant now, Effects* out) {
  std::unique_ptr<PieceTask> piece = shard_.journal().ContinueImage();
  if (piece != nullptr && piece->step == PieceTask::Step::kStage) replies_.WantSync();
  Conclude(now, out);
  if (piece != nullptr) out->start.push_back(std::move(piece));
}

Effects ShardNode::State::Finish(std::unique_ptr<Task> task, Instant now) {
  Effects out;
  if (finished_) return out;
  if (replies_.Finish(*task) || shard_.journal().TakePiece(*task)) {
    ContinueImage(now, &out);  // It may have waited for that.
  } else {
    round_.Finish(std::move(task));
    Conclude(now, &out);
  }
  return out;
}

void ShardNode::State::Conclude(Instant now, Effects* out) {
  if (finished_) return;
  if (shard_.journal().failure().ok()) {
    for (auto& task : round_.Advance()) out->start.push_back(std::move(task));
    for (Served& served : trainers_.ServeParked(now)) Answer(std::move(served), out);
    moves_.Observe(now);
    if (auto asked = moves_.Due(now)) {
      const uint64_t request = asked->header.request();
      out->send.push_back(
          Sealed(asked->endpoint, asked->incarnation, request, std::move(asked->header)));
    }
  }
  if (const Status failed = failure(); !failed.ok()) {
    return Exit(failed.WithContext("shard " + std::to_string(options_.shard)), failed.ToString(),
                out);
  }
  if (Status silent = link_.Check(now); !silent.ok()) {
    return Exit(std::move(silent), "the scheduler is silent", out);
  }
  replies_.Advance(now, out);
}

const Status& ShardNode::State::failure() const {
  return shard_.journal().failure().ok() ? replies_.failure() : shard_.journal().failure();
}

Result<wire::Header> ShardNode::State::Open(const Envelope& message, Instant now, Effects* out) {
  Result<wire::Header> header = wire::Open(message);
  if (header) return header;
  if (header.error().code() != StatusCode::kCorrupt) {
    ++stats_.garbage;
    if (message.peer != options_.scheduler_endpoint) strikes_.Strike(message.peer, now);
    LOG_EVERY_N(WARNING, 100) << "from " << message.peer << ": " << header.error();
    return header;
  }
  ++stats_.corrupt;
  // The header is whole, so its sender can be asked to send again.
  wire::Header parsed;
  if (parsed.ParseFromString(message.header) && !parsed.has_error()) {
    out->send.push_back(wire::Refusal(message, parsed, Self(parsed.identity().sender_incarnation()),
                                      header.error()));
  }
  return header;
}

// ---------------------------------------------------------------- scheduler

bool ShardNode::State::FromThisScheduler(const wire::Identity& identity) {
  if (!OfThisJob(identity)) return false;
  if (identity.term() < term_) return false;
  // To a process that had this endpoint before.
  const uint64_t target = identity.target_incarnation();
  return incarnation_ == 0 || target == 0 || target == incarnation_;
}

void ShardNode::State::HandleScheduler(const Call& call) {
  const wire::Header& header = call.header;
  if (header.has_error()) {
    link_.Heard(call.now);
    // A late answer to what was asked before this process was welcomed.
    if (link_.welcomed() && OfThisJob(header.identity()) &&
        header.identity().target_incarnation() != incarnation_) {
      return;
    }
    const Status error = wire::ToStatus(header.error());
    const bool fatal = link_.welcomed() ? error.code() == StatusCode::kFenced ||
                                              error.code() == StatusCode::kUnknownJob
                                        : !TimeMends(error.code());
    if (!fatal) {
      LOG(WARNING) << "scheduler: " << error;
      return;
    }
    return Exit(error.WithContext("the scheduler at " + options_.scheduler_endpoint), {},
                &call.out);
  }
  if (!FromThisScheduler(header.identity())) return;
  term_ = std::max(term_, header.identity().term());  // R2: lower ones are over.
  link_.Heard(call.now);
  switch (header.body_case()) {
    case wire::Header::kWelcome: return HandleWelcome(header.welcome(), call.now);
    case wire::Header::kHeartbeatReply: return;
    case wire::Header::kStop:  // Its work is done, however the job ended.
      // A late one, from a map under which it had no slots. It has been given some since.
      if (header.identity().map_version() < Number(shard_.own().version)) return;
      LOG_IF(WARNING, header.stop().failed()) << "the job failed: " << header.stop().reason();
      return Exit({}, "stop", &call.out);
    default: break;
  }
  if (!link_.welcomed()) return;  // It will be repeated.
  wire::Header reply;
  const Status status = header.has_cluster_map()
                            ? HandleMap(header.cluster_map(), call.now, &call.out)
                            : HandleSchedulerRequest(call, &reply);
  if (!status.ok()) return replies_.Add(RefusalOf(call, status), &call.out);
  if (reply.body_case() == wire::Header::BODY_NOT_SET) return;
  replies_.Add(Sealed(call.message.peer, 0, header.request(), std::move(reply)), &call.out);
}

void ShardNode::State::HandleWelcome(const wire::Welcome& welcome, Instant now) {
  if (link_.welcomed()) return;
  incarnation_ = welcome.incarnation();
  generation_ = welcome.generation();
  term_ = welcome.term();
  link_.Welcome(std::chrono::milliseconds(std::max(1u, welcome.heartbeat_ms())), now);
}

// A map that does not name this shard is one all the same: it ends a live move too.
Status ShardNode::State::HandleMap(const wire::ClusterMap& message, Instant now, Effects* out) {
  if (message.version() <= Number(shard_.own().version)) return Status();
  SKY_ASSIGN_OR_RETURN(const ShardMap map, DecodeMap(message));
  const auto mine = std::ranges::find(map.shards(), ShardId(options_.shard), &ShardMap::Shard::id);
  const bool named = mine != map.shards().end();
  if (named && Number(mine->incarnation) != incarnation_) {
    return Status(StatusCode::kFailedPrecondition,
                  "map " + std::to_string(message.version()) + " does not name shard " +
                      std::to_string(options_.shard) + " as incarnation " +
                      std::to_string(incarnation_));
  }
  const SlotRange slots = named ? SlotRange{mine->slot_begin, mine->slot_end} : SlotRange{0, 0};
  const bool changed = slots != shard_.own().slots;
  SKY_RETURN_IF_ERROR(moves_.TakeMap({map.version(), slots}, now));
  if (!changed) return Status();
  for (Served& served : trainers_.RefuseParked()) Answer(std::move(served), out);
  return Status();
}

Status ShardNode::State::HandleSchedulerRequest(const Call& call, wire::Header* reply) {
  const wire::Header& header = call.header;
  // What is asked after a live move must not find this shard in the midst of it; which rows it
  // stands for, its map says; and a move is of the map under which it began.
  const bool moves =
      header.has_take_slots() || header.has_freeze_slots() || header.has_install_slots();
  if ((shard_.doubt() || header.has_table_hash() || moves) &&
      header.identity().map_version() > Number(shard_.own().version)) {
    return Status(StatusCode::kNotReady, "this shard has not heard which slots it has");
  }
  switch (header.body_case()) {
    case wire::Header::kOpenPhase: return OpenPhase(header.open_phase(), reply);
    case wire::Header::kClosePhase: return ClosePhase(header.close_phase(), reply);
    case wire::Header::kRetireRank: return RetireRank(header.retire_rank(), reply);
    case wire::Header::kCloseStream: {
      const wire::CloseStream& message = header.close_stream();
      const auto phase = Phase(message.phase());
      SKY_RETURN_IF_ERROR(shard_.CloseStream(phase, StreamId(message.stream()), message.count()));
      *reply->mutable_phase_reply() = EncodeSummary(phase, {.committed = committed()});
      return Status();
    }
    case wire::Header::kTableHash: {
      SKY_ASSIGN_OR_RETURN(const auto sums, HashTables(shard_.rows(), shard_.own().slots));
      *reply->mutable_table_hash_reply() = EncodeHashes(sums, options_.tables);
      return Status();
    }
    default:
      if (ServeRound(header, round_, reply) || moves_.Serve(header, reply)) return Status();
      return Status(StatusCode::kInvalidArgument, "no request that a shard serves the scheduler");
  }
}

Status ShardNode::State::OpenPhase(const wire::OpenPhase& message, wire::Header* reply) {
  SKY_ASSIGN_OR_RETURN(const PhaseRules rules, DecodeRules(message));
  SKY_RETURN_IF_ERROR(shard_.Open(rules));
  *reply->mutable_phase_reply() = EncodeSummary(rules.phase, {.committed = committed()});
  return Status();
}

Status ShardNode::State::ClosePhase(const wire::ClosePhase& message, wire::Header* reply) {
  const auto phase = Phase(message.phase());
  SKY_ASSIGN_OR_RETURN(const PhaseSummary summary, shard_.Close(phase, message.clock_end()));
  *reply->mutable_phase_reply() = EncodeSummary(phase, summary);
  return Status();
}

Status ShardNode::State::RetireRank(const wire::RetireRank& message, wire::Header* reply) {
  const auto phase = Phase(message.phase());
  SKY_ASSIGN_OR_RETURN(const Rank rank, DecodeRank(message.rank()));
  SKY_RETURN_IF_ERROR(shard_.Retire(phase, rank, message.changes()));
  *reply->mutable_phase_reply() = EncodeSummary(phase, {.committed = committed()});
  return Status();
}

// ---------------------------------------------------------------- trainers

Status ShardNode::State::CheckIdentity(const wire::Identity& identity) const {
  if (JobId{identity.job_high(), identity.job_low()} != options_.job) {
    return Status(StatusCode::kUnknownJob, "this shard serves another job");
  }
  if (!link_.welcomed()) {
    return Status(StatusCode::kNotReady, "this shard has not joined the job yet");
  }
  if (identity.generation() < generation_) {
    return Status(StatusCode::kStaleGeneration,
                  "generation " + std::to_string(identity.generation()) + " is over", generation_);
  }
  if (identity.generation() > generation_) {
    return Status(StatusCode::kNotReady,
                  "this shard is still in generation " + std::to_string(generation_), generation_);
  }
  if (identity.target_incarnation() != incarnation_) {
    return Status(StatusCode::kWrongIncarnation,
                  "meant for incarnation " + std::to_string(identity.target_incarnation()) +
                      ", this is " + std::to_string(incarnation_),
                  incarnation_);
  }
  const uint32_t version = Number(shard_.own().version);
  if (version == 0 || identity.map_version() > version) {
    return Status(StatusCode::kNotReady, "this shard knows only map " + std::to_string(version),
                  version);
  }
  if (identity.map_version() < version) {
    return Status(StatusCode::kStaleMap,
                  "map " + std::to_string(identity.map_version()) + " is over, the map is " +
                      std::to_string(version),
                  version);
  }
  return Status();
}

// Whether it is for this process, as an answer to a question of its own must be.
bool ShardNode::State::AnswersUs(const wire::Identity& identity) const {
  return JobId{identity.job_high(), identity.job_low()} == options_.job && link_.welcomed() &&
         identity.generation() == generation_ && identity.target_incarnation() == incarnation_;
}

void ShardNode::State::HandleTrainer(const Call& call) {
  // Another shard's answer. An error must not bring forth another.
  if (call.header.has_slot_piece() || call.header.has_error()) {
    if (!AnswersUs(call.header.identity())) return;
    return moves_.TakeAnswer(call.message.peer, call.header, call.message.payload, call.now);
  }
  if (const Status status = CheckIdentity(call.header.identity()); !status.ok()) {
    call.out.send.push_back(RefusalOf(call, status));
    return;
  }
  if (call.header.has_read_slots()) {
    Served piece{.peer = call.message.peer,
                 .request = call.header.request(),
                 .sender = call.header.identity().sender_incarnation()};
    moves_.ServeRead(call.header, &piece);
    return Answer(std::move(piece), &call.out);
  }
  Served served = trainers_.Serve(call.message.peer, call.header, call.message.payload, call.now);
  if (served.malformed) {
    ++stats_.garbage;
    strikes_.Strike(call.message.peer, call.now);
  }
  if (served.status.code() == StatusCode::kNondeterminism) {
    ++stats_.nondeterminism;
    LOG(ERROR) << "from " << call.message.peer << ": " << served.status;
  }
  Answer(std::move(served), &call.out);
}

void ShardNode::State::Answer(Served served, Effects* out) {
  if (!served.status.ok()) {
    wire::Error& error = *served.reply.mutable_error();
    error.set_code(static_cast<uint32_t>(served.status.code()));
    error.set_message(served.status.message());
    error.set_detail(served.status.detail());
    served.payload.clear();
  }
  if (served.reply.body_case() == wire::Header::BODY_NOT_SET) return;
  replies_.Add(Sealed(served.peer, served.sender, served.request, std::move(served.reply),
                      std::move(served.payload)),
               out);
}

// ---------------------------------------------------------------- speaking

void ShardNode::State::Speak(Instant now, Effects* out) {
  if (!link_.TakeDue(now)) return;
  if (link_.welcomed()) {
    Beat(out);
  } else {
    Register(out);
  }
}

void ShardNode::State::Register(Effects* out) {
  wire::Header header;
  wire::Register& message = *header.mutable_register_();
  message.set_role(wire::SHARD);
  message.set_index(options_.shard);
  message.set_process(options_.process);
  message.set_host(options_.host);
  message.set_pid(options_.pid);
  message.set_instance(options_.instance);
  message.set_version(options_.version);
  message.set_job_hash(options_.job_hash);
  message.set_endpoint(options_.endpoint);
  message.set_store_id(options_.store_id);
  Tell(std::move(header), out);
}

void ShardNode::State::Beat(Effects* out) {
  wire::Header header;
  wire::Heartbeat& beat = *header.mutable_heartbeat();
  beat.set_map_version(Number(shard_.own().version));
  beat.set_memory_bytes(shard_.rows().memory_bytes() + shard_.in_flight().used());
  Tell(std::move(header), out);
}

void ShardNode::State::Exit(Status status, std::string reason, Effects* out) {
  if (!status.ok()) LOG(ERROR) << "shard " << options_.shard << " ends: " << status;
  if (link_.welcomed() && !reason.empty()) {
    wire::Header header;
    header.mutable_leave()->set_reason(std::move(reason));
    Tell(std::move(header), out);
  }
  exit_status_ = std::move(status);
  finished_ = true;
}

wire::Identity ShardNode::State::Self(uint64_t to) const {
  wire::Identity identity;
  identity.set_job_high(options_.job.high);
  identity.set_job_low(options_.job.low);
  identity.set_generation(generation_);
  identity.set_map_version(Number(shard_.own().version));
  identity.set_target_incarnation(to);
  identity.set_sender_incarnation(incarnation_);
  identity.set_term(term_);
  return identity;
}

void ShardNode::State::Tell(wire::Header message, Effects* out) {
  out->send.push_back(Sealed(options_.scheduler_endpoint, 0, next_request_++, std::move(message)));
}

Envelope ShardNode::State::Sealed(const std::string& peer, uint64_t to, uint64_t request,
                                  wire::Header message, std::string payload) const {
  *message.mutable_identity() = Self(to);
  message.set_request(request);
  return wire::Seal(peer, std::move(message), std::move(payload));
}

Envelope ShardNode::State::RefusalOf(const Call& call, const Status& status) const {
  const uint64_t to = call.header.identity().sender_incarnation();
  // The job's id is not told to one who does not know it.
  const bool stranger = status.code() == StatusCode::kUnknownJob;
  return wire::Refusal(call.message, call.header, stranger ? wire::Identity() : Self(to), status);
}

// ---------------------------------------------------------------- ShardNode

ShardNode::ShardNode(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ShardNode>> ShardNode::Open(ShardNodeOptions options, env::RowStore& store,
                                                   env::RedoLog& log, ObjectStore* objects) {
  const Status valid = options.Validate();
  CHECK(valid.ok()) << valid;
  const std::string name = "recover shard " + std::to_string(options.shard);
  auto state = std::make_unique<State>(std::move(options), store, log, objects);
  SKY_RETURN_IF_ERROR(state->Recover().WithContext(name));
  return std::unique_ptr<ShardNode>(new ShardNode(std::move(state)));
}

ShardNode::~ShardNode() = default;

Effects ShardNode::Handle(const Envelope& message, Instant now) {
  return state_->Handle(message, now);
}

Effects ShardNode::Tick(Instant now) { return state_->Tick(now); }

Effects ShardNode::Finish(std::unique_ptr<Task> task, Instant now) {
  return state_->Finish(std::move(task), now);
}

bool ShardNode::finished() const { return state_->finished(); }
const Status& ShardNode::exit_status() const { return state_->exit_status(); }
const ShardNodeStats& ShardNode::stats() const { return state_->stats(); }
uint64_t ShardNode::committed() const { return state_->committed(); }
ShardNode::Serving ShardNode::serving() const { return state_->serving(); }

}  // namespace skybridge::ps
