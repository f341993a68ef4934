// SPDX-License-Identifier: Apache-2.0
#include "ps/shard.h"

#include <limits>
#include <utility>
#include <vector>

#include <glog/logging.h>

#include "ps/row_update.h"

namespace skybridge::ps {
namespace {

std::string Name(Phase phase) { return "phase " + std::to_string(Number(phase)); }

}  // namespace

Shard::Shard(ShardOptions options, env::RowStore& store)
    : in_flight_(options.in_flight_bytes_max),
      rows_(std::move(options.rows), store),
      commit_(in_flight_),
      gate_(0, std::nullopt),
      chunks_(in_flight_) {}

Status Shard::CheckPhase(Phase phase) const {
  if (!rules_ || phase > rules_->phase) {
    return Status(StatusCode::kNotReady, Name(phase) + " did not begin on this shard yet");
  }
  if (phase < rules_->phase || summary_.closed) {
    return Status(StatusCode::kGone, Name(phase) + " is over", committed());
  }
  return Status();
}

Status Shard::CheckLockstep(Phase phase, bool lockstep) const {
  SKY_RETURN_IF_ERROR(CheckPhase(phase));
  if (rules_->lockstep == lockstep) return Status();
  return Status(StatusCode::kFailedPrecondition,
                Name(phase) + " is " + (rules_->lockstep ? "" : "not ") + "in lockstep");
}

Status Shard::Open(const PhaseRules& rules) {
  if (rules_ && rules.phase < rules_->phase) {
    return Status(StatusCode::kGone, Name(rules.phase) + " is over");
  }
  if (rules_ && rules.phase == rules_->phase) {
    if (rules == *rules_) return Status();
    return Status(StatusCode::kInvalidArgument, Name(rules.phase) + " began with other rules");
  }
  if (rules_ && !summary_.closed) {
    return Status(StatusCode::kFailedPrecondition,
                  Name(rules.phase) + " cannot begin: " + Name(rules_->phase) + " is not closed");
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
  rules_ = rules;
  summary_ = {};
  chunks_.Clear();
  ledger_.Clear();
  gate_ = StalenessGate(rules.ranks, rules.staleness_max);
  commit_.Open(rules.lockstep ? rules.ranks : 0);
  return Status();
}

Result<PhaseSummary> Shard::Close(Phase phase, uint64_t clock_end) {
  if (!rules_ || phase > rules_->phase) return CheckPhase(phase);
  PhaseSummary summary = summary_;
  summary.committed = committed();
  if (phase < rules_->phase) return PhaseSummary{.closed = true, .committed = committed()};
  if (rules_->lockstep) {
    summary.closed = committed() >= clock_end;
  } else {
    if (ledger_.streams_open() > 0) {
      return Status(StatusCode::kFailedPrecondition,
                    Name(phase) + " cannot end: " + std::to_string(ledger_.streams_open()) +
                        " streams of pushes are open");
    }
    summary.closed = true;
  }
  if (summary.closed) chunks_.Clear();
  summary_ = summary;
  return summary;
}

Status Shard::Retire(Phase phase, Rank rank, bool retired) {
  SKY_RETURN_IF_ERROR(CheckLockstep(phase, false));
  return gate_.Retire(rank, retired);
}

Status Shard::CloseStream(Phase phase, StreamId stream, uint64_t count) {
  SKY_RETURN_IF_ERROR(CheckLockstep(phase, false));
  SKY_RETURN_IF_ERROR(ledger_.Close(stream, count));
  chunks_.Drop(stream);
  return Status();
}

Status Shard::ExpectCommitted(uint64_t clock) const {
  if (clock == 0 || clock == committed()) return Status();
  return Status(StatusCode::kGone,
                "the rows stand at clock " + std::to_string(committed()) + ", not at " +
                    std::to_string(clock),
                committed());
}

Result<bool> Shard::Admit(const PullRequest& pull) {
  SKY_RETURN_IF_ERROR(CheckPhase(pull.phase));
  SKY_RETURN_IF_ERROR(CheckPull(rows_.tables(), pull, own_));
  return Ready(pull);
}

Result<bool> Shard::Ready(const PullRequest& pull) {
  SKY_RETURN_IF_ERROR(CheckPhase(pull.phase));
  if (pull.read_only) {
    SKY_RETURN_IF_ERROR(ExpectCommitted(pull.expect_committed));
    return true;
  }
  if (rules_->read_only) {
    return Status(StatusCode::kFailedPrecondition,
                  Name(pull.phase) + " only reads: pull with read_only");
  }
  SKY_RETURN_IF_ERROR(Done(pull.phase, pull.rank, pull.attempt, pull.done));
  if (rules_->lockstep) return commit_.MayServe(pull.rank, pull.attempt, pull.clock);
  return gate_.MayServe(pull.rank, pull.clock);
}

Status Shard::Done(Phase phase, Rank rank, Attempt attempt, uint64_t done) {
  SKY_RETURN_IF_ERROR(CheckPhase(phase));
  if (!rules_->lockstep) return gate_.SetDone(rank, done);
  SKY_RETURN_IF_ERROR(commit_.SetDone(rank, attempt, done));
  return CommitIfReady();
}

Status Shard::CommitIfReady() {
  if (!commit_.ready()) return Status();
  const std::vector<PushRows> pushes = commit_.Commit();
  return ApplyUpdate(rows_, pushes,
                     {.lsn = ++lsn_, .clock = static_cast<uint32_t>(commit_.committed())});
}

Result<bool> Shard::Push(PushRequest push) {
  SKY_RETURN_IF_ERROR(CheckPhase(push.phase));
  if (rules_->read_only) {
    return Status(StatusCode::kFailedPrecondition, Name(push.phase) + " only reads");
  }
  SKY_RETURN_IF_ERROR(CheckPush(rows_.tables(), push.rows, own_));
  auto is_new = rules_->lockstep ? PushLockstep(std::move(push)) : PushOnArrival(std::move(push));
  if (is_new && !*is_new) ++summary_.duplicates;
  return is_new;
}

Result<bool> Shard::PushLockstep(PushRequest push) {
  const Rank rank = push.rank;
  if (Number(push.stream) != Number(rank)) {
    return Status(StatusCode::kInvalidArgument, "push of rank " + std::to_string(Number(rank)) +
                                                    ": in lockstep its stream is " +
                                                    std::to_string(Number(rank)) + ", not " +
                                                    std::to_string(Number(push.stream)));
  }
  SKY_ASSIGN_OR_RETURN(const bool is_new, commit_.IsNew(push));
  if (!is_new) return false;
  SKY_ASSIGN_OR_RETURN(auto whole, chunks_.Add(std::move(push)));
  if (!whole) return true;
  SKY_RETURN_IF_ERROR(commit_.Accept(rank, *std::move(whole)));
  ++summary_.pushes;
  return true;
}

Result<bool> Shard::PushOnArrival(PushRequest push) {
  const StreamId stream = push.stream;
  const uint64_t sequence = push.sequence;
  SKY_ASSIGN_OR_RETURN(const bool is_new, ledger_.IsNew(stream, sequence, push.attempt));
  if (!is_new) return false;
  SKY_ASSIGN_OR_RETURN(auto whole, chunks_.Add(std::move(push)));
  if (!whole) return true;
  const Status applied = ApplyUpdate(rows_, std::span(&whole->rows, 1), {.lsn = ++lsn_});
  in_flight_.Give(whole->bytes);
  SKY_RETURN_IF_ERROR(applied);
  ledger_.Mark(stream, sequence);
  ++summary_.pushes;
  return true;
}

Result<RankProgress> Shard::QueryRank(Phase phase, Rank rank, Attempt attempt) {
  SKY_RETURN_IF_ERROR(CheckLockstep(phase, true));
  return commit_.Query(rank, attempt);
}

Result<StreamProgress> Shard::QueryStream(Phase phase, StreamId stream, Attempt attempt) {
  SKY_RETURN_IF_ERROR(CheckLockstep(phase, false));
  return ledger_.Query(stream, attempt);
}

std::string Shard::Waiting() const {
  if (!rules_) return "no phase has begun";
  if (!rules_->lockstep || commit_.ranks() == 0) return "slower ranks are too far behind";
  return "rank " + std::to_string(Number(commit_.slowest())) + " has not certified clock " +
         std::to_string(committed() + 1);
}

}  // namespace skybridge::ps
