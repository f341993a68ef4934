// SPDX-License-Identifier: Apache-2.0
#include "ps/sgd.h"

#include <glog/logging.h>

namespace skybridge::ps {

void SgdStep(std::span<float> weights, std::span<const float> gradient, float rate) {
  CHECK_EQ(weights.size(), gradient.size());
  float* __restrict w = weights.data();
  const float* __restrict g = gradient.data();
  for (size_t i = 0; i < weights.size(); ++i) w[i] -= rate * g[i];
}

}  // namespace skybridge::ps
