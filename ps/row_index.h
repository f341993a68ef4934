// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "common/hash.h"
#include "common/ids.h"

namespace skybridge::ps {

// Position of a row in its table's slab. Numbers change when rows are evicted.
using RowNumber = uint32_t;
inline constexpr RowNumber kNoRow = std::numeric_limits<RowNumber>::max();

// Where each row of one table lies: 64-bit id to row number, by open addressing with linear
// probing over 16-byte slots. Every id is allowed: an empty slot is known by its row number.
class RowIndex {
 public:
  // Slots for `rows` rows at the highest load.
  static size_t CapacityFor(size_t rows);
  static uint64_t BytesFor(size_t capacity) { return capacity * sizeof(Entry); }

  explicit RowIndex(size_t capacity);  // A power of two.

  size_t size() const { return size_; }
  size_t capacity() const { return entries_.size(); }

  // kNoRow if absent.
  RowNumber Find(RowId id) const;
  // The same for many, hiding memory latency.
  //   rows  [ids.size()]
  void FindMany(std::span<const RowId> ids, std::span<RowNumber> rows) const;

  // `id` must be absent, and a slot free: size() < capacity().
  void Insert(RowId id, RowNumber row);
  // `id` must be present.
  void Move(RowId id, RowNumber row);
  void Erase(RowId id);

  // Moves to `capacity` slots, a power of two above size().
  void Rehash(size_t capacity);

 private:
  struct Entry {
    uint64_t id = 0;
    RowNumber row = kNoRow;
    uint32_t unused = 0;
  };

  size_t HomeOf(uint64_t id) const { return Mix64(id) >> shift_; }
  // The slot of `id`, or the empty one where it would go.
  size_t Probe(uint64_t id) const;

  std::vector<Entry> entries_;
  size_t mask_ = 0;
  int shift_ = 0;
  size_t size_ = 0;
};

}  // namespace skybridge::ps
