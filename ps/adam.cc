// SPDX-License-Identifier: Apache-2.0
#include "ps/adam.h"

#include <cmath>
#include <cstdint>

#include <glog/logging.h>

namespace skybridge::ps {
namespace {

// By squaring: the library's pow differs between machines in its last bit. Powers that vanish
// beside 1 are 0, before they become denormal, which is slow.
double Power(double base, uint32_t exponent) {
  constexpr double kVanishes = 1e-30;
  double power = 1;
  for (; exponent > 0; exponent /= 2, base *= base) {
    if (base < kVanishes) return 0;
    if (exponent % 2 == 1) power *= base;
  }
  return power;
}

}  // namespace

void AdamStep(std::span<float> weights, std::span<float> state, std::span<const float> gradient,
              float rate, const AdamOptions& options) {
  const size_t dim = weights.size();
  CHECK_EQ(dim, gradient.size());
  CHECK_EQ(state.size(), 2 * dim + 1);
  float* __restrict w = weights.data();
  float* __restrict m = state.data();
  float* __restrict v = state.data() + dim;
  const float* __restrict g = gradient.data();
  float& steps = state[2 * dim];
  steps += 1;  // 2^24 + 1 rounds back to 2^24.

  float mean_scale = 1, square_scale = 1;
  if (options.bias_correction) {
    const auto t = static_cast<uint32_t>(steps);
    mean_scale = static_cast<float>(1 / (1 - Power(options.beta1, t)));
    square_scale = static_cast<float>(1 / (1 - Power(options.beta2, t)));
  }
  const float beta1 = options.beta1, beta2 = options.beta2, epsilon = options.epsilon;
  const float rest1 = 1 - beta1, rest2 = 1 - beta2;
  for (size_t i = 0; i < dim; ++i) {
    m[i] = beta1 * m[i] + rest1 * g[i];
    v[i] = beta2 * v[i] + rest2 * (g[i] * g[i]);
    w[i] -= rate * (m[i] * mean_scale) / (std::sqrt(v[i] * square_scale) + epsilon);
  }
}

}  // namespace skybridge::ps
