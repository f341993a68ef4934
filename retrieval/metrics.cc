// SPDX-License-Identifier: Apache-2.0
#include "retrieval/metrics.h"

#include <algorithm>
#include <cmath>

#include <glog/logging.h>

namespace skybridge::retrieval {

void AddQuery(std::span<const uint32_t> ranked, std::span<const uint32_t> relevant,
              uint64_t relevant_total, std::span<MetricSums> sums) {
  CHECK_GE(relevant_total, relevant.size());
  if (relevant_total == 0) return;
  for (MetricSums& sum : sums) {
    double gain = 0;
    double ideal = 0;
    uint64_t hits = 0;
    size_t first = 0;
    const size_t depth = std::min<size_t>(sum.k, ranked.size());
    for (size_t i = 0; i < depth; ++i) {
      if (!std::ranges::binary_search(relevant, ranked[i])) continue;
      gain += 1 / std::log2(static_cast<double>(i + 2));
      if (hits++ == 0) first = i + 1;
    }
    const uint64_t ideal_hits = std::min<uint64_t>(sum.k, relevant_total);
    for (uint64_t i = 0; i < ideal_hits; ++i) ideal += 1 / std::log2(static_cast<double>(i + 2));
    sum.recall += static_cast<double>(hits) / static_cast<double>(relevant_total);
    sum.ndcg += gain / ideal;
    sum.mrr += first > 0 ? 1 / static_cast<double>(first) : 0;
    sum.hit += hits > 0 ? 1 : 0;
  }
}

}  // namespace skybridge::retrieval
