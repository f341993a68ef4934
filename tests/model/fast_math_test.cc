// SPDX-License-Identifier: Apache-2.0
#include "model/fast_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace skybridge::model {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

double RelativeError(float value, double expected) {
  return std::fabs(static_cast<double>(value) - expected) / std::fabs(expected);
}

TEST(FastMathTest, ExpIsWithinTwoUlp) {
  for (float x = -86.9f; x < 88.0f; x += 0.00731f) {
    ASSERT_LT(RelativeError(Exp(x), std::exp(static_cast<double>(x))), 2.5e-7) << x;
  }
  EXPECT_EQ(Exp(0.0f), 1.0f);
}

TEST(FastMathTest, ExpIsZeroFarBelowAndFiniteFarAbove) {
  EXPECT_EQ(Exp(-kInfinity), 0.0f);
  EXPECT_EQ(Exp(-87.1f), 0.0f);
  EXPECT_EQ(Exp(1000.0f), Exp(88.0f));
  EXPECT_TRUE(std::isfinite(Exp(kInfinity)));
}

TEST(FastMathTest, ExpMinusOneKeepsItsDigitsNearZero) {
  for (float x = 1e-12f; x < 40.0f; x *= 1.37f) {
    for (const float signed_x : {x, -x}) {
      const double expected = std::expm1(static_cast<double>(signed_x));
      ASSERT_LT(RelativeError(ExpMinus1(signed_x), expected), 5e-7) << signed_x;
    }
  }
  EXPECT_EQ(ExpMinus1(0.0f), 0.0f);
  EXPECT_EQ(ExpMinus1(-kInfinity), -1.0f);
}

TEST(FastMathTest, LogIsWithinTwoUlp) {
  for (float x = 1e-37f; x < 1e38f; x *= 1.0173f) {
    const double expected = std::log(static_cast<double>(x));
    ASSERT_NEAR(Log(x), expected, std::max(1e-7, 2.5e-7 * std::fabs(expected))) << x;
  }
  EXPECT_EQ(Log(1.0f), 0.0f);
  EXPECT_EQ(Log(0.0f), -kInfinity);
}

TEST(FastMathTest, ScalarsHaveTheBitsOfLanes) {
  for (float x = 0.01f; x < 80.0f; x *= 1.1f) {
    float inputs[8] = {x, -x, 2 * x, x / 3, -x / 7, 1, 0, x + 1};
    float exp[8];
    Store8(exp, Exp8(Load8(inputs)));
    for (int lane = 0; lane < 8; ++lane) {
      ASSERT_EQ(std::bit_cast<uint32_t>(exp[lane]), std::bit_cast<uint32_t>(Exp(inputs[lane])));
    }
  }
}

TEST(FastMathTest, SigmoidAndSoftplusHoldAtBothEnds) {
  for (float x = -60; x < 60; x += 0.37f) {
    const double wide = static_cast<double>(x);
    EXPECT_LT(RelativeError(Sigmoid(x), 1 / (1 + std::exp(-wide))), 1e-6) << x;
    EXPECT_NEAR(Softplus(x), std::log1p(std::exp(wide)), 2e-7 * std::max(1.0, std::fabs(wide)));
  }
  EXPECT_EQ(Sigmoid(-kInfinity), 0.0f);
  EXPECT_EQ(Softplus(-kInfinity), 0.0f);
  EXPECT_EQ(Sigmoid(kInfinity), 1.0f);
}

}  // namespace
}  // namespace skybridge::model
