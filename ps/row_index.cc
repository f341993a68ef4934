// SPDX-License-Identifier: Apache-2.0
#include "ps/row_index.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <glog/logging.h>

namespace skybridge::ps {
namespace {

constexpr size_t kCapacityMin = 16;
// Far enough ahead to cover a miss of the last cache, near enough to stay in the first.
constexpr size_t kPrefetchAhead = 16;

}  // namespace

size_t RowIndex::CapacityFor(size_t rows) {
  // At most 7 of 10 slots taken: a hit then takes about two probes.
  return std::bit_ceil(std::max(kCapacityMin, (rows * 10 + 6) / 7));
}

RowIndex::RowIndex(size_t capacity) { Rehash(capacity); }

size_t RowIndex::Probe(uint64_t id) const {
  size_t slot = HomeOf(id);
  while (entries_[slot].row != kNoRow && entries_[slot].id != id) slot = (slot + 1) & mask_;
  return slot;
}

RowNumber RowIndex::Find(RowId id) const { return entries_[Probe(Number(id))].row; }

void RowIndex::FindMany(std::span<const RowId> ids, std::span<RowNumber> rows) const {
  CHECK_EQ(ids.size(), rows.size());
  for (size_t i = 0; i < std::min(kPrefetchAhead, ids.size()); ++i) {
    __builtin_prefetch(&entries_[HomeOf(Number(ids[i]))]);
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i + kPrefetchAhead < ids.size()) {
      __builtin_prefetch(&entries_[HomeOf(Number(ids[i + kPrefetchAhead]))]);
    }
    rows[i] = entries_[Probe(Number(ids[i]))].row;
  }
}

void RowIndex::Insert(RowId id, RowNumber row) {
  CHECK_NE(row, kNoRow);
  CHECK_LT(size_ + 1, capacity());  // One slot stays empty, or a probe would not end.
  Entry& entry = entries_[Probe(Number(id))];
  CHECK_EQ(entry.row, kNoRow) << "row " << Number(id) << " is there already";
  entry = {Number(id), row};
  ++size_;
}

void RowIndex::Move(RowId id, RowNumber row) {
  Entry& entry = entries_[Probe(Number(id))];
  CHECK_NE(entry.row, kNoRow);
  entry.row = row;
}

void RowIndex::Erase(RowId id) {
  size_t hole = Probe(Number(id));
  CHECK_NE(entries_[hole].row, kNoRow);
  // Shifts back whoever may no longer be found across the hole (Knuth, 6.4, algorithm R).
  for (size_t next = (hole + 1) & mask_; entries_[next].row != kNoRow; next = (next + 1) & mask_) {
    const size_t home = HomeOf(entries_[next].id);
    if (((next - home) & mask_) < ((next - hole) & mask_)) continue;
    entries_[hole] = entries_[next];
    hole = next;
  }
  entries_[hole] = Entry();
  --size_;
}

void RowIndex::Rehash(size_t capacity) {
  CHECK(std::has_single_bit(capacity) && capacity >= 2) << capacity;
  CHECK_GT(capacity, size_);
  const std::vector<Entry> old = std::exchange(entries_, std::vector<Entry>(capacity));
  mask_ = capacity - 1;
  shift_ = 64 - std::countr_zero(capacity);
  for (const Entry& entry : old) {
    if (entry.row != kNoRow) entries_[Probe(entry.id)] = entry;
  }
}

}  // namespace skybridge::ps
