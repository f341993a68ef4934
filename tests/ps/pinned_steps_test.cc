// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <gtest/gtest.h>

#include "ps/adagrad.h"
#include "ps/adam.h"
#include "ps/rowwise_adagrad.h"
#include "ps/sgd.h"

namespace skybridge::ps {
namespace {

// Single steps computed by hand: a formula that changes must change here too.

using Floats = std::vector<float>;
const Floats kGradient = {3.0f, -4.0f};

TEST(PinnedStepTest, Sgd) {
  Floats weights = {1, 1};
  SgdStep(weights, kGradient, 0.5f);
  EXPECT_EQ(weights, (Floats{-0.5f, 3.0f}));
}

TEST(PinnedStepTest, Adagrad) {
  Floats weights = {1, 1}, sums = {16, 0};
  AdagradStep(weights, sums, kGradient, 0.5f, 0);
  EXPECT_EQ(sums, (Floats{25, 16}));
  EXPECT_EQ(weights, (Floats{1 - 0.5f * 3.0f / 5.0f, 1.5f}));
}

TEST(PinnedStepTest, RowwiseAdagrad) {
  Floats weights = {1, 1};
  float sum = 3.5f;
  RowwiseAdagradStep(weights, sum, kGradient, 0.5f, 0);
  EXPECT_EQ(sum, 16.0f);
  EXPECT_EQ(weights, (Floats{0.625f, 1.5f}));
}

TEST(PinnedStepTest, FirstAdamStepIsTheStepSizeWhateverTheGradient) {
  Floats weights = {1, 1}, state(5);
  AdamStep(weights, state, kGradient, 0.5f, {.beta1 = 0.5f, .beta2 = 0.75f, .epsilon = 0});
  EXPECT_EQ(state, (Floats{1.5f, -2.0f, 2.25f, 4.0f, 1.0f}));
  EXPECT_FLOAT_EQ(weights[0], 0.5f);
  EXPECT_FLOAT_EQ(weights[1], 1.5f);
}

}  // namespace
}  // namespace skybridge::ps
