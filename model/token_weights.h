// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skybridge::model {

// Weights of text tokens that start at BM25's importance and are learned from there:
//   factor_e = max(0, idf_e + delta_e),  weight_e = occurrence_e * factor_e
//   idf_e = sqrt(log(1 + (N - df + 0.5) / (df + 0.5)) / 8)
// N documents, df of them with the token; delta is learned and starts at 0.
// Shapes: n entries.

// idf by row of a counts table; `documents` is N. A count above N gives 0.
std::vector<float> InverseDocumentFrequencies(std::span<const uint32_t> counts, uint64_t documents);

struct TokenEntries {
  std::span<const float> occurrences;    // [n] saturated count of the token in the text
  std::span<const uint32_t> delta_rows;  // [n] into deltas
  std::span<const uint32_t> idf_rows;    // [n] into idf
};

// The weight of each entry, [n].
std::vector<float> TokenWeights(const TokenEntries& entries, std::span<const float> idf,
                                std::span<const float> deltas);

// delta_gradient[delta_rows[e]] += d weight_e / d delta * weight_gradient[e], by entry; nothing
// where the factor is clamped at 0.
void AddDeltaGradient(const TokenEntries& entries, std::span<const float> idf,
                      std::span<const float> deltas, std::span<const float> weight_gradient,
                      std::span<float> delta_gradient);

}  // namespace skybridge::model
