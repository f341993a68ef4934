// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "model/inputs.h"
#include "model/matrix.h"

namespace skybridge::model {

// What a loss compares: vectors of Q queries and C candidates, and who belongs to whom.
struct ScoreBatch {
  ConstMatrixView queries;                     // [Q, d]
  ConstMatrixView candidates;                  // [C, d]
  std::span<const PositivePair> positives;     // [P] P > 0, by query
  std::span<const uint32_t> excluded_offsets;  // [Q + 1]
  std::span<const uint32_t> excluded;          // candidates that are no negatives of the query
};

// Gradients with respect to the vectors; losses overwrite them.
struct ScoreGradients {
  MatrixView queries;     // [Q, d]
  MatrixView candidates;  // [C, d]
};

}  // namespace skybridge::model
