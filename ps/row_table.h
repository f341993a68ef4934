// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/ids.h"
#include "common/table_spec.h"
#include "ps/memory_budget.h"
#include "ps/row_index.h"
#include "ps/row_record.h"

namespace skybridge::ps {

struct RowTableOptions {
  uint64_t segment_bytes = 1 << 20;  // The slab grows and shrinks by this much, at least one row.
};

// The memory tier of one table: fixed-size records in a slab, found through an index.
//
// Rows are numbered densely from 0; removing rows moves others into their places. Victims are
// chosen by CLOCK: a row that was found since the hand last passed gets a second round; pinned
// rows are passed over. All bytes of slab and index are taken from the budget before they are
// allocated. One thread.
class RowTable {
 public:
  RowTable(TableId table, const TableSpec& spec, MemoryBudget& budget, RowTableOptions options);
  ~RowTable();
  RowTable(const RowTable&) = delete;
  RowTable& operator=(const RowTable&) = delete;

  TableId table() const { return table_; }
  const RowLayout& layout() const { return layout_; }
  size_t rows() const { return index_.size(); }
  uint64_t bytes() const { return bytes_; }
  // What a row costs in the slab, beside its share of the index.
  uint64_t row_bytes() const { return layout_.bytes + sizeof(RowId) + sizeof(uint8_t); }

  // Positions of rows, kNoRow for those that are not in memory; marks the others as in use.
  //   rows  [ids.size()]
  void Find(std::span<const RowId> ids, std::span<RowNumber> rows);
  bool Contains(RowId id) const { return index_.Find(id) != kNoRow; }
  // Where a row is, or kNoRow. It does not count as used.
  RowNumber Peek(RowId id) const { return index_.Find(id); }

  char* record(RowNumber row) { return SegmentOf(row) + OffsetOf(row) * layout_.bytes; }
  const char* record(RowNumber row) const { return SegmentOf(row) + OffsetOf(row) * layout_.bytes; }
  RowId id(RowNumber row) const;

  // Makes room for `count` more rows. False if the budget does not allow it.
  [[nodiscard]] bool TryReserve(size_t count);
  // Adds a row; its record is not initialised. Needs a reservation; `id` must be absent.
  RowNumber Insert(RowId id);

  // Dirty: differs from the row on disk, or is not there.
  void SetDirty(RowNumber row, bool dirty);
  bool dirty(RowNumber row) const { return (flags(row) & kDirty) != 0; }
  // Stored: some version of the row is on disk.
  void SetStored(RowNumber row);
  bool stored(RowNumber row) const { return (flags(row) & kStored) != 0; }
  void SetPinned(RowNumber row, bool pinned);

  // Moves the hand over rows that may go until they are worth `bytes` of slab, or until the dirty
  // ones among them would exceed `dirty_max` rows. Appends their numbers.
  void ChooseVictims(uint64_t bytes, size_t dirty_max, std::vector<RowNumber>* victims);
  // Removes distinct rows, which are sorted in place, and gives memory back.
  void Remove(std::span<RowNumber> victims);

 private:
  enum Flag : uint8_t { kUsed = 1, kDirty = 2, kPinned = 4, kVictim = 8, kStored = 16 };

  size_t OffsetOf(RowNumber row) const { return row & (segment_rows_ - 1); }
  char* SegmentOf(RowNumber row) const { return segments_[row >> segment_shift_].get(); }
  uint64_t SegmentBytes() const { return segment_rows_ * row_bytes(); }
  // A segment holds its records, then their ids, then their flags.
  RowId* ids(RowNumber row) const;
  uint8_t& flags(RowNumber row) const;
  void SetFlag(RowNumber row, Flag flag, bool on);
  bool TryTake(uint64_t bytes);
  void Give(uint64_t bytes);
  bool TryRehash(size_t capacity);

  const TableId table_;
  const RowLayout layout_;
  MemoryBudget& budget_;
  size_t segment_rows_ = 1;  // A power of two.
  int segment_shift_ = 0;
  std::vector<std::unique_ptr<char[]>> segments_;
  RowIndex index_;
  RowNumber hand_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace skybridge::ps
