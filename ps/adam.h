// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace skybridge::ps {

struct AdamOptions {
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  bool bias_correction = true;
};

// Adam (Kingma, Ba 2015), lazy: moments and step count of a row move only when the row is pushed.
//   t += 1;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   w -= rate * m' / (sqrt(v') + epsilon),  m' = m / (1 - b1^t), v' = v / (1 - b2^t)
// without bias correction m' = m, v' = v.
//   weights, gradient  [dim]
//   state              [2 dim + 1]: m, v, then t, which stays at 2^24.
void AdamStep(std::span<float> weights, std::span<float> state, std::span<const float> gradient,
              float rate, const AdamOptions& options);

}  // namespace skybridge::ps
