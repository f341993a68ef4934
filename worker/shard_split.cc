// SPDX-License-Identifier: Apache-2.0
#include "worker/shard_split.h"

#include <algorithm>

#include <glog/logging.h>

namespace skybridge::worker {

ShardSplit::ShardSplit(const ShardMap& map, const TableIds& ids) {
  positions_.assign(map.shards().size(), std::vector<std::vector<uint32_t>>(ids.size()));
  for (uint32_t table = 0; table < ids.size(); ++table) {
    for (uint32_t position = 0; position < ids[table].size(); ++position) {
      const size_t owner = map.OwnerOf(TableId(table), RowId(ids[table][position]));
      positions_[owner][table].push_back(position);
    }
  }
}

std::vector<std::vector<RowRange>> CutIntoMessages(const ShardSplit& split, size_t shard,
                                                   std::span<const size_t> row_bytes,
                                                   size_t bytes_max) {
  std::vector<std::vector<RowRange>> messages(1);
  size_t room = bytes_max;
  for (uint32_t table = 0; table < row_bytes.size(); ++table) {
    if (row_bytes[table] == 0) continue;
    const auto rows = static_cast<uint32_t>(split.positions(shard, table).size());
    CHECK_LE(row_bytes[table], bytes_max) << "one row does not fit a message";
    uint32_t begin = 0;
    while (begin < rows) {
      const size_t fit = room / row_bytes[table];
      const auto taken = static_cast<uint32_t>(std::min<size_t>(rows - begin, fit));
      if (taken == 0) {
        messages.emplace_back();
        room = bytes_max;
        continue;
      }
      messages.back().push_back({table, begin, begin + taken});
      room -= taken * row_bytes[table];
      begin += taken;
    }
  }
  return messages;
}

}  // namespace skybridge::worker
