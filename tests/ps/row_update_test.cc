// SPDX-License-Identifier: Apache-2.0
#include "ps/row_update.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

constexpr TableId kRows = TableId(0);
constexpr TableId kCounts = TableId(1);

class RowUpdateTest : public testing::Test {
 protected:
  const TableSpecs tables_ = {
      {.name = "rows",
       .dim = 2,
       .optimizer = {.kind = RowOptimizer::kSgd, .learning_rate = 1, .linear_decay = true}},
      {.name = "counts", .kind = TableKind::kCounts}};
  support::MemoryRowStore store_{RecordBytes(tables_)};
  support::MemoryRedoLog log_;
  TieredRows rows_{{.tables = tables_, .memory_bytes = 1 << 20}, store_, log_};

  PushRows Push(uint64_t id, std::vector<float> gradient, std::vector<uint32_t> sightings = {}) {
    return {.parts = {{kRows, {RowId(id)}, std::move(gradient), std::move(sightings)}}};
  }
  const char* Record(TableId table, uint64_t id) {
    const RowId row_id = RowId(id);
    const auto row = rows_.Fetch(table, std::span(&row_id, 1));
    EXPECT_TRUE(row.has_value());
    return (*row)[0] == kNoRow ? nullptr : rows_.record(table, (*row)[0]);
  }
  std::vector<float> Weights(uint64_t id) {
    const auto weights = rows_.layout(kRows).weights(Record(kRows, id));
    return {weights.begin(), weights.end()};
  }
  const RowHeader& Header(TableId table, uint64_t id) {
    return rows_.layout(table).header(Record(table, id));
  }
};

TEST_F(RowUpdateTest, GradientsOfOneRowAreSummedThenAppliedOnce) {
  const std::vector<PushRows> pushes = {Push(1, {1, 2}), Push(1, {10, 20}), Push(2, {5, 5})};
  ASSERT_TRUE(ApplyUpdate(rows_, pushes, {.lsn = 3, .clock = 4}).ok());
  EXPECT_EQ(Weights(1), (std::vector<float>{-11, -22}));
  EXPECT_EQ(Weights(2), (std::vector<float>{-5, -5}));
  EXPECT_EQ(Header(kRows, 1).lsn, 3u);
  EXPECT_EQ(Header(kRows, 1).last_clock, 4u);
  EXPECT_EQ(Header(kRows, 1).count, 2u);
  EXPECT_EQ(Header(kRows, 2).count, 1u);
}

// (1e8 + 1) - 1e8 loses the one; (1e8 - 1e8) + 1 keeps it.
TEST_F(RowUpdateTest, TheSumFollowsTheOrderOfThePushes) {
  const std::vector<PushRows> lost = {Push(1, {1e8f, 0}), Push(1, {1, 0}), Push(1, {-1e8f, 0})};
  const std::vector<PushRows> kept = {Push(2, {1e8f, 0}), Push(2, {-1e8f, 0}), Push(2, {1, 0})};
  ASSERT_TRUE(ApplyUpdate(rows_, lost, {.lsn = 1}).ok());
  ASSERT_TRUE(ApplyUpdate(rows_, kept, {.lsn = 1}).ok());
  EXPECT_EQ(Weights(1)[0], 0);
  EXPECT_EQ(Weights(2)[0], -1);
}

TEST_F(RowUpdateTest, TheRateOfThePushScalesTheStep) {
  PushRows push = Push(1, {4, 8});
  push.rate = 0.25f;
  ASSERT_TRUE(ApplyUpdate(rows_, std::span(&push, 1), {.lsn = 1}).ok());
  EXPECT_EQ(Weights(1), (std::vector<float>{-1, -2}));
}

TEST_F(RowUpdateTest, OutsideLockstepTheClockStays) {
  const PushRows push = Push(1, {0, 0});
  ASSERT_TRUE(ApplyUpdate(rows_, std::span(&push, 1), {.lsn = 1, .clock = 7}).ok());
  ASSERT_TRUE(ApplyUpdate(rows_, std::span(&push, 1), {.lsn = 2}).ok());
  EXPECT_EQ(Header(kRows, 1).last_clock, 7u);
  EXPECT_EQ(Header(kRows, 1).lsn, 2u);
}

// S6: an update may come again after any part of it was kept.
TEST_F(RowUpdateTest, ARowThatHasTheUpdateStaysAsItIs) {
  const PushRows push = Push(1, {1, 2});
  ASSERT_TRUE(ApplyUpdate(rows_, std::span(&push, 1), {.lsn = 5}).ok());
  const std::vector<PushRows> again = {Push(1, {1, 2}), Push(2, {1, 2})};
  for (const uint64_t lsn : {4u, 5u}) {
    ASSERT_TRUE(ApplyUpdate(rows_, again, {.lsn = lsn}).ok());
    EXPECT_EQ(Weights(1), (std::vector<float>{-1, -2}));
    EXPECT_EQ(Header(kRows, 1).count, 1u);
  }
  EXPECT_EQ(Header(kRows, 2).count, 2u);
}

TEST_F(RowUpdateTest, SightingsAddUpAndStayAtTheirMaximum) {
  const uint32_t most = std::numeric_limits<uint32_t>::max();
  PushRows push{.parts = {{kCounts, {RowId(1), RowId(2)}, {}, {3, most}}}};
  ASSERT_TRUE(ApplyUpdate(rows_, std::span(&push, 1), {.lsn = 1}).ok());
  ASSERT_TRUE(ApplyUpdate(rows_, std::span(&push, 1), {.lsn = 2}).ok());
  EXPECT_EQ(Header(kCounts, 1).count, 6u);
  EXPECT_EQ(Header(kCounts, 2).count, most);
}

TEST_F(RowUpdateTest, AnEmptyUpdateChangesNothing) {
  ASSERT_TRUE(ApplyUpdate(rows_, {}, {.lsn = 1}).ok());
  const PushRows empty;
  ASSERT_TRUE(ApplyUpdate(rows_, std::span(&empty, 1), {.lsn = 1}).ok());
  EXPECT_EQ(rows_.rows(kRows), 0u);
}

}  // namespace
}  // namespace skybridge::ps
