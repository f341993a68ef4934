// SPDX-License-Identifier: Apache-2.0
#include "model/linear.h"

#include <algorithm>

#include "model/matmul.h"

namespace skybridge::model {

void LinearForward(ConstMatrixView x, ConstMatrixView weight, std::span<const float> bias,
                   MatrixView y) {
  CHECK_EQ(bias.size(), y.cols);
  for (size_t b = 0; b < y.rows; ++b) std::copy_n(bias.data(), y.cols, y.row(b));
  Multiply(x, weight, Into::kAdd, y);
}

void LinearBackward(ConstMatrixView x, ConstMatrixView dy, MatrixView dweight,
                    std::span<float> dbias) {
  CHECK_EQ(dbias.size(), dy.cols);
  MultiplyTransposedLeft(x, dy, Into::kOverwrite, dweight);
  std::ranges::fill(dbias, 0.0f);
  for (size_t b = 0; b < dy.rows; ++b) {
    const float* row = dy.row(b);
    for (size_t i = 0; i < dbias.size(); ++i) dbias[i] += row[i];
  }
}

void LinearInputGradient(ConstMatrixView dy, ConstMatrixView weight, MatrixView dx) {
  MultiplyTransposedRight(dy, weight, Into::kOverwrite, dx);
}

}  // namespace skybridge::model
