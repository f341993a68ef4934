// SPDX-License-Identifier: Apache-2.0
#include "ps/shard.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

std::string Name(Phase phase) { return "phase " + std::to_string(Number(phase)); }

}  // namespace

Shard::Shard(ShardOptions options, env::RowStore& store, env::RedoLog& log)
    : journal_(std::move(options), store, log), chunks_(state_.in_flight) {}

// ---------------------------------------------------------------- phases

Status Shard::CheckPhase(Phase phase) const {
  if (!state_.rules || phase > state_.rules->phase) {
    return Status(StatusCode::kNotReady, Name(phase) + " did not begin on this shard yet");
  }
  if (phase < state_.rules->phase || state_.summary.closed) {
    return Status(StatusCode::kGone, Name(phase) + " is over", committed());
  }
  return Status();
}

// A frozen shard has told another all that it has: it must not learn more.
Status Shard::CheckMoves() const {
  if (!frozen()) return Status();
  return Status(StatusCode::kNotReady, "slots of this shard are about to move");
}

Status Shard::CheckLockstep(Phase phase, bool lockstep) const {
  SKY_RETURN_IF_ERROR(CheckPhase(phase));
  if (state_.rules->lockstep == lockstep) return Status();
  return Status(StatusCode::kFailedPrecondition,
                Name(phase) + " is " + (state_.rules->lockstep ? "" : "not ") + "in lockstep");
}

Status Shard::Open(const PhaseRules& rules) {
  if (state_.rules && rules.phase < state_.rules->phase) {
    return Status(StatusCode::kGone, Name(rules.phase) + " is over");
  }
  if (state_.rules && rules.phase == state_.rules->phase) {
    if (rules == *state_.rules) return Status();
    return Status(StatusCode::kInvalidArgument, Name(rules.phase) + " began with other rules");
  }
  if (state_.rules && !state_.summary.closed) {
    return Status(
        StatusCode::kFailedPrecondition,
        Name(rules.phase) + " cannot begin: " + Name(state_.rules->phase) + " is not closed");
  }
  if (rules.lockstep && rules.clock_begin != committed()) {
    return Status(StatusCode::kFailedPrecondition,
                  Name(rules.phase) + " begins at clock " + std::to_string(rules.clock_begin) +
                      ", but the rows stand at " + std::to_string(committed()));
  }
  if (rules.ranks > std::numeric_limits<uint16_t>::max() ||
      (rules.lockstep && !rules.read_only && rules.ranks == 0)) {
    return Status(StatusCode::kInvalidArgument,
                  Name(rules.phase) + ": " + std::to_string(rules.ranks) + " ranks");
  }
  SKY_RETURN_IF_ERROR(journal_.Keep(PhaseOpened{rules}));
  chunks_.Clear();
  return Status();
}

Result<PhaseSummary> Shard::Close(Phase phase, uint64_t clock_end) {
  if (!state_.rules || phase > state_.rules->phase) return CheckPhase(phase);
  if (phase < state_.rules->phase) return PhaseSummary{.closed = true, .committed = committed()};
  bool closed = true;
  if (state_.rules->lockstep) {
    closed = committed() >= clock_end;
  } else if (state_.ledger.streams_open() > 0) {
    return Status(StatusCode::kFailedPrecondition,
                  Name(phase) + " cannot end: " + std::to_string(state_.ledger.streams_open()) +
                      " streams of pushes are open");
  }
  if (closed && !state_.summary.closed) {
    SKY_RETURN_IF_ERROR(journal_.Keep(PhaseClosed{phase}));
    chunks_.Clear();
  }
  PhaseSummary summary = state_.summary;
  summary.committed = committed();
  return summary;
}

Status Shard::Retire(Phase phase, Rank rank, uint32_t changes) {
  SKY_RETURN_IF_ERROR(CheckLockstep(phase, false));
  StalenessGate moved = state_.gate;
  SKY_RETURN_IF_ERROR(moved.Retire(rank, changes));
  if (moved.ranks() == state_.gate.ranks()) return Status();
  return journal_.Keep(GateMoved{moved.ranks()});
}

