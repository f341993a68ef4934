// SPDX-License-Identifier: Apache-2.0
#include "worker/shard_split.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "common/rng.h"
#include "tests/worker/test_cluster.h"

namespace skybridge::worker {
namespace {

TableIds RandomIds(uint64_t seed, size_t tables, size_t rows) {
  Rng rng(seed, Purpose::kTest);
  TableIds ids(tables);
  for (auto& list : ids) {
    std::set<uint64_t> unique;
    for (size_t i = 0; i < rows; ++i) unique.insert(rng.Below(10 * rows));
    list.assign(unique.begin(), unique.end());
  }
  return ids;
}

TEST(ShardSplitTest, EveryIdGoesToItsOwnerInOrder) {
  const ClusterView cluster = TestCluster(3);
  const TableIds ids = RandomIds(1, 4, 100);
  const ShardSplit split(cluster.map, ids);
  for (uint32_t table = 0; table < ids.size(); ++table) {
    size_t seen = 0;
    for (size_t shard = 0; shard < 3; ++shard) {
      const auto positions = split.positions(shard, table);
      EXPECT_TRUE(std::ranges::is_sorted(positions));
      for (const uint32_t position : positions) {
        EXPECT_EQ(cluster.map.OwnerOf(TableId(table), RowId(ids[table][position])), shard);
      }
      seen += positions.size();
    }
    EXPECT_EQ(seen, ids[table].size());
  }
}

TEST(ShardSplitTest, MessagesStayBelowTheirLimitAndTogetherHoldEveryRowOnce) {
  const ClusterView cluster = TestCluster(2);
  const TableIds ids = RandomIds(2, 3, 200);
  const ShardSplit split(cluster.map, ids);
  const std::vector<size_t> row_bytes{100, 0, 37};  // The second table is left out.
  for (size_t shard = 0; shard < 2; ++shard) {
    std::vector<uint32_t> next(3, 0);
    for (const auto& message : CutIntoMessages(split, shard, row_bytes, 1000)) {
      size_t bytes = 0;
      for (const RowRange& range : message) {
        EXPECT_EQ(range.begin, next[range.table]);
        EXPECT_LT(range.begin, range.end);
        next[range.table] = range.end;
        bytes += (range.end - range.begin) * row_bytes[range.table];
      }
      EXPECT_LE(bytes, 1000u);
      EXPECT_GT(bytes, 0u);
    }
    EXPECT_EQ(next[0], split.positions(shard, 0).size());
    EXPECT_EQ(next[1], 0u);
    EXPECT_EQ(next[2], split.positions(shard, 2).size());
  }
}

TEST(ShardSplitTest, NoRowsStillMakeOneMessage) {
  const ClusterView cluster = TestCluster(2);
  const TableIds none(2);
  const ShardSplit split(cluster.map, none);
  const std::vector<size_t> row_bytes{8, 8};
  const auto messages = CutIntoMessages(split, 1, row_bytes, 100);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_TRUE(messages[0].empty());
}

}  // namespace
}  // namespace skybridge::worker
