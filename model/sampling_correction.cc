// SPDX-License-Identifier: Apache-2.0
#include "model/sampling_correction.h"

#include <algorithm>

#include <glog/logging.h>

#include "model/fast_math.h"

namespace skybridge::model {
namespace {

// a / b, at most 1; 0 if b is.
float Fraction(uint64_t a, uint64_t b) {
  if (b == 0) return 0;
  return a >= b ? 1.0f : static_cast<float>(static_cast<double>(a) / static_cast<double>(b));
}

}  // namespace

std::vector<float> SamplingCorrection(const SamplingMixture& mixture, size_t candidates,
                                      size_t in_batch_rows, std::span<const uint32_t> counts,
                                      std::span<const uint32_t> count_rows) {
  std::vector<float> correction(candidates);
  if (mixture.exponent == 0) return correction;
  const float uniform = Fraction(mixture.uniform_drawn, mixture.candidates_total);
  if (!mixture.in_batch || counts.empty() || mixture.examples_total == 0) {
    // In-batch alone and no counts: nothing is known, so uniform is 0 and nothing is corrected.
    if (uniform > 0) std::ranges::fill(correction, -mixture.exponent * Log(uniform));
    return correction;
  }
  CHECK_EQ(count_rows.size(), candidates);
  const float rate = static_cast<float>(static_cast<double>(mixture.positives) /
                                        static_cast<double>(mixture.examples_total));
  for (size_t j = 0; j < candidates; ++j) {
    const uint32_t count = std::max<uint32_t>(counts[count_rows[j]], j < in_batch_rows ? 1 : 0);
    const float missed = ExpMinus1(-rate * static_cast<float>(count));  // -(1 - exp(-M f))
    const float inclusion = uniform - (1.0f - uniform) * missed;
    correction[j] = inclusion > 0 ? -mixture.exponent * Log(inclusion) : 0.0f;
  }
  return correction;
}

}  // namespace skybridge::model
