// SPDX-License-Identifier: Apache-2.0
#include "ps/row_queries.h"

#include <cstring>
#include <set>

#include <gtest/gtest.h>

#include "common/bytes.h"
#include "ps/row_update.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {{.name = "rows",
                             .dim = 2,
                             .init_constant = 5,
                             .optimizer = {.kind = RowOptimizer::kSgd, .learning_rate = 1}},
                            {.name = "counts", .kind = TableKind::kCounts}};
constexpr TableId kRows = TableId(0);
constexpr TableId kCounts = TableId(1);

class RowQueriesTest : public testing::Test {
 protected:
  void Push(TableId table, uint64_t id, uint32_t sightings = 1) {
    PushRows push{.parts = {{table, {RowId(id)}, {}, {sightings}}}};
    if (table == kRows) push.parts[0].gradients = {1, 2};
    ASSERT_TRUE(ApplyUpdate(rows_, std::span(&push, 1), {.lsn = ++lsn_}).ok());
  }
  support::MemoryRowStore store_{RecordBytes(kTables)};
  support::MemoryRedoLog log_;
  TieredRows rows_{{.tables = kTables, .memory_bytes = 64 << 10}, store_, log_};
  uint64_t lsn_ = 0;
};

TEST_F(RowQueriesTest, APullHasValuesThenCountsPartByPart) {
  Push(kRows, 7);
  Push(kCounts, 3, 9);
  PullRequest pull;
  pull.parts = {{kRows, {RowId(6), RowId(7)}, true}, {kCounts, {RowId(3), RowId(4)}, true}};
  EXPECT_EQ(ReplyBytes(kTables, pull), 4 * sizeof(float) + 4 * sizeof(uint32_t));
  const auto reply = ReadRows(rows_, pull);
  ASSERT_TRUE(reply.has_value()) << reply.error();
  RawReader reader(*reply);
  std::vector<float> values;
  std::vector<uint32_t> counts, sightings;
  ASSERT_TRUE(reader.Read(4, values) && reader.Read(2, counts) && reader.Read(2, sightings));
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(values, (std::vector<float>{5, 5, 4, 3}));  // Row 6 has its first value.
  EXPECT_EQ(counts, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(sightings, (std::vector<uint32_t>{9, 0}));
}

TEST_F(RowQueriesTest, APullCreatesNothing) {
  PullRequest pull;
  pull.parts = {{kRows, {RowId(6)}, false}};
  ASSERT_TRUE(ReadRows(rows_, pull).has_value());
  EXPECT_EQ(rows_.rows(kRows), 0u);
}

// Wider than one block, and far more than memory holds.
TEST_F(RowQueriesTest, APullOfMoreRowsThanMemoryHoldsIsServed) {
  PullRequest pull{.parts = {{kRows, {}, false}}};
  for (uint64_t id = 0; id < 5000; ++id) {
    Push(kRows, id);
    pull.parts[0].ids.push_back(RowId(id));
  }
  ASSERT_GT(store_.rows(kRows), 0u);
  const auto reply = ReadRows(rows_, pull);
  ASSERT_TRUE(reply.has_value());
  RawReader reader(*reply);
  std::vector<float> values;
  ASSERT_TRUE(reader.Read(10000, values));
  for (size_t i = 0; i < values.size(); i += 2) {
    ASSERT_EQ(values[i], 4);
    ASSERT_EQ(values[i + 1], 3);
  }
}

TEST_F(RowQueriesTest, PagesCoverEachRowOnceWhateverTheirSize) {
  for (uint64_t id = 0; id < 500; ++id) Push(kRows, id * 977);
  for (const uint32_t rows_max : {1u, 7u, 499u, 500u, 501u}) {
    std::set<RowId> seen;
    std::optional<RowId> after;
    for (bool done = false; !done;) {
      const auto page = ScanRows(rows_, {0, kSlotCount}, kRows, after, rows_max);
      ASSERT_TRUE(page.has_value()) << page.error();
      RawReader reader(page->bytes);
      std::vector<RowId> ids;
      std::vector<float> values;
      std::vector<uint32_t> counts;
      ASSERT_TRUE(reader.Read(page->rows, ids) && reader.Read(2 * page->rows, values) &&
                  reader.Read(page->rows, counts));
      ASSERT_EQ(reader.remaining(), 0u);
      for (size_t i = 0; i < ids.size(); ++i) {
        EXPECT_TRUE(seen.insert(ids[i]).second);
        EXPECT_EQ(values[2 * i], 4);
        EXPECT_EQ(counts[i], 1u);
      }
      ASSERT_TRUE(page->done || !ids.empty());
      if (!ids.empty()) after = ids.back();
      done = page->done;
    }
    EXPECT_EQ(seen.size(), 500u) << rows_max;
  }
}

TEST_F(RowQueriesTest, HashesDependOnContentAndNotOnPlaceOrLogPosition) {
  support::MemoryRowStore other_store(RecordBytes(kTables));
  TieredRows other({.tables = kTables, .memory_bytes = 16 << 20}, other_store, log_);
  for (uint64_t id = 0; id < 3000; ++id) {
    Push(kRows, id);
    PushRows push{.parts = {{kRows, {RowId(2999 - id)}, {1, 2}, {1}}}};
    ASSERT_TRUE(ApplyUpdate(other, std::span(&push, 1), {.lsn = 77}).ok());
  }
  ASSERT_GT(store_.rows(kRows), 0u);
  EXPECT_EQ(other_store.rows(kRows), 0u);
  const auto hashes = HashTables(rows_);
  ASSERT_TRUE(hashes.has_value());
  EXPECT_EQ((*hashes)[0].rows, 3000u);
  EXPECT_EQ((*hashes)[1], TableSum());
  EXPECT_EQ(*hashes, *HashTables(other));
  Push(kRows, 5);
  EXPECT_NE(*hashes, *HashTables(rows_));
}

TEST_F(RowQueriesTest, HashesDifferByTableAndId) {
  Push(kRows, 1);
  const uint64_t one = (*HashTables(rows_))[0].hash;
  support::MemoryRowStore store(RecordBytes(kTables));
  TieredRows other({.tables = kTables, .memory_bytes = 64 << 10}, store, log_);
  PushRows push{.parts = {{kRows, {RowId(2)}, {1, 2}, {1}}}};
  ASSERT_TRUE(ApplyUpdate(other, std::span(&push, 1), {.lsn = 1}).ok());
  EXPECT_NE(one, (*HashTables(other))[0].hash);
}

}  // namespace
}  // namespace skybridge::ps
