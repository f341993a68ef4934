// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/ids.h"
#include "common/shard_map.h"
#include "common/time.h"
#include "scheduler/job_result.h"

namespace skybridge::scheduler {

// The rules of a phase, as shards keep them; see wire.OpenPhase.
struct PhaseRules {
  Phase phase{};
  bool lockstep = false;
  int32_t staleness = -1;
  uint32_t ranks = 1;
  uint64_t clock_begin = 0;
  bool read_only = false;
};

// One question to one shard.
struct ShardRequest {
  enum class Kind {
    kOpenPhase,
    kClosePhase,
    kCloseStream,
    kRetireRank,
    kTableHash,
    kPrepareRound,
    kCutRound,
    kCollectRound,
    kEndRound,
    kTakeSlots,
    kFreezeSlots,
    kInstallSlots,
  };
  Kind kind = Kind::kOpenPhase;
  PhaseRules rules;        // kOpenPhase; `rules.phase` in all that are about a phase.
  uint64_t clock_end = 0;  // kClosePhase.
  uint64_t stream = 0;     // kCloseStream, with the pushes it must have.
  uint64_t count = 0;
  uint32_t rank = 0;  // kRetireRank.
  uint32_t changes = 0;
  uint32_t round = 0;      // Those of a checkpoint round.
  uint64_t clock = 0;      // kCutRound.
  bool committed = false;  // kEndRound.
  MapVersion map{};        // Those of a live move, as the next one.
  SlotRange slots{0, 0};
  std::string endpoint;  // kTakeSlots: of the shard that has them, with its incarnation.
  Incarnation incarnation{};
  bool whole = false;
};

// "OpenPhase", ...
std::string RequestName(ShardRequest::Kind kind);

// What a shard answers: wire.PhaseReply or wire.TableHashReply.
struct ShardReply {
  bool closed = false;
  uint64_t committed = 0;
  uint64_t pushes = 0;
  uint64_t duplicates = 0;
  uint64_t examples = 0;  // Of the pushes; every shard has them all.
  std::vector<TableSum> tables;
};

// A request to send, under the number that its answer echoes.
struct ShardCall {
  uint32_t shard = 0;
  uint64_t request = 0;
  ShardRequest what;
};

// Questions to shards: for each shard in the order they were asked, one at a time, repeated until
// answered. So none overtakes another, whatever the network does. Pure state machine.
class ShardCalls {
 public:
  // `poll`: when a question is put again that got the answer "not yet". Requests are numbered from
  // `first_request` on.
  ShardCalls(uint32_t shards, Duration repeat, Duration poll, uint64_t first_request = 1);

  void AskAll(const ShardRequest& what);
  void Ask(uint32_t shard, const ShardRequest& what);
  // What to send now.
  std::vector<ShardCall> Due(Instant now);
  // The question that this answer belongs to; it counts as answered. Nothing: a repeat or a stray.
  std::optional<ShardRequest> Answered(uint32_t shard, uint64_t request);
  // The answer was "not yet": asks again soon. A repeat or a stray changes nothing.
  void NotYet(uint32_t shard, uint64_t request, Instant now);
  // The question that waits under this number, if it does.
  std::optional<ShardRequest> Waiting(uint32_t shard, uint64_t request) const;

  // The shard cannot be asked for the time being.
  void Hold(uint32_t shard) {
    if (shard < held_.size()) held_[shard] = true;
  }
  // It can be asked (again): what waits for an answer is put at once, maybe to a new process.
  void Release(uint32_t shard);

  // Nobody needs the answers any more: what was asked is forgotten.
  void Clear();
  // The same for questions of one kind.
  void Forget(ShardRequest::Kind kind);
  // From now on there are so many shards; what others were asked is forgotten.
  void SetShards(uint32_t shards);
  bool idle() const;

 private:
  struct Pending {
    uint64_t request;
    ShardRequest what;
    std::optional<Instant> due_at;  // Nothing: at once.
  };
  const Duration repeat_;
  const Duration poll_;
  std::vector<std::deque<Pending>> queues_;  // By shard; the first is the one being asked.
  std::vector<bool> held_;                   // By shard.
  uint64_t next_request_;
};

}  // namespace skybridge::scheduler
