// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace skybridge::data {

// One feature of B examples: a bag of row ids per example (CSR), or one number per example.
struct FeatureBatch {
  std::vector<uint32_t> offsets;  // [B + 1]; empty for a number.
  std::vector<uint64_t> ids;      // [offsets[B]]; distinct within an example.
  std::vector<float> weights;     // [offsets[B]]; with pooling already applied.
  std::vector<float> numbers;     // [B] for a number, else empty.
};

// The inputs of one tower for B examples; features in the order of the job's tower.
struct TowerBatch {
  uint32_t count = 0;
  std::vector<FeatureBatch> features;
};

// Query row `query` was answered by candidate row `candidate`.
struct Positive {
  uint32_t query;
  uint32_t candidate;
  bool operator==(const Positive&) const = default;
};

// One training step of one trainer. A pure function of (seed, data, epoch, partition, batch).
//
// Candidate rows are distinct candidates: first those of the batch's own positives, in order of
// first occurrence, then the uniform negatives that are not among them.
struct TrainBatch {
  TowerBatch queries;                    // Q rows.
  TowerBatch candidates;                 // C rows.
  std::vector<uint64_t> candidate_keys;  // [C]
  uint32_t in_batch = 0;                 // Candidate rows [0, in_batch) are positives of someone.
  uint32_t uniform_drawn = 0;            // Uniform negatives drawn, without replacement.
  std::vector<Positive> positives;       // [P], by query row, then candidate row.
  // Candidates that are no negatives of a query: its positives, and what masks exclude (CSR).
  std::vector<uint32_t> excluded_offsets;  // [Q + 1]
  std::vector<uint32_t> excluded;          // candidate rows, ascending within a query
  // BPR: the negative of each positive, a candidate row that is not excluded for its query; empty
  // under other losses.
  std::vector<uint32_t> sampled_negative;  // [P]
};

}  // namespace skybridge::data