Status Shard::CloseStream(Phase phase, StreamId stream, uint64_t count) {
  SKY_RETURN_IF_ERROR(CheckLockstep(phase, false));
  SKY_ASSIGN_OR_RETURN(const bool is_new, state_.ledger.MayClose(stream, count));
  if (is_new) SKY_RETURN_IF_ERROR(journal_.Keep(StreamClosed{stream, count}));
  chunks_.Drop(stream);
  return Status();
}

uint64_t Shard::DoneOf(Rank rank) const {
  const auto& ranks = state_.gate.ranks();
  return Number(rank) < ranks.size() ? ranks[Number(rank)].done : 0;
}

Status Shard::ExpectCommitted(uint64_t clock) const {
  if (clock == 0 || clock == committed()) return Status();
  return Status(StatusCode::kGone,
                "the rows stand at clock " + std::to_string(committed()) + ", not at " +
                    std::to_string(clock),
                committed());
}

// ---------------------------------------------------------------- pulls and pushes

Result<bool> Shard::Admit(const PullRequest& pull) {
  SKY_RETURN_IF_ERROR(CheckPhase(pull.phase));
  SKY_RETURN_IF_ERROR(CheckPull(rows().tables(), pull, own_));
  return Ready(pull);
}

Result<bool> Shard::Ready(const PullRequest& pull) {
  SKY_RETURN_IF_ERROR(CheckPhase(pull.phase));
  if (pull.read_only) {
    SKY_RETURN_IF_ERROR(ExpectCommitted(pull.expect_committed));
    return true;
  }
  if (frozen()) return false;
  if (state_.rules->read_only) {
    return Status(StatusCode::kFailedPrecondition,
                  Name(pull.phase) + " only reads: pull with read_only");
  }
  SKY_RETURN_IF_ERROR(CertifyByPull(pull));
  if (!state_.rules->lockstep) return state_.gate.MayServe(pull.rank, pull.clock);
  SKY_ASSIGN_OR_RETURN(const bool served,
                       state_.commit.MayServe(pull.rank, pull.attempt, pull.clock));
  if (frozen()) return false;  // Since that commit.
  clock_open_ = clock_open_ || served;
  return served;
}

// In lockstep it is not kept: the pull is repeated until it is answered, and certifies again each
// time; when it is answered the clock is committed.
Status Shard::CertifyByPull(const PullRequest& pull) {
  if (!state_.rules->lockstep) return KeepProgress(pull.rank, pull.attempt, pull.done);
  SKY_RETURN_IF_ERROR(state_.commit.SetDone(pull.rank, pull.attempt, pull.done));
  return CommitIfReady();
}

Status Shard::Done(Phase phase, Rank rank, Attempt attempt, uint64_t done) {
  SKY_RETURN_IF_ERROR(CheckPhase(phase));
  SKY_RETURN_IF_ERROR(CheckMoves());
  if (!state_.rules->lockstep) return KeepProgress(rank, attempt, done);
  SKY_RETURN_IF_ERROR(state_.commit.SetDone(rank, attempt, done));
  if (done > committed()) SKY_RETURN_IF_ERROR(journal_.Keep(RankCertified{rank, attempt, done}));
  return CommitIfReady();
}

// Kept: a rank whose pull was answered here, and who waits for another shard, does not say again
// how far it got. If this shard forgot, it would hold back the rank that the other shard waits for.
Status Shard::KeepProgress(Rank rank, Attempt attempt, uint64_t done) {
  SKY_ASSIGN_OR_RETURN(const bool is_news, state_.gate.IsNews(rank, done));
  return is_news ? journal_.Keep(RankCertified{rank, attempt, done}) : Status();
}

Status Shard::CommitIfReady() {
  if (!state_.commit.ready()) return Status();
  SKY_RETURN_IF_ERROR(journal_.Keep(ClockCommitted{committed() + 1}));
  clock_open_ = false;
  return Status();
}

