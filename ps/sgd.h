// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace skybridge::ps {

// Stochastic gradient descent: w -= rate * g. No state.
//   weights, gradient  [dim]
void SgdStep(std::span<float> weights, std::span<const float> gradient, float rate);

}  // namespace skybridge::ps
