// SPDX-License-Identifier: Apache-2.0
#include "ps/changed_rows.h"

#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

constexpr SlotRange kAll{0, kSlotCount};

TEST(ChangedRowsTest, EachRowIsTakenOnceInTheOrderOfItsFirstChange) {
  MemoryBudget budget(1 << 20);
  ChangedRows changed(kAll, 2, budget, 1 << 20);
  for (const uint64_t id : {5, 3, 5, 4}) changed.Note(TableId(1), RowId(id));
  changed.Note(TableId(0), RowId(9));
  EXPECT_EQ(changed.rows(TableId(1)), 3u);
  TableId table{};
  EXPECT_EQ(changed.Take(10, &table), std::vector<RowId>{RowId(9)});
  EXPECT_EQ(table, TableId(0));
  EXPECT_EQ(changed.Take(2, &table), (std::vector<RowId>{RowId(5), RowId(3)}));
  EXPECT_EQ(table, TableId(1));
  changed.Note(TableId(1), RowId(5));  // Again: it was taken.
  EXPECT_EQ(changed.Take(9, &table), (std::vector<RowId>{RowId(4), RowId(5)}));
  EXPECT_TRUE(changed.empty());
  EXPECT_TRUE(changed.Take(9, &table).empty());
  EXPECT_EQ(budget.used(), 0u);
}

TEST(ChangedRowsTest, RowsOfOtherSlotsAreNotNoted) {
  MemoryBudget budget(1 << 20);
  const uint32_t slot = Number(SlotOf(TableId(0), RowId(7)));
  ChangedRows before({0, slot}, 1, budget, 1 << 20);
  ChangedRows with({slot, slot + 1}, 1, budget, 1 << 20);
  before.Note(TableId(0), RowId(7));
  with.Note(TableId(0), RowId(7));
  EXPECT_TRUE(before.empty());
  EXPECT_FALSE(with.empty());
}

TEST(ChangedRowsTest, MoreThanItMayTakeMakesItUselessAndIsGivenBack) {
  for (const bool of_budget : {true, false}) {
    MemoryBudget budget(of_budget ? 300 : 1 << 20);
    {
      ChangedRows changed(kAll, 1, budget, of_budget ? 1 << 20 : 300);
      for (uint64_t id = 0; id < 4; ++id) changed.Note(TableId(0), RowId(id));
      EXPECT_FALSE(changed.overflown());
      changed.Note(TableId(0), RowId(4));
      EXPECT_TRUE(changed.overflown());
      EXPECT_LE(budget.used(), 300u);
    }
    EXPECT_EQ(budget.used(), 0u);
  }
}

}  // namespace
}  // namespace skybridge::ps