Result<bool> Shard::IsNew(const PushRequest& push) {
  if (!state_.rules->lockstep) return state_.ledger.IsNew(push.stream, push.sequence, push.attempt);
  if (Number(push.stream) != Number(push.rank)) {
    return Status(StatusCode::kInvalidArgument,
                  "push of rank " + std::to_string(Number(push.rank)) +
                      ": in lockstep its stream is " + std::to_string(Number(push.rank)) +
                      ", not " + std::to_string(Number(push.stream)));
  }
  return state_.commit.IsNew(push);
}

Result<PushOutcome> Shard::Push(PushRequest push) {
  SKY_RETURN_IF_ERROR(CheckPhase(push.phase));
  if (state_.rules->read_only) {
    return Status(StatusCode::kFailedPrecondition, Name(push.phase) + " only reads");
  }
  SKY_RETURN_IF_ERROR(CheckMoves());
  SKY_RETURN_IF_ERROR(CheckPush(rows().tables(), push.rows, own_));
  SKY_ASSIGN_OR_RETURN(const bool is_new, IsNew(push));
  if (!is_new) {
    ++state_.summary.duplicates;
    return PushOutcome::kDuplicate;
  }
  if (state_.rules->lockstep) {
    SKY_RETURN_IF_ERROR(state_.commit.CheckRate(push.rank, push.rows.rate));
  }
  PushAccepted record{
      .stream = push.stream, .sequence = push.sequence, .rank = push.rank, .attempt = push.attempt};
  const uint64_t bytes = push.rows.bytes();
  auto whole = chunks_.Add(std::move(push));
  if (!whole) return WithHope(whole.error(), bytes);
  if (!*whole) return PushOutcome::kIncomplete;
  record.push = **std::move(whole);
  return KeepPush(std::move(record));
}

// Pushes of a clock leave together, so waiting for room among them would be waiting for ever (L12).
Status Shard::WithHope(const Status& refusal, uint64_t bytes) const {
  const uint64_t together = state_.commit.pending_bytes() + chunks_.bytes() + bytes;
  if (refusal.code() != StatusCode::kResourceExhausted || !state_.rules->lockstep ||
      together <= state_.in_flight.limit()) {
    return refusal;
  }
  return Status(StatusCode::kFailedPrecondition,
                "clock " + std::to_string(committed() + 1) + ": the pushes of " +
                    std::to_string(state_.commit.ranks()) + " ranks have more than " +
                    std::to_string(state_.in_flight.limit()) +
                    " bytes together; use fewer trainers, a smaller batch or more shards");
}

Result<PushOutcome> Shard::KeepPush(PushAccepted push) {
  const StreamId stream = push.stream;
  const uint64_t sequence = push.sequence;
  const Attempt attempt = push.attempt;
  ShardRecord record = std::move(push);
  const Status kept = journal_.Keep(record);
  if (kept.ok()) return PushOutcome::kAccepted;
  if (journal_.failure().ok()) {  // The log is full; the push is still in the record.
    chunks_.PutBack(stream, sequence, attempt, std::move(std::get<PushAccepted>(record).push));
  }
  return kept;
}

Result<RankProgress> Shard::QueryRank(Phase phase, Rank rank, Attempt attempt) {
  SKY_RETURN_IF_ERROR(CheckLockstep(phase, true));
  SKY_RETURN_IF_ERROR(CheckMoves());
  SKY_ASSIGN_OR_RETURN(const RankProgress progress, state_.commit.Query(rank, attempt));
  SKY_RETURN_IF_ERROR(journal_.Keep(RankFenced{rank, attempt}));
  return progress;
}

Result<StreamProgress> Shard::QueryStream(Phase phase, StreamId stream, Attempt attempt) {
  SKY_RETURN_IF_ERROR(CheckLockstep(phase, false));
  SKY_RETURN_IF_ERROR(CheckMoves());
  SKY_ASSIGN_OR_RETURN(StreamProgress progress, state_.ledger.Query(stream, attempt));
  SKY_RETURN_IF_ERROR(journal_.Keep(StreamFenced{stream, attempt}));
  return progress;
}

