// SPDX-License-Identifier: Apache-2.0
#include "ps/row_index.h"

#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "common/rng.h"

namespace skybridge::ps {
namespace {

TEST(RowIndexTest, EveryIdIsAllowed) {
  RowIndex index(16);
  const std::vector<RowId> ids = {RowId(0), RowId(~uint64_t{0}), RowId(1)};
  for (RowNumber row = 0; row < 3; ++row) index.Insert(ids[row], row);
  for (RowNumber row = 0; row < 3; ++row) EXPECT_EQ(index.Find(ids[row]), row);
  index.Erase(RowId(0));
  EXPECT_EQ(index.Find(RowId(0)), kNoRow);
  EXPECT_EQ(index.Find(RowId(1)), 2u);
}

TEST(RowIndexTest, CapacityKeepsTheLoadBelowSevenTenths) {
  for (size_t rows = 0; rows < 5000; rows = rows * 3 / 2 + 1) {
    const size_t capacity = RowIndex::CapacityFor(rows);
    EXPECT_EQ(capacity & (capacity - 1), 0u);
    EXPECT_LE(rows * 10, capacity * 7) << rows;
  }
}

// Against a map, with ids dense enough to collide and a load that makes long probes.
TEST(RowIndexTest, RandomHistoriesAgreeWithAMap) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    RowIndex index(64);
    std::map<uint64_t, RowNumber> naive;
    for (int event = 0; event < 2000; ++event) {
      const uint64_t id = rng.Below(90);
      const auto row = static_cast<RowNumber>(rng.Below(1000));
      if (!naive.contains(id)) {
        if (naive.size() + 1 < index.capacity()) {
          index.Insert(RowId(id), row);
          naive[id] = row;
        }
      } else if (rng.Below(3) == 0) {
        index.Move(RowId(id), row);
        naive[id] = row;
      } else {
        index.Erase(RowId(id));
        naive.erase(id);
      }
      if (rng.Below(100) == 0) index.Rehash(rng.Below(2) == 0 ? 128 : 256);
      ASSERT_EQ(index.size(), naive.size());
    }
    std::vector<RowId> ids;
    for (uint64_t id = 0; id < 90; ++id) ids.push_back(RowId(id));
    std::vector<RowNumber> rows(ids.size());
    index.FindMany(ids, rows);
    for (uint64_t id = 0; id < 90; ++id) {
      const auto it = naive.find(id);
      EXPECT_EQ(rows[id], it == naive.end() ? kNoRow : it->second) << id;
      EXPECT_EQ(index.Find(RowId(id)), rows[id]);
    }
  }
}

}  // namespace
}  // namespace skybridge::ps
