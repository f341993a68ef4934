// SPDX-License-Identifier: Apache-2.0
#include "scheduler/shard_phase.h"

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::scheduler {

ShardPhase::ShardPhase(uint32_t shards, ShardCalls& calls) : shards_(shards), calls_(calls) {}

void ShardPhase::Open(const PhaseRules& rules) {
  CHECK(state_ == State::kClosed);
  state_ = State::kOpening;
  rules_ = rules;
  answered_ = 0;
  calls_.AskAll({.kind = ShardRequest::Kind::kOpenPhase, .rules = rules_});
}

void ShardPhase::CloseStream(uint64_t stream, uint64_t count) {
  CHECK(state_ == State::kOpen);
  calls_.AskAll({.kind = ShardRequest::Kind::kCloseStream,
                 .rules = rules_,
                 .stream = stream,
                 .count = count});
}

void ShardPhase::Retire(const RankChange& change) {
  CHECK(state_ == State::kOpen);
  calls_.AskAll({.kind = ShardRequest::Kind::kRetireRank,
                 .rules = rules_,
                 .rank = change.rank,
                 .changes = change.changes});
}

void ShardPhase::Close(uint64_t clock_end) {
  CHECK(state_ == State::kOpen);
  state_ = State::kClosing;
  answered_ = 0;
  calls_.AskAll({.kind = ShardRequest::Kind::kClosePhase, .rules = rules_, .clock_end = clock_end});
}

void ShardPhase::SetShards(uint32_t shards) {
  CHECK(state_ == State::kOpen);
  shards_ = shards;
}

Status ShardPhase::Take(uint32_t shard, uint64_t request, const ShardRequest& what,
                        const ShardReply& reply, Instant now) {
  const bool closing = what.kind == ShardRequest::Kind::kClosePhase;
  if (closing && !reply.closed) {
    calls_.NotYet(shard, request, now);
    return Status();
  }
  if (!calls_.Answered(shard, request)) return Status();
  if (closing && rules_.lockstep && reply.committed != what.clock_end) {
    return Status(StatusCode::kStateLost,
                  fmt::format("shard {} closed phase {} at clock {} instead of {}", shard,
                              Number(rules_.phase), reply.committed, what.clock_end));
  }
  if (!closing && what.kind != ShardRequest::Kind::kOpenPhase) return Status();
  if (closing) {
    pushes_ += reply.pushes;
    if (shard == 0) examples_ += reply.examples;
    duplicates_ += reply.duplicates;
  }
  CHECK_LE(++answered_, shards_);
  if (answered_ == shards_) state_ = closing ? State::kClosed : State::kOpen;
  return Status();
}

Status JudgeRefusal(uint32_t shard, const ShardRequest& what, const Status& refusal) {
  // A round can fail; what waits behind its cut must not wait for room on a disk.
  const bool waits = what.kind != ShardRequest::Kind::kCutRound ||
                     refusal.code() != StatusCode::kResourceExhausted;
  // A wrong incarnation is a shard about to be found dead.
  if (TimeMends(refusal.code()) && waits) return Status();
  return OfOwnState(refusal.WithContext(fmt::format(
      "shard {} refused {}{}", shard, RequestName(what.kind),
      what.kind == ShardRequest::Kind::kCloseStream ? fmt::format(" {}", what.stream) : "")));
}

}  // namespace skybridge::scheduler
