// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "model/matrix.h"

namespace skybridge::model {

// y = x W + b.
//   x [B, in]   W [in, out], row-major: row i is what input i adds   b [out]   y [B, out]
void LinearForward(ConstMatrixView x, ConstMatrixView weight, std::span<const float> bias,
                   MatrixView y);

// Writes dW = x' dy and db = the sum of dy's rows, in the order of examples.
void LinearBackward(ConstMatrixView x, ConstMatrixView dy, MatrixView dweight,
                    std::span<float> dbias);

// Writes dx = dy W'.
void LinearInputGradient(ConstMatrixView dy, ConstMatrixView weight, MatrixView dx);

}  // namespace skybridge::model
