// SPDX-License-Identifier: Apache-2.0
#include "model/bpr_loss.h"

#include "model/fast_math.h"
#include "model/row_ops.h"

namespace skybridge::model {

double BprLoss(float temperature, const ScoreBatch& batch,
               std::span<const uint32_t> sampled_negative, float scale,
               const ScoreGradients& gradients) {
  CHECK(!batch.positives.empty());
  CHECK_EQ(sampled_negative.size(), batch.positives.size());
  Fill(gradients.queries, 0);
  Fill(gradients.candidates, 0);
  const size_t d = batch.queries.cols;
  const float step = scale / (static_cast<float>(batch.positives.size()) * temperature);
  double loss = 0;
  for (size_t p = 0; p < batch.positives.size(); ++p) {
    const auto [query, positive] = batch.positives[p];
    const uint32_t negative = sampled_negative[p];
    const float* u = batch.queries.row(query);
    const float* liked = batch.candidates.row(positive);
    const float* other = batch.candidates.row(negative);
    const float ahead = (Dot(u, other, d) - Dot(u, liked, d)) / temperature;  // The negative.
    const float factor = Sigmoid(ahead) * step;
    loss += static_cast<double>(Softplus(ahead));
    AddScaled(-factor, liked, gradients.queries.row(query), d);
    AddScaled(factor, other, gradients.queries.row(query), d);
    AddScaled(-factor, u, gradients.candidates.row(positive), d);
    AddScaled(factor, u, gradients.candidates.row(negative), d);
  }
  return loss;
}

}  // namespace skybridge::model
