// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skybridge::model {

// Where the negatives of a batch come from: its own positives, uniform draws from the catalogue,
// or both. A candidate that several sources offer stands in the batch once.
struct SamplingMixture {
  bool in_batch = true;           // The batch's positives are negatives of its other queries.
  uint64_t positives = 0;         // M pairs in the batch.
  uint64_t examples_total = 0;    // Training pairs behind the counts.
  uint64_t uniform_drawn = 0;     // N draws without replacement ...
  uint64_t candidates_total = 0;  // ... from this many.
  float exponent = 1;             // 1 corrects fully, 0 not at all.
};

// The correction of each candidate's score, log a_j = -exponent * log pi_j, where pi_j is the
// probability that candidate j is in the batch:
//   pi_j = 1 - (1 - N / candidates_total) * exp(-M * count_j / examples_total)
// so that sum_j a_j exp(s_j) estimates the sum over the whole catalogue (Horvitz, Thompson 1952;
// Bengio, Senecal 2008 for softmax). Without in_batch, or where counts are empty, the second factor
// is 1. A candidate whose pi is 0 or unknown is not corrected.
//   candidates  C
//   in_batch_rows  candidates [0, in_batch_rows) are positives of the batch: their count is at
//                  least 1, whatever the counts say.
//   counts, count_rows  how often candidate j stands in a pair: counts[count_rows[j]], j < C; or
//                       both empty.
std::vector<float> SamplingCorrection(const SamplingMixture& mixture, size_t candidates,
                                      size_t in_batch_rows, std::span<const uint32_t> counts,
                                      std::span<const uint32_t> count_rows);

}  // namespace skybridge::model
