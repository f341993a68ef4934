// SPDX-License-Identifier: Apache-2.0
#include "ps/grouped_ledger.h"

#include <algorithm>
#include <iterator>
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
