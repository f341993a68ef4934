// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "model/matrix.h"

namespace skybridge::model {

// Scales each row x to y = x / r, r = sqrt(|x|^2 + pivot^2). Pivot 0: unit length. A positive
// pivot (pivoted length normalisation; Singhal, Buckley, Mitra 1996) leaves short rows short.

// In place: x becomes y. Returns 1 / r of each row; 0, and y = 0, where r is 0 or |x|^2 + pivot^2
// underflows.
std::vector<float> RowNormForward(float pivot, MatrixView x);

// In place: dy becomes dx = (dy - y (y . dy)) / r.
void RowNormBackward(ConstMatrixView y, std::span<const float> inverse_norms, MatrixView dy);

}  // namespace skybridge::model
