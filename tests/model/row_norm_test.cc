// SPDX-License-Identifier: Apache-2.0
#include "model/row_norm.h"

#include "tests/model/gradient_check.h"

namespace skybridge::model {
namespace {

constexpr size_t kWidth = 5;

TEST(RowNormTest, WithoutPivotRowsHaveUnitLength) {
  std::vector<float> x{3, 4, 0, 0, 0, 0, 0, 0, 0, -0.001f};
  const std::vector<float> inverse = RowNormForward(0, RowsOf(std::span<float>(x), kWidth));
  EXPECT_NEAR(inverse[0], 0.2f, 1e-7f);
  EXPECT_NEAR(x[0], 0.6f, 1e-6f);
  EXPECT_NEAR(x[1], 0.8f, 1e-6f);
  EXPECT_NEAR(x[9], -1.0f, 1e-6f);
}

TEST(RowNormTest, APivotLeavesShortRowsShort) {
  std::vector<float> x{3, 0, 0, 0, 0, 300, 0, 0, 0, 0};
  (void)RowNormForward(4, RowsOf(std::span<float>(x), kWidth));
  EXPECT_NEAR(x[0], 3.0f / 5, 1e-6f);
  EXPECT_GT(x[5], 0.999f);
}

TEST(RowNormTest, AZeroRowStaysZeroAndHasNoGradient) {
  std::vector<float> x(kWidth, 0.0f);
  const std::vector<float> inverse = RowNormForward(0, RowsOf(std::span<float>(x), kWidth));
  EXPECT_EQ(x, std::vector<float>(kWidth, 0.0f));
  std::vector<float> dy(kWidth, 3.0f);
  RowNormBackward(RowsOf(std::span<const float>(x), kWidth), inverse,
                  RowsOf(std::span<float>(dy), kWidth));
  EXPECT_EQ(dy, std::vector<float>(kWidth, 0.0f));
}

TEST(RowNormTest, GradientsAreRightForBothForms) {
  for (const float pivot : {0.0f, 1.3f}) {
    Rng rng(1, Purpose::kTest);
    std::vector<float> x = RandomNumbers(3 * kWidth, rng);
    const std::vector<float> upstream = RandomNumbers(3 * kWidth, rng);
    std::vector<float> y = x;
    const std::vector<float> inverse = RowNormForward(pivot, RowsOf(std::span<float>(y), kWidth));
    std::vector<float> dx = upstream;
    RowNormBackward(RowsOf(std::span<const float>(y), kWidth), inverse,
                    RowsOf(std::span<float>(dx), kWidth));
    const auto loss = [&] {
      std::vector<float> out = x;
      (void)RowNormForward(pivot, RowsOf(std::span<float>(out), kWidth));
      return WeightedSum(out, upstream);
    };
    ExpectGradient(loss, x, dx);
  }
}

}  // namespace
}  // namespace skybridge::model
