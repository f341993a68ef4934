// SPDX-License-Identifier: Apache-2.0
#include "scheduler/table_hash.h"

namespace skybridge::scheduler {

void TableHash::Add(uint32_t shard, const std::vector<TableSum>& tables) {
  if (!heard_.insert(shard).second) return;
  for (const TableSum& table : tables) {
    TableSum& sum = sums_[table.name];
    sum.name = table.name;
    sum.hash += table.hash;  // Modulo 2^64.
    sum.rows += table.rows;
  }
}

std::vector<TableSum> TableHash::sums() const {
  std::vector<TableSum> sums;
  for (const auto& [name, sum] : sums_) sums.push_back(sum);
  return sums;
}

}  // namespace skybridge::scheduler
