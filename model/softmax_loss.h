// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "model/score_batch.h"

namespace skybridge::model {

struct SoftmaxOptions {
  float temperature = 0.1f;
  bool decoupled = false;     // The positive stays out of the denominator.
  float negative_weight = 1;  // w
};

// Sampled softmax over the batch's candidates. With s_uj = u . v_j / temperature and N_u the
// negatives of query u (candidates from `first_negative` on that are neither excluded for u nor
// its positives), each positive pair (u, i) costs
//   coupled    -s_ui + log(exp(s_ui) + w * sum_j exp(s_uj + c_j)),  j in N_u
//   decoupled  -s_ui + w * log sum_j exp(s_uj + c_j)
// and nothing but -s_ui (decoupled) or 0 (coupled) if N_u is empty. c is the sampling correction.
//
// The positive's own score is never corrected. Decoupled, it would be a constant. Coupled, the
// positive stands in the denominator of its own pair with certainty, not by chance, so its weight
// is 1: that makes the denominator an unbiased estimate of the one over the whole catalogue.
// Correcting it too (Yi et al. 2019) makes a rare positive look likelier than it is, so that it is
// learned too little.
//
//   correction  [C]
// Writes d(mean loss over the P positives)/d(vectors) * scale. Returns the sum of the losses.
double SoftmaxLoss(const SoftmaxOptions& options, const ScoreBatch& batch, size_t first_negative,
                   std::span<const float> correction, float scale, const ScoreGradients& gradients);

}  // namespace skybridge::model
