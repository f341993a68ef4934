// SPDX-License-Identifier: Apache-2.0
#include "model/relu.h"

namespace skybridge::model {

void ReluForward(MatrixView x) {
  for (size_t b = 0; b < x.rows; ++b) {
    float* row = x.row(b);
    for (size_t i = 0; i < x.cols; ++i) row[i] = row[i] > 0 ? row[i] : 0.0f;
  }
}

void ReluBackward(ConstMatrixView y, MatrixView dy) {
  CHECK_EQ(y.rows, dy.rows);
  CHECK_EQ(y.cols, dy.cols);
  for (size_t b = 0; b < dy.rows; ++b) {
    const float* output = y.row(b);
    float* row = dy.row(b);
    for (size_t i = 0; i < dy.cols; ++i) row[i] = output[i] > 0 ? row[i] : 0.0f;
  }
}

}  // namespace skybridge::model
