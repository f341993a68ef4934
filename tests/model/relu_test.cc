// SPDX-License-Identifier: Apache-2.0
#include "model/relu.h"

#include <vector>

#include <gtest/gtest.h>

namespace skybridge::model {
namespace {

TEST(ReluTest, KeepsWhatIsPositive) {
  std::vector<float> x{-1, 0, 2, -0.5f, 3, 1e-20f};
  ReluForward(RowsOf(std::span<float>(x), 3));
  EXPECT_EQ(x, (std::vector<float>{0, 0, 2, 0, 3, 1e-20f}));
}

TEST(ReluTest, GradientPassesOnlyWhereTheOutputIsPositive) {
  const std::vector<float> y{0, 2, 0, 3};
  std::vector<float> dy{5, 6, 7, 8};
  ReluBackward(RowsOf(std::span<const float>(y), 2), RowsOf(std::span<float>(dy), 2));
  EXPECT_EQ(dy, (std::vector<float>{0, 6, 0, 8}));
}

}  // namespace
}  // namespace skybridge::model
