// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "model/score_batch.h"

namespace skybridge::model {

// Bayesian personalised ranking (Rendle et al. 2009): each positive pair (u, i) with one sampled
// negative j costs -log sigmoid(s_ui - s_uj), where s = u . v / temperature.
//   sampled_negative  [P] candidates
// Writes d(mean loss over the P positives)/d(vectors) * scale. Returns the sum of the losses.
// Candidates that are neither a positive nor sampled get no gradient; exclusions play no part.
double BprLoss(float temperature, const ScoreBatch& batch,
               std::span<const uint32_t> sampled_negative, float scale,
               const ScoreGradients& gradients);

}  // namespace skybridge::model
