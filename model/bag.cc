// SPDX-License-Identifier: Apache-2.0
#include "model/bag.h"

#include <algorithm>

#include "model/row_ops.h"

namespace skybridge::model {
namespace {

// Numbers of a row summed at a time: what fits into the vector registers.
constexpr size_t kVectors = 8;
constexpr size_t kBlock = kVectors * kVec8;

// out[0 .. kBlock) = its old value or zero, plus the entries' rows from column `column` on.
void PoolBlock(const Bags& bags, size_t begin, size_t end, const ConstMatrixView& table,
               size_t column, Into into, float* out) {
  Vec8 sum[kVectors];
  for (size_t v = 0; v < kVectors; ++v) {
    sum[v] = into == Into::kAdd ? Load8(out + v * kVec8) : Zero8();
  }
  for (size_t entry = begin; entry < end; ++entry) {
    const Vec8 weight = Broadcast8(bags.weights[entry]);
    const float* row = table.row(bags.rows[entry]) + column;
    for (size_t v = 0; v < kVectors; ++v) sum[v] = Fma8(weight, Load8(row + v * kVec8), sum[v]);
  }
  for (size_t v = 0; v < kVectors; ++v) Store8(out + v * kVec8, sum[v]);
}

}  // namespace

void PoolBags(const Bags& bags, ConstMatrixView table, Into into, MatrixView out) {
  CHECK_EQ(bags.offsets.size(), out.rows + 1);
  CHECK_EQ(table.cols, out.cols);
  for (size_t b = 0; b < out.rows; ++b) {
    const size_t begin = bags.offsets[b];
    const size_t end = bags.offsets[b + 1];
    size_t column = 0;
    for (; column + kBlock <= out.cols; column += kBlock) {
      PoolBlock(bags, begin, end, table, column, into, out.row(b) + column);
    }
    const size_t rest = out.cols - column;
    if (rest == 0) continue;
    float* sum = out.row(b) + column;
    if (into == Into::kOverwrite) std::fill_n(sum, rest, 0.0f);
    for (size_t entry = begin; entry < end; ++entry) {
      AddScaled(bags.weights[entry], table.row(bags.rows[entry]) + column, sum, rest);
    }
  }
}

void ScatterBags(const Bags& bags, ConstMatrixView out_gradient, MatrixView table_gradient) {
  CHECK_EQ(bags.offsets.size(), out_gradient.rows + 1);
  CHECK_EQ(table_gradient.cols, out_gradient.cols);
  for (size_t b = 0; b < out_gradient.rows; ++b) {
    for (size_t entry = bags.offsets[b]; entry < bags.offsets[b + 1]; ++entry) {
      AddScaled(bags.weights[entry], out_gradient.row(b), table_gradient.row(bags.rows[entry]),
                out_gradient.cols);
    }
  }
}

void BagWeightGradient(const Bags& bags, ConstMatrixView table, ConstMatrixView out_gradient,
                       std::span<float> weight_gradient) {
  CHECK_EQ(bags.offsets.size(), out_gradient.rows + 1);
  CHECK_EQ(weight_gradient.size(), bags.rows.size());
  for (size_t b = 0; b < out_gradient.rows; ++b) {
    for (size_t entry = bags.offsets[b]; entry < bags.offsets[b + 1]; ++entry) {
      weight_gradient[entry] =
          Dot(table.row(bags.rows[entry]), out_gradient.row(b), out_gradient.cols);
    }
  }
}

}  // namespace skybridge::model
