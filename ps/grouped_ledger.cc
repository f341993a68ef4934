// SPDX-License-Identifier: Apache-2.0
#include "ps/grouped_ledger.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include <glog/logging.h>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

bool Has(const StreamProgress& progress, uint64_t sequence) {
  return sequence < progress.next || std::ranges::binary_search(progress.applied, sequence);
}

// What both have. The first sequence that one of them has not is the lower `next`.
StreamProgress Both(const StreamProgress& a, const StreamProgress& b) {
  if (a.next > b.next) return Both(b, a);
  StreamProgress both{.next = a.next};
  std::ranges::copy_if(a.applied, std::back_inserter(both.applied),
                       [&](uint64_t sequence) { return Has(b, sequence); });
  return both;
}

}  // namespace

GroupedLedger::GroupedLedger(PushLedgerOptions options) : options_(options) { Clear(); }

void GroupedLedger::Clear() {
  groups_.clear();
  groups_.push_back({.slot_begin = 0, .ledger = PushLedger(options_)});
}

uint32_t GroupedLedger::EndOf(size_t group) const {
  return group + 1 < groups_.size() ? groups_[group + 1].slot_begin : kSlotCount;
}

// Every group is asked, so that all fence alike.
Result<std::vector<SlotRange>> GroupedLedger::WhereNew(StreamId stream, uint64_t sequence,
                                                       Attempt attempt) {
  std::vector<SlotRange> slots;
  for (size_t g = 0; g < groups_.size(); ++g) {
    SKY_ASSIGN_OR_RETURN(const bool is_new, groups_[g].ledger.IsNew(stream, sequence, attempt));
    if (!is_new) continue;
    if (!slots.empty() && slots.back().end == groups_[g].slot_begin) {
      slots.back().end = EndOf(g);
    } else {
      slots.push_back({groups_[g].slot_begin, EndOf(g)});
    }
  }
  return slots;
}

Result<bool> GroupedLedger::IsNew(StreamId stream, uint64_t sequence, Attempt attempt) {
  SKY_ASSIGN_OR_RETURN(const std::vector<SlotRange> slots, WhereNew(stream, sequence, attempt));
  return !slots.empty();
}

void GroupedLedger::Mark(StreamId stream, uint64_t sequence, Attempt attempt) {
  size_t marked = 0;
  for (Group& group : groups_) {
    const auto is_new = group.ledger.IsNew(stream, sequence, attempt);
    CHECK(is_new.has_value()) << is_new.error();
    if (!*is_new) continue;
    group.ledger.Mark(stream, sequence);
    ++marked;
  }
  CHECK_GT(marked, 0u) << "push " << sequence << " of stream " << Number(stream);
  // A push that was new in all leaves them as different as they were.
  if (marked < groups_.size()) JoinEqual();
}

Result<StreamProgress> GroupedLedger::Query(StreamId stream, Attempt attempt) {
  SKY_ASSIGN_OR_RETURN(StreamProgress all, groups_.front().ledger.Query(stream, attempt));
  for (size_t g = 1; g < groups_.size(); ++g) {
    SKY_ASSIGN_OR_RETURN(const StreamProgress one, groups_[g].ledger.Query(stream, attempt));
    all = Both(all, one);
  }
  return all;
}

Result<bool> GroupedLedger::MayClose(StreamId stream, uint64_t count) const {
  bool any = false;
  for (const Group& group : groups_) {
    SKY_ASSIGN_OR_RETURN(const bool is_new, group.ledger.MayClose(stream, count));
    any = any || is_new;
  }
  return any;
}

Status GroupedLedger::Close(StreamId stream, uint64_t count) {
  SKY_RETURN_IF_ERROR(MayClose(stream, count).status());
  for (Group& group : groups_) SKY_RETURN_IF_ERROR(group.ledger.Close(stream, count));
  JoinEqual();
  return Status();
}

size_t GroupedLedger::CutAt(uint32_t slot) {
  size_t g = 0;
  while (g < groups_.size() && groups_[g].slot_begin < slot) ++g;
  if (slot >= kSlotCount || (g < groups_.size() && groups_[g].slot_begin == slot)) return g;
  groups_.insert(groups_.begin() + static_cast<ptrdiff_t>(g), groups_[g - 1]);
  groups_[g].slot_begin = slot;
  return g;
}

Status GroupedLedger::Install(SlotRange slots, const Snapshot& theirs) {
  const size_t begin = CutAt(slots.begin);
  const size_t end = CutAt(slots.end);
  std::map<StreamId, uint64_t> closed;
  const auto note_closed = [&](const PushLedger::Snapshot& ledger) {
    closed.insert(ledger.closed.begin(), ledger.closed.end());
  };
  std::vector<Group> installed;
  for (size_t g = 0; g < theirs.size(); ++g) {
    const uint32_t next = g + 1 < theirs.size() ? theirs[g + 1].slot_begin : kSlotCount;
    const uint32_t from = std::max(theirs[g].slot_begin, slots.begin);
    if (from >= std::min(next, slots.end)) continue;
    installed.push_back({.slot_begin = from, .ledger = PushLedger(options_)});
    installed.back().ledger.Restore(theirs[g].ledger);
    note_closed(theirs[g].ledger);
  }
  const auto at = groups_.erase(groups_.begin() + static_cast<ptrdiff_t>(begin),
                                groups_.begin() + static_cast<ptrdiff_t>(end));
  for (const Group& group : groups_) note_closed(group.ledger.Take());
  groups_.insert(at, installed.begin(), installed.end());
  for (const auto& [stream, count] : closed) {
    for (Group& group : groups_) SKY_RETURN_IF_ERROR(group.ledger.Close(stream, count));
  }
  JoinEqual();
  return Status();
}

void GroupedLedger::Forget(SlotRange slots) {
  const size_t begin = CutAt(slots.begin);
  const size_t end = CutAt(slots.end);
  if (begin == end || (begin == 0 && end == groups_.size())) return;
  const PushLedger neighbour = groups_[begin > 0 ? begin - 1 : end].ledger;
  for (size_t g = begin; g < end; ++g) groups_[g].ledger = neighbour;
  JoinEqual();
}

void GroupedLedger::JoinEqual() {
  for (size_t g = groups_.size() - 1; g > 0; --g) {
    if (groups_[g].ledger == groups_[g - 1].ledger) {
      groups_.erase(groups_.begin() + static_cast<ptrdiff_t>(g));
    }
  }
}

GroupedLedger::Snapshot GroupedLedger::Take() const {
  Snapshot snapshot;
  for (const Group& group : groups_) snapshot.push_back({group.slot_begin, group.ledger.Take()});
  return snapshot;
}

void GroupedLedger::Restore(const Snapshot& snapshot) {
  CHECK(!snapshot.empty() && snapshot.front().slot_begin == 0);
  groups_.clear();
  for (const GroupState& state : snapshot) {
    CHECK(groups_.empty() || state.slot_begin > groups_.back().slot_begin);
    groups_.push_back({.slot_begin = state.slot_begin, .ledger = PushLedger(options_)});
    groups_.back().ledger.Restore(state.ledger);
  }
  JoinEqual();
}

size_t GroupedLedger::streams_open() const {
  size_t most = 0;
  for (const Group& group : groups_) most = std::max(most, group.ledger.streams_open());
  return most;
}

}  // namespace skybridge::ps
