// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "model/matrix.h"

namespace skybridge::model {

// Layer normalisation (Ba, Kiros, Hinton 2016) of each row x of `width` numbers:
//   z = (x - mean(x)) / sqrt(var(x) + 1e-5),  y = gain * z + shift

// What the way back needs.
struct LayerNormPass {
  Matrix normal;                         // z
  std::vector<float> inverse_deviation;  // [B] 1 / sqrt(var + 1e-5)
};

// In place: x becomes y.
//   x [B, width]   gain, shift [width]
LayerNormPass LayerNormForward(std::span<const float> gain, std::span<const float> shift,
                               MatrixView x);

struct LayerNormGradients {
  std::span<float> gain;   // [width]
  std::span<float> shift;  // [width]
};

// In place: dy becomes dx. `gradients` are overwritten, summed in the order of examples.
void LayerNormBackward(const LayerNormPass& pass, std::span<const float> gain, MatrixView dy,
                       const LayerNormGradients& gradients);

}  // namespace skybridge::model
