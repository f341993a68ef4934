// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "model/matrix.h"

namespace skybridge::model {

// Bags of B examples over the rows of a table: example b has entries [offsets[b], offsets[b + 1]).
struct Bags {
  std::span<const uint32_t> offsets;  // [B + 1]
  std::span<const uint32_t> rows;     // [n] each below the table's rows
  std::span<const float> weights;     // [n]
};

// The weighted sum of each bag, by entry: out[b] = sum_e weights[e] * table[rows[e]]; of an empty
// bag zero. kAdd: the entries are added to what `out` holds.
//   table  [rows, d]
//   out    [B, d]
void PoolBags(const Bags& bags, ConstMatrixView table, Into into, MatrixView out);

// The way back: table_gradient[rows[e]] += weights[e] * out_gradient[b], by example, then entry.
//   out_gradient    [B, d]
//   table_gradient  [rows, d]
void ScatterBags(const Bags& bags, ConstMatrixView out_gradient, MatrixView table_gradient);

// The gradient of the entries' weights: table[rows[e]] . out_gradient[b].
//   weight_gradient  [n]
void BagWeightGradient(const Bags& bags, ConstMatrixView table, ConstMatrixView out_gradient,
                       std::span<float> weight_gradient);

}  // namespace skybridge::model