// ---------------------------------------------------------------- live moves

bool Shard::frozen() const {
  if (!freeze_wanted_) return false;
  const bool lockstep = state_.rules && state_.rules->lockstep;
  return !lockstep || (!clock_open_ && !state_.commit.oldest_pending());
}

Status Shard::Doubt(SlotRange slots) {
  const SlotDoubt doubt{own_.version, slots};
  if (state_.doubt == doubt) return Status();
  if (state_.doubt) {
    return Status(StatusCode::kFailedPrecondition,
                  "slots " + std::to_string(state_.doubt->slots.begin) + " to " +
                      std::to_string(state_.doubt->slots.end) + " are about to move already");
  }
  return journal_.Keep(SlotsInDoubt{doubt});
}

Status Shard::TakeMap(const OwnSlots& own) {
  if (const auto doubt = state_.doubt; doubt && own.version > doubt->map) {
    SlotsSettled settled;
    const SlotRange below{doubt->slots.begin, std::min(doubt->slots.end, own.slots.begin)};
    const SlotRange above{std::max(doubt->slots.begin, own.slots.end), doubt->slots.end};
    const bool owns = own.slots.begin < own.slots.end;
    if (!owns) settled.dropped.push_back(doubt->slots);
    if (owns && below.begin < below.end) settled.dropped.push_back(below);
    if (owns && above.begin < above.end) settled.dropped.push_back(above);
    const Status kept = journal_.Keep(std::move(settled));
    // Nothing but this map moves the shard now, so nobody else would ask for room.
    if (kept.code() == StatusCode::kResourceExhausted) (void)journal_.WantImage();
    SKY_RETURN_IF_ERROR(kept);
  }
  if (own.slots != own_.slots) chunks_.Clear();  // Whoever sent them begins anew.
  own_ = own;
  freeze_wanted_ = false;
  return Status();
}

Status Shard::TakeRows(SlotRows rows) {
  const bool fits = state_.doubt && std::ranges::all_of(rows.ids, [&](RowId id) {
                      const uint32_t slot = Number(SlotOf(rows.table, id));
                      return slot >= state_.doubt->slots.begin && slot < state_.doubt->slots.end;
                    });
  if (!fits) return Status(StatusCode::kFailedPrecondition, "rows come that nobody asked for");
  return journal_.Keep(std::move(rows));
}

Status Shard::TakeState(bool whole, ShardImage state) {
  if (!state_.doubt) return Status(StatusCode::kFailedPrecondition, "no slots are about to come");
  if (whole) {
    state.summary = {.closed = state.summary.closed};
    chunks_.Clear();
  }
  const uint64_t committed_there = state.commit.committed;
  SKY_RETURN_IF_ERROR(journal_.Keep(SlotsInstalled{whole, std::move(state)}));
  if (!whole) SKY_RETURN_IF_ERROR(CatchUp(committed_there));
  return journal_.Sync();
}

// A clock that was committed there is one that every rank has certified. A successor of a rank may
// hear of it from nobody but this shard, if the other one leaves the job.
Status Shard::CatchUp(uint64_t clock) {
  if (!state_.rules || !state_.rules->lockstep || clock <= committed()) return Status();
  const std::vector<ClockCommit::RankState> ranks = state_.commit.Take().ranks;
  for (size_t r = 0; r < ranks.size(); ++r) {
    SKY_RETURN_IF_ERROR(
        Done(state_.rules->phase, Rank(static_cast<uint16_t>(r)), ranks[r].attempt, clock));
  }
  return Status();
}

std::string Shard::Waiting() const {
  if (frozen()) return "slots of this shard are about to move";
  if (!state_.rules) return "no phase has begun";
  if (!state_.rules->lockstep || state_.commit.ranks() == 0) {
    return "slower ranks are too far behind";
  }
  return "rank " + std::to_string(Number(state_.commit.slowest())) + " has not certified clock " +
         std::to_string(committed() + 1);
}

}  // namespace skybridge::ps
