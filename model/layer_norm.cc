// SPDX-License-Identifier: Apache-2.0
#include "model/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "model/row_ops.h"

namespace skybridge::model {
namespace {

constexpr float kEpsilon = 1e-5f;

}  // namespace

LayerNormPass LayerNormForward(std::span<const float> gain, std::span<const float> shift,
                               MatrixView x) {
  CHECK_EQ(gain.size(), x.cols);
  CHECK_EQ(shift.size(), x.cols);
  LayerNormPass pass{Matrix(x.rows, x.cols), std::vector<float>(x.rows)};
  const size_t width = x.cols;
  for (size_t b = 0; b < x.rows; ++b) {
    float* row = x.row(b);
    float* normal = pass.normal.row(b);
    const float mean = Sum(row, width) / static_cast<float>(width);
    for (size_t i = 0; i < width; ++i) normal[i] = row[i] - mean;
    const float variance = Dot(normal, normal, width) / static_cast<float>(width);
    const float inverse = 1.0f / std::sqrt(variance + kEpsilon);
    pass.inverse_deviation[b] = inverse;
    for (size_t i = 0; i < width; ++i) {
      normal[i] *= inverse;
      row[i] = std::fma(gain[i], normal[i], shift[i]);
    }
  }
  return pass;
}

void LayerNormBackward(const LayerNormPass& pass, std::span<const float> gain, MatrixView dy,
                       const LayerNormGradients& gradients) {
  CHECK_EQ(gain.size(), dy.cols);
  std::ranges::fill(gradients.gain, 0.0f);
  std::ranges::fill(gradients.shift, 0.0f);
  const size_t width = dy.cols;
  const float inverse_width = 1.0f / static_cast<float>(width);
  for (size_t b = 0; b < dy.rows; ++b) {
    float* row = dy.row(b);
    const float* normal = pass.normal.row(b);
    for (size_t i = 0; i < width; ++i) {
      gradients.gain[i] = std::fma(row[i], normal[i], gradients.gain[i]);
      gradients.shift[i] += row[i];
      row[i] *= gain[i];  // dL/dz
    }
    // The mean and the deviation carry gradient too: it takes out what changes only them.
    const float mean = Sum(row, width) * inverse_width;
    const float along = Dot(row, normal, width) * inverse_width;
    for (size_t i = 0; i < width; ++i) {
      row[i] = (row[i] - mean - normal[i] * along) * pass.inverse_deviation[b];
    }
  }
}

}  // namespace skybridge::model
