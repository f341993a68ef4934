// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/shard_map.h"
#include "common/table_spec.h"

namespace skybridge::worker {

// Row ids by TableId, ascending and unique within a table.
using TableIds = std::vector<std::vector<uint64_t>>;

// Which of the ids each shard owns: positions[shard][table] lists positions in ids[table],
// ascending.
class ShardSplit {
 public:
  ShardSplit() = default;
  ShardSplit(const ShardMap& map, const TableIds& ids);

  size_t shards() const { return positions_.size(); }
  std::span<const uint32_t> positions(size_t shard, size_t table) const {
    return positions_[shard][table];
  }

 private:
  std::vector<std::vector<std::vector<uint32_t>>> positions_;
};

// A run of one table's rows within one message: positions [begin, end) of a ShardSplit list.
struct RowRange {
  uint32_t table;
  uint32_t begin;
  uint32_t end;
};

// Cuts the rows of one shard into messages of at most `bytes_max`, keeping their order.
// row_bytes[table]: bytes of one row of that table in the message; 0 leaves the table out. Never
// returns an empty list: without rows there is one message with none.
std::vector<std::vector<RowRange>> CutIntoMessages(const ShardSplit& split, size_t shard,
                                                   std::span<const size_t> row_bytes,
                                                   size_t bytes_max);

}  // namespace skybridge::worker
