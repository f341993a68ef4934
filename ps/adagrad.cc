// SPDX-License-Identifier: Apache-2.0
#include "ps/adagrad.h"

#include <cmath>

#include <glog/logging.h>

namespace skybridge::ps {

void AdagradStep(std::span<float> weights, std::span<float> sums, std::span<const float> gradient,
                 float rate, float epsilon) {
  CHECK_EQ(weights.size(), gradient.size());
  CHECK_EQ(weights.size(), sums.size());
  float* __restrict w = weights.data();
  float* __restrict s = sums.data();
  const float* __restrict g = gradient.data();
  for (size_t i = 0; i < weights.size(); ++i) {
    s[i] += g[i] * g[i];
    w[i] -= rate * g[i] / (std::sqrt(s[i]) + epsilon);
  }
}

}  // namespace skybridge::ps
