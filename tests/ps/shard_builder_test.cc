// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_builder.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "ps/row_record.h"
#include "ps/shard.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {{.name = "rows", .dim = 2},
                            {.name = "counts", .kind = TableKind::kCounts}};
constexpr SlotRange kSlots{0, 2000};

class ShardBuilderTest : public testing::Test {
 protected:
  ShardBuilderTest() { EXPECT_TRUE(builder_.Begin().ok()); }

  // Keys of a table in these slots, ascending.
  static std::vector<env::RowKey> Keys(TableId table, SlotRange slots = kSlots) {
    std::vector<env::RowKey> keys;
    for (uint64_t id = 0; id < 200; ++id) {
      const Slot slot = SlotOf(table, RowId(id));
      if (Number(slot) < slots.begin || Number(slot) >= slots.end) continue;
      keys.push_back({slot, RowId(id)});
    }
    std::ranges::sort(keys);
    return keys;
  }
  static std::string Record(TableId table, uint64_t lsn, uint32_t count) {
    const RowLayout layout(kTables[Number(table)]);
    std::string record(layout.bytes, '\0');
    layout.header(record.data()) = {.lsn = lsn, .last_clock = 3, .count = count};
    return record;
  }
  Status Add(TableId table, env::RowKey key, uint32_t count = 1) {
    return builder_.AddRow(table, key, Record(table, 55, count));
  }

  support::MemoryRowStore store_{RecordBytes(kTables)};
  support::MemoryRedoLog log_;
  ShardBuilder builder_{{.tables = kTables, .run_bytes = 1000}, kSlots, store_};
};

TEST_F(ShardBuilderTest, AShardGoesOnWithTheRowsAndTheState) {
  uint32_t count = 0;
  for (const uint32_t t : {0u, 1u}) {
    for (const env::RowKey& key : Keys(TableId(t))) ASSERT_TRUE(Add(TableId(t), key, ++count).ok());
  }
  ShardImage image;
  image.rules = PhaseRules{.phase = Phase(4), .ranks = 1};
  image.summary.pushes = 17;
  ASSERT_TRUE(builder_.Finish(image).ok());

  Shard shard({.rows = {.tables = kTables}}, store_, log_);
  ASSERT_TRUE(shard.journal().Recover().ok());
  EXPECT_EQ(shard.journal().Image(), image);
  uint32_t seen = 0;
  for (const uint32_t t : {0u, 1u}) {
    EXPECT_EQ(shard.rows().rows(TableId(t)), Keys(TableId(t)).size());
    ASSERT_TRUE(shard.rows()
                    .Scan(TableId(t), {},
                          [&](env::RowKey, std::string_view record) {
                            EXPECT_EQ(record, Record(TableId(t), 0, ++seen));
                            return true;
                          })
                    .ok());
  }
  EXPECT_EQ(seen, count);
}

TEST_F(ShardBuilderTest, RowsWaitForARunOfItsSize) {
  const auto keys = Keys(TableId(0));
  const size_t per_run = 1000 / (sizeof(env::RowKey) + RecordBytes(kTables)[0]);
  const uint64_t before = store_.ingests;
  for (size_t i = 0; i < per_run; ++i) ASSERT_TRUE(Add(TableId(0), keys[i]).ok());
  EXPECT_EQ(store_.ingests, before);
  ASSERT_TRUE(Add(TableId(0), keys[per_run]).ok());
  EXPECT_EQ(store_.ingests, before + 1);
  EXPECT_EQ(store_.rows_ingested, per_run);
  ASSERT_TRUE(builder_.Flush().ok());
  EXPECT_EQ(store_.rows_ingested, per_run + 1);
  ASSERT_TRUE(builder_.Flush().ok());
  EXPECT_EQ(store_.ingests, before + 2);
}

TEST_F(ShardBuilderTest, ARowWhereItDoesNotBelongIsDataLoss) {
  const auto keys = Keys(TableId(0));
  ASSERT_TRUE(Add(TableId(0), keys[1]).ok());
  EXPECT_EQ(Add(TableId(0), keys[1]).code(), StatusCode::kDataLoss);
  EXPECT_EQ(Add(TableId(0), keys[0]).code(), StatusCode::kDataLoss);
  const env::RowKey other = Keys(TableId(0), {2000, kSlotCount}).front();
  const Status refused = Add(TableId(0), other);
  EXPECT_EQ(refused.code(), StatusCode::kDataLoss);
  EXPECT_NE(refused.message().find("table rows, row "), std::string::npos) << refused;
  EXPECT_EQ(Add(TableId(0), {Slot(1999), keys[2].id}).code(), StatusCode::kDataLoss);
  EXPECT_EQ(builder_.AddRow(TableId(2), keys[2], "a row").code(), StatusCode::kDataLoss);
  EXPECT_EQ(builder_.AddRow(TableId(0), keys[2], "short").code(), StatusCode::kDataLoss);
  EXPECT_TRUE(Add(TableId(0), keys[2]).ok());
}

TEST_F(ShardBuilderTest, UntilItIsFinishedTheStoreIsNoShards) {
  ASSERT_TRUE(Add(TableId(1), Keys(TableId(1)).front()).ok());
  ASSERT_TRUE(builder_.Flush().ok());
  {
    Shard early({.rows = {.tables = kTables}}, store_, log_);
    EXPECT_EQ(early.journal().Recover().code(), StatusCode::kDataLoss);
  }
  ASSERT_TRUE(builder_.Finish({}).ok());
  Shard shard({.rows = {.tables = kTables}}, store_, log_);
  EXPECT_TRUE(shard.journal().Recover().ok());
}

TEST_F(ShardBuilderTest, ItFillsOnlyAnEmptyStore) {
  ShardBuilder second({.tables = kTables}, kSlots, store_);
  EXPECT_EQ(second.Begin().code(), StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace skybridge::ps
