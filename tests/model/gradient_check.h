// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "common/rng.h"
#include "model/matrix.h"

namespace skybridge::model {

inline std::vector<float> RandomNumbers(size_t n, Rng& rng, float stddev = 1) {
  std::vector<float> numbers(n);
  for (float& number : numbers) number = stddev * rng.Normal();
  return numbers;
}

inline double WeightedSum(std::span<const float> values, std::span<const float> weights) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += static_cast<double>(values[i]) * static_cast<double>(weights[i]);
  }
  return sum;
}

// Compares `gradient` with central differences of `function` in each number of `x`, which
// `function` reads. The functions compute in single precision: hence the wide step. One with kinks
// needs a narrower one, so that few are crossed.
inline void ExpectGradient(const std::function<double()>& function, std::span<float> x,
                           std::span<const float> gradient, double tolerance = 3e-3,
                           float step = 0x1p-7f) {
  ASSERT_EQ(x.size(), gradient.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const float saved = x[i];
    x[i] = saved + step;
    const double above = function();
    const float high = x[i];
    x[i] = saved - step;
    const double below = function();
    const double width = static_cast<double>(high) - static_cast<double>(x[i]);
    x[i] = saved;
    const double expected = (above - below) / width;
    EXPECT_NEAR(gradient[i], expected, tolerance * std::max(1.0, std::fabs(expected)))
        << "number " << i;
  }
}

}  // namespace skybridge::model
