// SPDX-License-Identifier: Apache-2.0
#include "model/row_norm.h"

#include <cmath>
#include <limits>

#include "model/row_ops.h"

namespace skybridge::model {

std::vector<float> RowNormForward(float pivot, MatrixView x) {
  std::vector<float> inverse_norms(x.rows);
  for (size_t b = 0; b < x.rows; ++b) {
    float* row = x.row(b);
    const float squared = std::fma(pivot, pivot, Dot(row, row, x.cols));
    const float inverse =
        squared < std::numeric_limits<float>::min() ? 0.0f : 1.0f / std::sqrt(squared);
    inverse_norms[b] = inverse;
    for (size_t i = 0; i < x.cols; ++i) row[i] *= inverse;
  }
  return inverse_norms;
}

void RowNormBackward(ConstMatrixView y, std::span<const float> inverse_norms, MatrixView dy) {
  CHECK_EQ(inverse_norms.size(), dy.rows);
  for (size_t b = 0; b < dy.rows; ++b) {
    const float* output = y.row(b);
    float* row = dy.row(b);
    const float along = Dot(output, row, dy.cols);
    for (size_t i = 0; i < dy.cols; ++i) {
      row[i] = (row[i] - output[i] * along) * inverse_norms[b];
    }
  }
}

}  // namespace skybridge::model
