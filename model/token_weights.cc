// SPDX-License-Identifier: Apache-2.0
#include "model/token_weights.h"

#include <cmath>

#include <glog/logging.h>

#include "model/fast_math.h"

namespace skybridge::model {

std::vector<float> InverseDocumentFrequencies(std::span<const uint32_t> counts,
                                              uint64_t documents) {
  // 1 + (N - df + 1/2) / (df + 1/2) = (N + 1) / (df + 1/2)
  const float numerator = static_cast<float>(documents) + 1.0f;
  std::vector<float> idf(counts.size());
  for (size_t row = 0; row < counts.size(); ++row) {
    const float log = Log(numerator / (static_cast<float>(counts[row]) + 0.5f));
    idf[row] = std::sqrt((log > 0 ? log : 0.0f) * 0.125f);
  }
  return idf;
}

std::vector<float> TokenWeights(const TokenEntries& entries, std::span<const float> idf,
                                std::span<const float> deltas) {
  CHECK_EQ(entries.delta_rows.size(), entries.occurrences.size());
  CHECK_EQ(entries.idf_rows.size(), entries.occurrences.size());
  std::vector<float> weights(entries.occurrences.size());
  for (size_t e = 0; e < weights.size(); ++e) {
    const float factor = idf[entries.idf_rows[e]] + deltas[entries.delta_rows[e]];
    weights[e] = factor > 0 ? entries.occurrences[e] * factor : 0.0f;
  }
  return weights;
}

void AddDeltaGradient(const TokenEntries& entries, std::span<const float> idf,
                      std::span<const float> deltas, std::span<const float> weight_gradient,
                      std::span<float> delta_gradient) {
  CHECK_EQ(weight_gradient.size(), entries.occurrences.size());
  CHECK_EQ(delta_gradient.size(), deltas.size());
  for (size_t e = 0; e < weight_gradient.size(); ++e) {
    const uint32_t row = entries.delta_rows[e];
    if (idf[entries.idf_rows[e]] + deltas[row] <= 0) continue;
    delta_gradient[row] += entries.occurrences[e] * weight_gradient[e];
  }
}

}  // namespace skybridge::model
