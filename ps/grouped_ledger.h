// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "common/ids.h"
#include "common/shard_map.h"
#include "common/status.h"
#include "ps/push_ledger.h"

namespace skybridge::ps {

// Which pushes of the phase were applied, outside lockstep, by groups of slots: a shard that was
// restored from several fragments has a ledger for the slots of each, because each was cut where it
// stood (docs/protocol.md, Restore). A push is applied to the slots where it is new. Neighbouring
// groups whose ledgers have become equal are one; a shard that was never restored has one group.
//
// Pure state; every call may be repeated. Errors of all calls: those of PushLedger, of the first
// group that has one.
class GroupedLedger {
 public:
  explicit GroupedLedger(PushLedgerOptions options = {});

  // Whether the push is new in any group. An attempt above all before it fences those, in all.
  Result<bool> IsNew(StreamId stream, uint64_t sequence, Attempt attempt);
  // The slots where it is new: ranges that do not touch, ascending; empty if it is new nowhere.
  Result<std::vector<SlotRange>> WhereNew(StreamId stream, uint64_t sequence, Attempt attempt);
  // The push was applied where it was new; it must have been new somewhere.
  void Mark(StreamId stream, uint64_t sequence, Attempt attempt);

  // What all groups have. Fences lower attempts in all.
  Result<StreamProgress> Query(StreamId stream, Attempt attempt);

  // Whether closing the stream is new in any group; see PushLedger::MayClose.
  Result<bool> MayClose(StreamId stream, uint64_t count) const;
  // Closes it in all groups, or in none.
  Status Close(StreamId stream, uint64_t count);

  // Forgets everything: a new phase begins.
  void Clear();

  // A group at rest. It ends where the next one begins; the first begins at slot 0.
  struct GroupState {
    uint32_t slot_begin = 0;
    PushLedger::Snapshot ledger;
    bool operator==(const GroupState&) const = default;
  };
  using Snapshot = std::vector<GroupState>;
  Snapshot Take() const;
  // snapshot: not empty, ascending.
  void Restore(const Snapshot& snapshot);

  // The slots come from another shard, with what was applied to them there. A stream that is closed
  // in any group is then closed in all.
  // Errors: kDataLoss if some group has not all pushes of such a stream.
  Status Install(SlotRange slots, const Snapshot& theirs);
  // The slots are another shard's: they count as their neighbours.
  void Forget(SlotRange slots);

  size_t groups() const { return groups_.size(); }
  // Of the group that has most.
  size_t streams_open() const;

 private:
  struct Group {
    uint32_t slot_begin = 0;
    PushLedger ledger;
  };
  uint32_t EndOf(size_t group) const;
  // The first group that begins at `slot` or behind it, after a cut there.
  size_t CutAt(uint32_t slot);
  void JoinEqual();

  PushLedgerOptions options_;
  std::vector<Group> groups_;
};

}  // namespace skybridge::ps
