// SPDX-License-Identifier: Apache-2.0
#include "ps/rowwise_adagrad.h"

#include <array>
#include <cmath>

#include <glog/logging.h>

namespace skybridge::ps {
namespace {

constexpr size_t kLanes = 16;

float SumOfSquares(std::span<const float> values) {
  std::array<float, kLanes> lanes{};
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += values[i + lane] * values[i + lane];
    }
  }
  for (size_t lane = 0; i + lane < values.size(); ++lane) {
    lanes[lane] += values[i + lane] * values[i + lane];
  }
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  }
  return lanes[0];
}

}  // namespace

void RowwiseAdagradStep(std::span<float> weights, float& sum, std::span<const float> gradient,
                        float rate, float epsilon) {
  CHECK_EQ(weights.size(), gradient.size());
  if (weights.empty()) return;
  sum += SumOfSquares(gradient) / static_cast<float>(gradient.size());
  const float step = rate / (std::sqrt(sum) + epsilon);
  float* __restrict w = weights.data();
  const float* __restrict g = gradient.data();
  for (size_t i = 0; i < weights.size(); ++i) w[i] -= step * g[i];
}

}  // namespace skybridge::ps
