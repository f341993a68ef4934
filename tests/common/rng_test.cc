// SPDX-License-Identifier: Apache-2.0
#include "common/rng.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge {
namespace {

TEST(RngTest, IsAFunctionOfItsPosition) {
  Rng a(1, Purpose::kShuffle, 2, 3, 4), b(1, Purpose::kShuffle, 2, 3, 4);
  EXPECT_EQ(a.Next(), b.Next());
  EXPECT_EQ(a.Next(), b.Next());
  EXPECT_NE(Rng(1, Purpose::kShuffle, 2, 3).Next(), Rng(1, Purpose::kNegatives, 2, 3).Next());
  EXPECT_NE(Rng(1, Purpose::kShuffle, 2, 3).Next(), Rng(1, Purpose::kShuffle, 3, 2).Next());
}

TEST(RngTest, BelowIsUniform) {
  Rng rng(5, Purpose::kTest);
  std::vector<int> seen(7);
  for (int i = 0; i < 70000; ++i) ++seen[rng.Below(7)];
  for (const int count : seen) EXPECT_NEAR(count, 10000, 400);
}

TEST(RngTest, NormalHasMeanZeroAndVarianceOne) {
  Rng rng(5, Purpose::kTest);
  double sum = 0, squares = 0;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.Normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1, 0.01);
}

TEST(RngTest, ShuffleKeepsEveryElement) {
  std::vector<int> values(100);
  std::iota(values.begin(), values.end(), 0);
  Rng rng(1, Purpose::kTest);
  Shuffle<int>(values, rng);
  EXPECT_FALSE(std::ranges::is_sorted(values));
  std::ranges::sort(values);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(values[static_cast<size_t>(i)], i);
}

}  // namespace
}  // namespace skybridge
