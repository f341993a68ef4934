// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "ps/chunk_assembler.h"
#include "ps/memory_budget.h"
#include "ps/requests.h"

namespace skybridge::ps {

// How far a rank got on this shard.
struct RankProgress {
  uint64_t committed = 0;
  uint64_t accepted = 0;  // Its last push that is here as a whole.
  uint64_t done = 0;      // The last one that it certified: every shard accepted it.
  bool operator==(const RankProgress&) const = default;
};

// Lockstep: when a clock may enter the rows (docs/protocol.md, L1-L5, L10, G8).
//
// A clock commits when every rank has certified that *every* shard accepted its push of it, never
// just because all pushes arrived here: a rank that dies between two shards is replaced, and its
// successor must still find the state from which it computed. Pure state: the caller applies what
// Commit hands out. Every call may be repeated.
//
// Errors of calls that name a rank: kInvalidArgument if there is no such rank; kFenced if a later
// attempt has taken it over (detail: that attempt). An attempt above all before it fences those.
class ClockCommit {
 public:
  // One rank at rest.
  struct RankState {
    Attempt attempt{};
    uint64_t done = 0;
    uint64_t last_clock = 0;          // Of the last accepted push ...
    std::vector<uint32_t> last_crcs;  // ... and the checksums of its chunks (G8).
    uint64_t pending_lsn = 0;         // Where the log has the push of clock committed + 1; 0: none.
    bool operator==(const RankState&) const = default;
  };
  struct Snapshot {
    uint64_t committed = 0;
    std::vector<RankState> ranks;
    bool operator==(const Snapshot&) const = default;
  };

  // Accepted pushes keep their bytes taken from `budget`, which outlives this.
  explicit ClockCommit(MemoryBudget& budget) : budget_(budget) {}
  ~ClockCommit();
  ClockCommit(const ClockCommit&) = delete;
  ClockCommit& operator=(const ClockCommit&) = delete;

  // A phase begins: attempts count anew. `committed` goes on.
  void Open(uint32_t ranks);
  uint64_t committed() const { return committed_; }
  uint32_t ranks() const { return static_cast<uint32_t>(ranks_.size()); }

  // True if this chunk of a push is to be stored; false if the push was accepted before.
  // Errors: kOutOfRange       not the next clock.
  //         kNondeterminism   it was accepted with other bytes.
  Result<bool> IsNew(const PushRequest& request);
  // Errors: kInvalidArgument if other ranks pushed the next clock with another rate.
  Status CheckRate(Rank rank, float rate) const;
  // Keeps a whole push of the next clock, which the log has at `lsn`.
  // Errors: kDataLoss if it cannot be the next one: the log is not what this shard wrote.
  Status Accept(Rank rank, Attempt attempt, uint64_t clock, AssembledPush push, uint64_t lsn);

  // The rank certifies that every shard has accepted its pushes up to clock `done`.
  // Errors: kDataLoss if this shard has not.
  Status SetDone(Rank rank, Attempt attempt, uint64_t done);
  // Whether the rows are as a pull for `clock` needs them; false: later.
  // Errors: kGone if they have moved on; kOutOfRange if that is more than one clock away.
  // detail of both: committed.
  Result<bool> MayServe(Rank rank, Attempt attempt, uint64_t clock);

  // Fences lower attempts.
  Result<RankProgress> Query(Rank rank, Attempt attempt);

  // True once every rank has certified the next clock.
  bool ready() const;
  // The pushes of `clock`, by rank; it counts as certified by all and committed.
  // Errors: kDataLoss if it is not the next one, or some push of it is not here.
  Result<std::vector<PushRows>> Commit(uint64_t clock);

  // Of pushes that wait for their commit.
  uint64_t pending_bytes() const;
  // Where the log has the first push that waits for its commit; nothing if none waits.
  std::optional<uint64_t> oldest_pending() const;
  Snapshot Take() const;
  // Stands as it stood then, but for the bytes of pending pushes, which the log must bring: see
  // Refill.
  void Restore(const Snapshot& snapshot);
  // Whether a rank of the snapshot waits for the push that the log has at `lsn`.
  bool Awaits(Rank rank, uint64_t lsn) const;
  void Refill(Rank rank, AssembledPush push);
  // Errors: kDataLoss if a pending push is still missing.
  Status CheckComplete() const;
  // A rank that keeps others waiting, for messages: the first that has certified least.
  Rank slowest() const;

 private:
  struct State : RankState {
    std::optional<AssembledPush> pending;  // Of clock committed + 1.
  };
  Result<State*> Find(Rank rank, Attempt attempt);

  MemoryBudget& budget_;
  uint64_t committed_ = 0;
  std::vector<State> ranks_;
};

}  // namespace skybridge::ps
