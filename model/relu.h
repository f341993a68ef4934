// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/matrix.h"

namespace skybridge::model {

// In place: x becomes max(0, x).
void ReluForward(MatrixView x);

// In place: dy becomes dx, 0 where y is 0.
void ReluBackward(ConstMatrixView y, MatrixView dy);

}  // namespace skybridge::model
