// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "scheduler/shard_calls.h"
#include "scheduler/training_dealer.h"

namespace skybridge::scheduler {

// One phase on all shards: open once every shard has said so, closed once every shard has all of
// it in its rows. Between the two, finished streams are checked and ranks retired.
//
// Pure state machine over ShardCalls, which it borrows.
class ShardPhase {
 public:
  ShardPhase(uint32_t shards, ShardCalls& calls);

  // The phase before must be closed.
  void Open(const PhaseRules& rules);
  // A stream has ended with `count` pushes; a shard that has another number reports data loss.
  void CloseStream(uint64_t stream, uint64_t count);
  void Retire(const RankChange& change);
  // No more pushes. Lockstep: all clocks up to `clock_end` must be committed.
  void Close(uint64_t clock_end);

  // An answer to `what` from `shard`.
  // Errors: kDataLoss if a shard closed at another clock.
  Status Take(uint32_t shard, uint64_t request, const ShardRequest& what, const ShardReply& reply,
              Instant now);

  // The map has other shards now; the phase is open on all of them.
  void SetShards(uint32_t shards);

  bool open() const { return state_ == State::kOpen; }
  bool closed() const { return state_ == State::kClosed; }
  // Of all phases so far, all shards.
  uint64_t pushes() const { return pushes_; }
  uint64_t duplicates() const { return duplicates_; }
  // Of all phases so far.
  uint64_t examples() const { return examples_; }

 private:
  enum class State { kClosed, kOpening, kOpen, kClosing };

  uint32_t shards_;
  ShardCalls& calls_;
  State state_ = State::kClosed;
  PhaseRules rules_;
  uint32_t answered_ = 0;  // Shards that are where the state wants them.
  uint64_t pushes_ = 0;
  uint64_t duplicates_ = 0;
  uint64_t examples_ = 0;
};

// What becomes of a request that a shard refused: OK to put it again, or the error that ends the
// job (or the round that the request is of), with the shard's name.
Status JudgeRefusal(uint32_t shard, const ShardRequest& what, const Status& refusal);

}  // namespace skybridge::scheduler
