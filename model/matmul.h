// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/matrix.h"

namespace skybridge::model {

// Matrix products on one thread. The order of every sum depends on the shapes alone: not on the
// processor, and not on where the matrices lie in memory. `out` overlaps no input.

// out = a b
//   a [m, k]  b [k, n]  out [m, n]
void Multiply(ConstMatrixView a, ConstMatrixView b, Into into, MatrixView out);
// out = a' b
//   a [k, m]  b [k, n]  out [m, n]
void MultiplyTransposedLeft(ConstMatrixView a, ConstMatrixView b, Into into, MatrixView out);
// out = a b'
//   a [m, k]  b [n, k]  out [m, n]
void MultiplyTransposedRight(ConstMatrixView a, ConstMatrixView b, Into into, MatrixView out);

}  // namespace skybridge::model
