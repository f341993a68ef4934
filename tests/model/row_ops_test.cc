// SPDX-License-Identifier: Apache-2.0
#include "model/row_ops.h"

#include <algorithm>
#include <vector>

#include "tests/model/gradient_check.h"

namespace skybridge::model {
namespace {

TEST(RowOpsTest, EveryLengthAgreesWithPlainLoops) {
  Rng rng(1, Purpose::kTest);
  for (size_t n = 0; n < 70; ++n) {
    const std::vector<float> a = RandomNumbers(n, rng);
    const std::vector<float> b = RandomNumbers(n, rng);
    double sum = 0;
    for (const float value : a) sum += static_cast<double>(value);
    EXPECT_NEAR(Dot(a.data(), b.data(), n), WeightedSum(a, b), 1e-4) << n;
    EXPECT_NEAR(Sum(a.data(), n), sum, 1e-4) << n;
    std::vector<float> y = b;
    AddScaled(0.5f, a.data(), y.data(), n);
    for (size_t i = 0; i < n; ++i) EXPECT_EQ(y[i], std::fma(0.5f, a[i], b[i]));
  }
}

TEST(RowOpsTest, LargestAndSumLookAtEveryLane) {
  for (size_t lane = 0; lane < kVec8; ++lane) {
    float values[kVec8] = {};
    values[lane] = 3;
    EXPECT_EQ(MaxOf8(Load8(values)), 3.0f);
    EXPECT_EQ(SumOf8(Load8(values)), 3.0f);
  }
}

TEST(RowOpsTest, BitsDoNotDependOnTheAddress) {
  Rng rng(2, Purpose::kTest);
  const std::vector<float> a = RandomNumbers(61, rng);
  const float expected = Dot(a.data(), a.data(), a.size());
  for (size_t shift = 1; shift < 16; ++shift) {
    std::vector<float> moved(shift + a.size());
    std::ranges::copy(a, moved.begin() + static_cast<std::ptrdiff_t>(shift));
    EXPECT_EQ(Dot(moved.data() + shift, a.data(), a.size()), expected);
  }
}

}  // namespace
}  // namespace skybridge::model
