// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace skybridge::ps {

// Adagrad with one accumulator a row (Mudigere et al. 2022, "row-wise Adagrad"):
//   s += mean(g^2);  w -= rate * g / (sqrt(s) + epsilon)
// The mean is summed in sixteen lanes, lane i over the numbers at i, i + 16, ..., and the lanes are
// then folded in halves, whatever the processor (docs/protocol.md, L8).
//   weights, gradient  [dim]
void RowwiseAdagradStep(std::span<float> weights, float& sum, std::span<const float> gradient,
                        float rate, float epsilon);

}  // namespace skybridge::ps
