// SPDX-License-Identifier: Apache-2.0
#include "ps/row_optimizer.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/rng.h"
#include "ps/row_record.h"
#include "ps/rowwise_adagrad.h"

namespace skybridge::ps {
namespace {

using Kind = RowOptimizer;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

constexpr Kind kKinds[] = {Kind::kSgd, Kind::kAdagrad, Kind::kRowwiseAdagrad, Kind::kAdam};

// The formulas of the headers in double precision, one number after the other.
struct NaiveOptimizer {
  OptimizerOptions options;
  Doubles w, s, v;
  double t = 0;

  NaiveOptimizer(const OptimizerOptions& given, const Floats& weights)
      : options(given), w(weights.begin(), weights.end()), s(w.size()), v(w.size()) {}

  void Step(const Floats& g) {
    const double rate = options.learning_rate, epsilon = options.epsilon;
    const double b1 = options.beta1, b2 = options.beta2;
    t += 1;
    double mean = 0;
    for (const float x : g) mean += double{x} * x / static_cast<double>(g.size());
    s[0] += options.kind == Kind::kRowwiseAdagrad ? mean : 0;
    for (size_t i = 0; i < w.size(); ++i) {
      switch (options.kind) {
        case Kind::kSgd: w[i] -= rate * g[i]; break;
        case Kind::kAdagrad:
          s[i] += double{g[i]} * g[i];
          w[i] -= rate * g[i] / (std::sqrt(s[i]) + epsilon);
          break;
        case Kind::kRowwiseAdagrad: w[i] -= rate * g[i] / (std::sqrt(s[0]) + epsilon); break;
        case Kind::kAdam: {
          s[i] = b1 * s[i] + (1 - b1) * g[i];
          v[i] = b2 * v[i] + (1 - b2) * double{g[i]} * g[i];
          const double c1 = options.bias_correction ? 1 - std::pow(b1, t) : 1;
          const double c2 = options.bias_correction ? 1 - std::pow(b2, t) : 1;
          w[i] -= rate * (s[i] / c1) / (std::sqrt(v[i] / c2) + epsilon);
          break;
        }
      }
    }
  }
};

TEST(RowOptimizerTest, EachStepIsPinned) {
  const auto step_twice = [](const OptimizerOptions& options) {
    Floats weights = {1, -1}, state(OptimizerStateSize(options.kind, 2));
    OptimizerStep(options, weights, state, Floats{2, -4}, 1);
    OptimizerStep(options, weights, state, Floats{1, 0}, 1);
    return weights;
  };
  const float a = 1e-10f;
  // By hand: 1 - 0.5 * 2 - 0.5 * 1; -1 + 0.5 * 4.
  EXPECT_EQ(step_twice({.kind = Kind::kSgd, .learning_rate = 0.5f}), (Floats{-0.5f, 1}));
  // s = (4, 16), then (5, 16).
  const Floats adagrad = step_twice({.kind = Kind::kAdagrad, .learning_rate = 0.5f, .epsilon = a});
  EXPECT_FLOAT_EQ(adagrad[0], 0.5f - 0.5f / std::sqrt(5.0f));
  EXPECT_FLOAT_EQ(adagrad[1], -0.5f);
  // s = 10, then 10.5.
  const Floats rowwise =
      step_twice({.kind = Kind::kRowwiseAdagrad, .learning_rate = 0.5f, .epsilon = a});
  EXPECT_FLOAT_EQ(rowwise[0], 1 - 1 / std::sqrt(10.0f) - 0.5f / std::sqrt(10.5f));
  EXPECT_FLOAT_EQ(rowwise[1], -1 + 2 / std::sqrt(10.0f));
  // The first corrected step moves each number by the rate; m = (0.28, -0.36), v = (0.004996,
  // 0.015984) after the second.
  const Floats adam = step_twice({.kind = Kind::kAdam, .learning_rate = 0.5f, .epsilon = a});
  const double c1 = 0.19, c2 = 1 - 0.999 * 0.999;
  EXPECT_NEAR(adam[0], 0.5 - 0.5 * (0.28 / c1) / std::sqrt(0.004996 / c2), 1e-4);
  EXPECT_NEAR(adam[1], -0.5 + 0.5 * (0.36 / c1) / std::sqrt(0.015984 / c2), 1e-4);
}

TEST(RowOptimizerTest, ManyStepsFollowTheFormulasInDouble) {
  for (const Kind kind : kKinds) {
    for (const bool correct : {true, false}) {
      for (const uint32_t dim : {1u, 7u, 16u, 64u, 67u}) {
        SCOPED_TRACE(testing::Message() << "kind=" << int(kind) << " dim=" << dim);
        Rng rng(dim, Purpose::kTest);
        Floats weights(dim), state(OptimizerStateSize(kind, dim));
        for (float& w : weights) w = rng.Normal();
        const OptimizerOptions options{
            .kind = kind, .learning_rate = 0.05f, .epsilon = 1e-8f, .bias_correction = correct};
        NaiveOptimizer naive(options, weights);
        for (int step = 0; step < 50; ++step) {
          Floats gradient(dim);
          for (float& g : gradient) g = rng.Normal();
          OptimizerStep(options, weights, state, gradient, 1);
          naive.Step(gradient);
        }
        for (size_t i = 0; i < dim; ++i) EXPECT_NEAR(weights[i], naive.w[i], 2e-4) << i;
      }
    }
  }
}

TEST(RowOptimizerTest, EachFindsTheMinimumOfAParabola) {
  for (const Kind kind : kKinds) {
    SCOPED_TRACE(testing::Message() << "kind=" << int(kind));
    const Floats target = {3, -2, 0.5f};
    Floats weights(3), state(OptimizerStateSize(kind, 3)), gradient(3);
    for (int step = 0; step < 2000; ++step) {
      for (size_t i = 0; i < 3; ++i) gradient[i] = weights[i] - target[i];
      const float rate = 1 - static_cast<float>(step) / 2000;
      OptimizerStep({.kind = kind, .learning_rate = 0.3f, .linear_decay = true}, weights, state,
                    gradient, rate);
    }
    for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(weights[i], target[i], 1e-2) << i;
  }
}

TEST(RowOptimizerTest, TheFactorCountsOnlyUnderLinearDecay) {
  const auto step = [](bool decay, float factor) {
    Floats weights = {1}, state;
    OptimizerStep({.kind = Kind::kSgd, .learning_rate = 0.5f, .linear_decay = decay}, weights,
                  state, Floats{1}, factor);
    return weights[0];
  };
  EXPECT_EQ(step(true, 0.5f), 0.75f);
  EXPECT_EQ(step(false, 0.5f), 0.5f);
}

// The next step depends on weights and state alone, so a row that went to disk goes on as it was.
TEST(RowOptimizerTest, ASavedAndRestoredRowTakesTheSameNextStep) {
  for (const Kind kind : kKinds) {
    Floats weights(5, 1), state(OptimizerStateSize(kind, 5));
    const OptimizerOptions options{.kind = kind};
    OptimizerStep(options, weights, state, Floats{1, 2, 3, 4, 5}, 1);
    Floats restored = weights, restored_state = state;
    OptimizerStep(options, weights, state, Floats{5, 4, 3, 2, 1}, 1);
    OptimizerStep(options, restored, restored_state, Floats{5, 4, 3, 2, 1}, 1);
    EXPECT_EQ(weights, restored) << int(kind);
    EXPECT_EQ(state, restored_state) << int(kind);
  }
}

// 2^24 + 1 is 2^24 in lane 0, but the same ones survive in another lane: the order is the rule.
TEST(RowOptimizerTest, RowwiseAdagradSumsInSixteenLanes) {
  Floats gradient(48);
  gradient[0] = 4096;               // Squared: 2^24.
  gradient[16] = gradient[32] = 1;  // Lost one by one in lane 0.
  Floats other(48);
  other[0] = 4096;
  other[17] = other[33] = 1;  // 2 in lane 1, then 2^24 + 2.
  Floats weights(48);
  float sum = 0, other_sum = 0;
  RowwiseAdagradStep(weights, sum, gradient, 0.1f, 0);
  RowwiseAdagradStep(weights, other_sum, other, 0.1f, 0);
  EXPECT_EQ(sum, 16777216.0f / 48);
  EXPECT_EQ(other_sum, 16777218.0f / 48);
}

TEST(RowOptimizerTest, OptionsThatCannotBeAreRefusedByName) {
  const auto message = [](OptimizerOptions options) {
    return ValidateOptimizer(options).message();
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(message({.learning_rate = -1}).find("learning_rate"), std::string::npos);
  EXPECT_NE(message({.learning_rate = nan}).find("learning_rate"), std::string::npos);
  EXPECT_NE(message({.epsilon = -1}).find("epsilon"), std::string::npos);
  EXPECT_NE(message({.beta1 = 1}).find("beta1"), std::string::npos);
  EXPECT_NE(message({.beta2 = nan}).find("beta2"), std::string::npos);
  EXPECT_TRUE(ValidateOptimizer({}).ok());
}

}  // namespace
}  // namespace skybridge::ps
