// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "model/score_batch.h"
#include "model/softmax_loss.h"
#include "tests/model/gradient_check.h"

namespace skybridge::model {

// The vectors of a batch with who belongs to whom, and the memory of the losses' gradients.
struct ScoreCase {
  // Random vectors; every third query has no positive, the others one or two. Each query excludes
  // one candidate, every other query a second one.
  ScoreCase(size_t queries_count, size_t candidates_count, size_t d, uint64_t seed)
      : width(d), excluded_offsets{0} {
    Rng rng(seed, Purpose::kTest);
    queries = RandomNumbers(queries_count * d, rng, 0.7f);
    candidates = RandomNumbers(candidates_count * d, rng, 0.7f);
    const auto any = [&] { return static_cast<uint32_t>(rng.Below(candidates_count)); };
    for (uint32_t query = 0; query < queries_count; ++query) {
      const uint32_t first = any();
      if (query % 3 != 1) positives.push_back({query, first});
      if (query % 3 == 2) positives.push_back({query, (first + 1) % Count()});
      excluded.push_back(any());
      if (query % 2 == 0) excluded.push_back(any());
      excluded_offsets.push_back(static_cast<uint32_t>(excluded.size()));
    }
  }
  // These vectors, nothing excluded.
  ScoreCase(size_t d, std::vector<float> from_queries, std::vector<float> from_candidates,
            std::vector<PositivePair> pairs)
      : width(d),
        queries(std::move(from_queries)),
        candidates(std::move(from_candidates)),
        positives(std::move(pairs)),
        excluded_offsets(queries.size() / d + 1) {}

  uint32_t Count() const { return static_cast<uint32_t>(candidates.size() / width); }

  ScoreBatch batch() const {
    return {RowsOf(std::span<const float>(queries), width),
            RowsOf(std::span<const float>(candidates), width), positives, excluded_offsets,
            excluded};
  }
  // Full of garbage, which a loss has to overwrite.
  ScoreGradients gradients() {
    query_gradient.assign(queries.size(), 99.0f);
    candidate_gradient.assign(candidates.size(), 99.0f);
    return {RowsOf(std::span<float>(query_gradient), width),
            RowsOf(std::span<float>(candidate_gradient), width)};
  }
  double Score(size_t query, size_t candidate, float temperature) const {
    const std::span<const float> u(queries), v(candidates);
    return WeightedSum(u.subspan(query * width, width), v.subspan(candidate * width, width)) /
           static_cast<double>(temperature);
  }
  bool IsNegative(uint32_t query, uint32_t candidate) const {
    for (uint32_t e = excluded_offsets[query]; e < excluded_offsets[query + 1]; ++e) {
      if (excluded[e] == candidate) return false;
    }
    return std::ranges::none_of(positives, [&](const PositivePair& pair) {
      return pair.query == query && pair.candidate == candidate;
    });
  }
  // Compares what the loss wrote with the differences of `objective`, which reads this case.
  void ExpectGradients(const std::function<double()>& objective) {
    {
      SCOPED_TRACE("queries");
      ExpectGradient(objective, queries, query_gradient);
    }
    SCOPED_TRACE("candidates");
    ExpectGradient(objective, candidates, candidate_gradient);
  }

  size_t width;
  std::vector<float> queries, candidates;
  std::vector<PositivePair> positives;
  std::vector<uint32_t> excluded_offsets, excluded;
  std::vector<float> query_gradient, candidate_gradient;
};

// The formula of model/softmax_loss.h, pair by pair in double precision.
inline double NaiveSoftmaxLoss(const SoftmaxOptions& options, const ScoreCase& c,
                               uint32_t first_negative, std::span<const float> correction) {
  const double weight = static_cast<double>(options.negative_weight);
  double loss = 0;
  for (const auto [query, positive] : c.positives) {
    const double score = c.Score(query, positive, options.temperature);
    double largest = options.decoupled ? -std::numeric_limits<double>::infinity() : score;
    std::vector<double> negatives;
    for (uint32_t j = first_negative; j < c.Count(); ++j) {
      if (!c.IsNegative(query, j)) continue;
      negatives.push_back(c.Score(query, j, options.temperature) +
                          static_cast<double>(correction[j]));
      largest = std::max(largest, negatives.back());
    }
    double sum = 0;
    for (const double negative : negatives) sum += std::exp(negative - largest);
    loss -= score;
    if (!options.decoupled) {
      loss += largest + std::log(std::exp(score - largest) + weight * sum);
    } else if (!negatives.empty()) {
      loss += weight * (largest + std::log(sum));
    }
  }
  return loss;
}

// The formula of model/bpr_loss.h, likewise.
inline double NaiveBprLoss(float temperature, const ScoreCase& c,
                           std::span<const uint32_t> sampled_negative) {
  double loss = 0;
  for (size_t p = 0; p < c.positives.size(); ++p) {
    const auto [query, positive] = c.positives[p];
    const double lead =
        c.Score(query, positive, temperature) - c.Score(query, sampled_negative[p], temperature);
    loss += lead < 0 ? std::log1p(std::exp(lead)) - lead : std::log1p(std::exp(-lead));
  }
  return loss;
}

}  // namespace skybridge::model
