// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/dataset_plan.h"
#include "data/options.h"

namespace skybridge::data {

// Sets of candidate keys, one per query: those of query q are keys[offsets[q] .. offsets[q + 1]),
// ascending and distinct.
struct KeySets {
  std::vector<uint64_t> offsets{0};
  std::vector<uint64_t> keys;

  std::span<const uint64_t> of(size_t query) const {
    return std::span(keys).subspan(offsets[query], offsets[query + 1] - offsets[query]);
  }
};

// The queries of one evaluation partition, by ascending query key; Q queries.
struct EvaluationQueries {
  std::vector<uint64_t> query_keys;  // [Q]
  TowerBatch queries;                // [Q], from the first row of each query
  KeySets relevant;                  // [Q], none empty
  KeySets seen;                      // [Q]; empty sets unless mask_seen
};

// Reads one share of the queries of evaluation `evaluation`. The rows of a query come together,
// wherever they stand. A holdout evaluation takes the pairs that training leaves out; its seen
// candidates are the pairs that training keeps, those of other evaluations are all pairs of the
// training sources. Pairs made by inverse cloze are neither.
// Errors: as LoadPartition.
Result<EvaluationQueries> LoadEvaluation(const DatasetOptions& options, const DatasetPlan& plan,
                                         size_t evaluation, uint32_t share);

}  // namespace skybridge::data
