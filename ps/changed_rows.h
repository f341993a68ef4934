// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "common/ids.h"
#include "common/shard_map.h"
#include "ps/memory_budget.h"

namespace skybridge::ps {

// Which rows of some slots have changed and were not taken since, each once, in the order of their
// first change. Within a budget: beyond it the list is of no use any more. One thread.
class ChangedRows {
 public:
  // `budget` outlives it; of that it takes `bytes_max` at most.
  ChangedRows(SlotRange slots, size_t tables, MemoryBudget& budget, uint64_t bytes_max);
  ~ChangedRows();
  ChangedRows(const ChangedRows&) = delete;
  ChangedRows& operator=(const ChangedRows&) = delete;

  void Note(TableId table, RowId id);
  // Takes up to `count` rows of one table; empty if none is left.
  std::vector<RowId> Take(size_t count, TableId* table);

  // Rows that can be taken, of one table or all.
  size_t rows(TableId table) const { return tables_[Number(table)].known.size(); }
  bool empty() const;
  bool overflown() const { return overflown_; }

 private:
  struct Table {
    std::vector<RowId> order;
    size_t taken = 0;  // Of `order`.
    std::unordered_set<uint64_t> known;
  };
  const SlotRange slots_;
  MemoryBudget& budget_;
  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  bool overflown_ = false;
  std::vector<Table> tables_;
};

}  // namespace skybridge::ps
