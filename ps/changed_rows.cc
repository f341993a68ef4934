// SPDX-License-Identifier: Apache-2.0
#include "ps/changed_rows.h"

#include <algorithm>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

constexpr uint64_t kRowCost = 64;  // An entry of the list, and one of the set.

}  // namespace

ChangedRows::ChangedRows(SlotRange slots, size_t tables, MemoryBudget& budget, uint64_t bytes_max)
    : slots_(slots), budget_(budget), bytes_max_(bytes_max), tables_(tables) {}

ChangedRows::~ChangedRows() { budget_.Give(bytes_); }

void ChangedRows::Note(TableId table, RowId id) {
  const uint32_t slot = Number(SlotOf(table, id));
  if (overflown_ || slot < slots_.begin || slot >= slots_.end) return;
  Table& rows = tables_[Number(table)];
  if (!rows.known.insert(Number(id)).second) return;
  if (bytes_ + kRowCost > bytes_max_ || !budget_.TryTake(kRowCost)) {
    overflown_ = true;
    return;
  }
  bytes_ += kRowCost;
  rows.order.push_back(id);
}

std::vector<RowId> ChangedRows::Take(size_t count, TableId* table) {
  for (size_t t = 0; t < tables_.size(); ++t) {
    Table& rows = tables_[t];
    const auto begin = rows.order.begin() + static_cast<ptrdiff_t>(rows.taken);
    const size_t n = std::min(count, rows.order.size() - rows.taken);
    if (n == 0) continue;
    std::vector<RowId> ids(begin, begin + static_cast<ptrdiff_t>(n));
    for (const RowId id : ids) rows.known.erase(Number(id));
    rows.taken += n;
    if (rows.taken == rows.order.size()) {
      rows.order.clear();
      rows.taken = 0;
    }
    budget_.Give(n * kRowCost);
    bytes_ -= n * kRowCost;
    *table = TableId(static_cast<uint32_t>(t));
    return ids;
  }
  return {};
}

bool ChangedRows::empty() const {
  return std::ranges::all_of(tables_, [](const Table& rows) { return rows.known.empty(); });
}

}  // namespace skybridge::ps
