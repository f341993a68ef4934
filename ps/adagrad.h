// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace skybridge::ps {

// Adagrad (Duchi, Hazan, Singer 2011, diagonal form), element by element:
//   s += g^2;  w -= rate * g / (sqrt(s) + epsilon)
//   weights, sums, gradient  [dim]
void AdagradStep(std::span<float> weights, std::span<float> sums, std::span<const float> gradient,
                 float rate, float epsilon);

}  // namespace skybridge::ps
