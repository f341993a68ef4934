// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skybridge::retrieval {

// Sums over queries; divide by the number of queries for the means.
struct MetricSums {
  uint32_t k = 0;
  double recall = 0;
  double ndcg = 0;
  double mrr = 0;
  double hit = 0;
  bool operator==(const MetricSums&) const = default;
};

// Adds one query to the sums, each at its own k.
//   ranked    candidates, best first, at least max k of them if there are so many
//   relevant  ascending; `relevant_total` of them exist, also those the catalogue lacks
// Recall@k = hits / relevant_total. NDCG@k: gain 1 / log2(rank + 1), ideal over
// min(k, relevant_total). MRR@k: 1 / rank of the first hit. Hit@k: whether there is one.
void AddQuery(std::span<const uint32_t> ranked, std::span<const uint32_t> relevant,
              uint64_t relevant_total, std::span<MetricSums> sums);

}  // namespace skybridge::retrieval
