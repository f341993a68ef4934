// SPDX-License-Identifier: Apache-2.0
#include "ps/row_table.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "common/rng.h"

namespace skybridge::ps {
namespace {

const TableSpec kSpec{.name = "t", .dim = 4, .optimizer = {.kind = RowOptimizer::kSgd}};

class RowTableTest : public testing::Test {
 protected:
  RowTableTest() : RowTableTest(1 << 20) {}
  explicit RowTableTest(uint64_t limit)
      : budget_(limit), table_(TableId(0), kSpec, budget_, {.segment_bytes = 512}) {}

  RowNumber Add(uint64_t id, float value, bool dirty = false) {
    EXPECT_TRUE(table_.TryReserve(1));
    const RowNumber row = table_.Insert(RowId(id));
    table_.layout().weights(table_.record(row))[0] = value;
    table_.SetDirty(row, dirty);
    return row;
  }
  float Value(uint64_t id) {
    RowNumber row;
    const RowId row_id = RowId(id);
    table_.Find({&row_id, 1}, {&row, 1});
    return row == kNoRow ? -1 : table_.layout().weights(table_.record(row))[0];
  }
  // As if the hand had passed all rows.
  void ForgetUse() {
    std::vector<RowNumber> none;
    table_.ChooseVictims(0, 0, &none);
    for (RowNumber row = 0; row < table_.rows(); ++row) table_.SetPinned(row, true);
    table_.ChooseVictims(~uint64_t{0}, 0, &none);
    for (RowNumber row = 0; row < table_.rows(); ++row) table_.SetPinned(row, false);
    EXPECT_TRUE(none.empty());
  }
  std::set<uint64_t> Evict(uint64_t rows, size_t dirty_max) {
    std::vector<RowNumber> victims;
    table_.ChooseVictims(rows * table_.row_bytes(), dirty_max, &victims);
    std::set<uint64_t> ids;
    for (const RowNumber row : victims) ids.insert(Number(table_.id(row)));
    EXPECT_EQ(ids.size(), victims.size());
    table_.Remove(victims);
    return ids;
  }

  MemoryBudget budget_;
  RowTable table_;
};

TEST_F(RowTableTest, RowsFoundSinceTheHandPassedGetASecondChance) {
  for (uint64_t id = 0; id < 4; ++id) Add(id, 1);
  ForgetUse();
  EXPECT_EQ(Value(0), 1);
  EXPECT_EQ(Value(2), 1);
  EXPECT_EQ(Evict(2, 0), (std::set<uint64_t>{1, 3}));
}

TEST_F(RowTableTest, PinnedRowsStay) {
  for (uint64_t id = 0; id < 4; ++id) Add(id, 1);
  table_.SetPinned(1, true);
  EXPECT_EQ(Evict(100, 0), (std::set<uint64_t>{0, 2, 3}));
  EXPECT_EQ(Value(1), 1);
}

TEST_F(RowTableTest, NoMoreDirtyRowsAreChosenThanMayBeWritten) {
  for (uint64_t id = 0; id < 10; ++id) Add(id, 1, true);
  EXPECT_EQ(Evict(100, 3).size(), 3u);
  EXPECT_EQ(table_.rows(), 7u);
}

TEST_F(RowTableTest, RemovalGivesMemoryBack) {
  const uint64_t empty = budget_.used();
  for (uint64_t id = 0; id < 1000; ++id) Add(id, 1);
  const uint64_t full = budget_.used();
  EXPECT_EQ(full, table_.bytes());
  EXPECT_GE(full, 1000 * table_.row_bytes());
  Evict(1000, 0);
  EXPECT_EQ(table_.rows(), 0u);
  EXPECT_EQ(budget_.used(), empty);
}

class SmallRowTableTest : public RowTableTest {
 protected:
  SmallRowTableTest() : RowTableTest(8192) {}
};

TEST_F(SmallRowTableTest, ReservationsStopAtTheBudget) {
  EXPECT_FALSE(table_.TryReserve(8192 / table_.row_bytes()));
  EXPECT_LE(budget_.used(), 8192u);
  EXPECT_TRUE(table_.TryReserve(50));
}

TEST_F(RowTableTest, RandomHistoriesAgreeWithAMap) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    Evict(~uint64_t{0} / 1000, 1000);
    std::map<uint64_t, float> naive;
    for (int event = 0; event < 1000; ++event) {
      const uint64_t id = rng.Below(300);
      if (rng.Below(20) == 0) {
        for (const uint64_t gone : Evict(rng.Below(60), 1000)) ASSERT_EQ(naive.erase(gone), 1u);
      } else if (!naive.contains(id)) {
        const float value = rng.Uniform();
        Add(id, value, rng.Below(2) == 0);
        naive[id] = value;
      }
      ASSERT_EQ(Value(id), naive.contains(id) ? naive[id] : -1) << id;
      ASSERT_EQ(table_.rows(), naive.size());
      ASSERT_EQ(budget_.used(), table_.bytes());
    }
    for (const auto& [id, value] : naive) ASSERT_EQ(Value(id), value);
  }
}

}  // namespace
}  // namespace skybridge::ps
