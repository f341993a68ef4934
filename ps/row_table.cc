// SPDX-License-Identifier: Apache-2.0
#include "ps/row_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include <glog/logging.h>

namespace skybridge::ps {

RowTable::RowTable(TableId table, const TableSpec& spec, MemoryBudget& budget,
                   RowTableOptions options)
    : table_(table), layout_(spec), budget_(budget), index_(RowIndex::CapacityFor(0)) {
  segment_rows_ = std::bit_floor(std::max<uint64_t>(1, options.segment_bytes / row_bytes()));
  segment_shift_ = std::countr_zero(segment_rows_);
  CHECK(TryTake(RowIndex::BytesFor(index_.capacity()))) << "no memory for an empty table";
}

RowTable::~RowTable() { budget_.Give(bytes_); }

bool RowTable::TryTake(uint64_t bytes) {
  if (!budget_.TryTake(bytes)) return false;
  bytes_ += bytes;
  return true;
}

void RowTable::Give(uint64_t bytes) {
  budget_.Give(bytes);
  bytes_ -= bytes;
}

RowId* RowTable::ids(RowNumber row) const {
  return reinterpret_cast<RowId*>(SegmentOf(row) + segment_rows_ * layout_.bytes) + OffsetOf(row);
}

uint8_t& RowTable::flags(RowNumber row) const {
  char* begin = SegmentOf(row) + segment_rows_ * (layout_.bytes + sizeof(RowId));
  return reinterpret_cast<uint8_t*>(begin)[OffsetOf(row)];
}

RowId RowTable::id(RowNumber row) const { return *ids(row); }

void RowTable::SetFlag(RowNumber row, Flag flag, bool on) {
  uint8_t& value = flags(row);
  value = static_cast<uint8_t>(on ? value | flag : value & ~flag);
}

void RowTable::SetDirty(RowNumber row, bool dirty) { SetFlag(row, kDirty, dirty); }
void RowTable::SetStored(RowNumber row) { SetFlag(row, kStored, true); }
void RowTable::SetPinned(RowNumber row, bool pinned) { SetFlag(row, kPinned, pinned); }

void RowTable::Find(std::span<const RowId> ids, std::span<RowNumber> rows) {
  index_.FindMany(ids, rows);
  for (const RowNumber row : rows) {
    if (row == kNoRow) continue;
    __builtin_prefetch(record(row));
    SetFlag(row, kUsed, true);
  }
}

bool RowTable::TryRehash(size_t capacity) {
  // Old and new slots are there together for a moment.
  const uint64_t old_bytes = RowIndex::BytesFor(index_.capacity());
  if (!TryTake(RowIndex::BytesFor(capacity))) return false;
  index_.Rehash(capacity);
  Give(old_bytes);
  return true;
}

bool RowTable::TryReserve(size_t count) {
  const size_t rows_then = rows() + count;
  CHECK_LT(rows_then, size_t{kNoRow});
  const size_t capacity = RowIndex::CapacityFor(rows_then);
  if (capacity > index_.capacity() && !TryRehash(capacity)) return false;
  while (segments_.size() * segment_rows_ < rows_then) {
    if (!TryTake(SegmentBytes())) return false;
    segments_.emplace_back(new char[SegmentBytes()]);
  }
  return true;
}

RowNumber RowTable::Insert(RowId id) {
  const auto row = static_cast<RowNumber>(rows());
  CHECK_LT(row, segments_.size() * segment_rows_) << "insert without a reservation";
  index_.Insert(id, row);
  *ids(row) = id;
  flags(row) = kUsed;
  return row;
}

void RowTable::ChooseVictims(uint64_t bytes, size_t dirty_max, std::vector<RowNumber>* victims) {
  const size_t begin = victims->size();
  uint64_t chosen = 0;
  size_t chosen_dirty = 0;
  // Two rounds: the first takes away second chances, so the second finds whoever is not pinned.
  for (size_t looked = 0; looked < 2 * rows() && chosen < bytes; ++looked) {
    if (hand_ >= rows()) hand_ = 0;
    const RowNumber row = hand_;
    const uint8_t seen = flags(row);
    if ((seen & (kPinned | kVictim)) == 0 && (seen & kUsed) == 0) {
      if ((seen & kDirty) != 0 && chosen_dirty++ == dirty_max) break;
      SetFlag(row, kVictim, true);
      victims->push_back(row);
      chosen += row_bytes();
    }
    SetFlag(row, kUsed, false);
    ++hand_;
  }
  for (size_t i = begin; i < victims->size(); ++i) SetFlag((*victims)[i], kVictim, false);
}

void RowTable::Remove(std::span<RowNumber> victims) {
  // From the highest down: the last row is then never itself a victim still to come.
  std::ranges::sort(victims, std::greater());
  for (const RowNumber row : victims) {
    CHECK_LT(row, rows());
    const auto last = static_cast<RowNumber>(rows() - 1);
    index_.Erase(id(row));
    if (row == last) continue;
    std::memcpy(record(row), record(last), layout_.bytes);
    *ids(row) = id(last);
    flags(row) = flags(last);
    index_.Move(id(row), row);
  }
  while (segments_.size() * segment_rows_ >= rows() + segment_rows_) {
    segments_.pop_back();
    Give(SegmentBytes());
  }
  const size_t enough = RowIndex::CapacityFor(2 * rows());
  if (enough * 4 <= index_.capacity()) (void)TryRehash(enough);  // Only saves memory.
}

}  // namespace skybridge::ps
