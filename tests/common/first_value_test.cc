// SPDX-License-Identifier: Apache-2.0
#include "common/first_value.h"

#include <vector>

#include <gtest/gtest.h>

namespace skybridge {
namespace {

TEST(FirstValueTest, DependsOnSeedTableAndIdAlone) {
  const TableSpec spec{.name = "t", .dim = 8, .init_stddev = 0.5f};
  const auto value = [&](uint32_t table, uint64_t seed, uint64_t id) {
    std::vector<float> row(8);
    FirstValue(spec, TableId(table), seed, RowId(id), row);
    return row;
  };
  EXPECT_EQ(value(1, 2, 3), value(1, 2, 3));
  EXPECT_NE(value(1, 2, 3), value(0, 2, 3));
  EXPECT_NE(value(1, 2, 3), value(1, 0, 3));
  EXPECT_NE(value(1, 2, 3), value(1, 2, 0));
}

TEST(FirstValueTest, HasTheMeanAndDeviationOfItsTable) {
  const TableSpec spec{.name = "t", .dim = 64, .init_stddev = 0.5f, .init_constant = 2};
  double sum = 0, squares = 0;
  constexpr int kRows = 2000;
  for (uint64_t id = 0; id < kRows; ++id) {
    std::vector<float> row(64);
    FirstValue(spec, TableId(0), 1, RowId(id), row);
    for (const float x : row) {
      sum += x;
      squares += (x - 2.0) * (x - 2.0);
    }
  }
  EXPECT_NEAR(sum / (64 * kRows), 2.0, 0.01);
  EXPECT_NEAR(squares / (64 * kRows), 0.25, 0.005);
}

TEST(FirstValueTest, DenseTableIsZeroBeyondItsSize) {
  const TableSpec spec{.name = "w",
                       .kind = TableKind::kDense,
                       .dim = kDenseBlock,
                       .dense_size = kDenseBlock + 3,
                       .init_constant = 1};
  std::vector<float> row(kDenseBlock);
  FirstValue(spec, TableId(0), 1, RowId(1), row);
  EXPECT_EQ(row[2], 1.0f);
  EXPECT_EQ(row[3], 0.0f);
}

}  // namespace
}  // namespace skybridge
