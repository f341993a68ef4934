// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skybridge::model {

// Shapes: Q queries and C candidates in a batch, P positives, n entries of a feature's bags.
// Matrices are row-major and dense.

// One feature of B examples. kBag: example b has entries [offsets[b], offsets[b + 1]).
struct FeatureInput {
  std::span<const uint32_t> offsets;      // [B + 1]
  std::span<const float> weights;         // [n]
  std::span<const uint32_t> rows;         // [n] positions in its table's ParameterView
  std::span<const uint32_t> weight_rows;  // [n] the same in its learned-weights table
  std::span<const uint32_t> count_rows;   // [n] the same in its counts table
  std::span<const float> numbers;         // [B], kNumber
};

struct TowerInput {
  uint32_t count = 0;  // B
  std::vector<FeatureInput> features;
};

// Rows of one table that a step needs, pulled: values [rows, dim], counts [rows] for kCounts.
// Dense tables: all blocks in order.
struct ParameterView {
  std::span<const float> values;
  std::span<const uint32_t> counts;
};

// By TableId.
struct Parameters {
  std::vector<ParameterView> tables;
  uint64_t candidates_total = 0;  // Documents behind the counts, for idf.
  uint64_t examples_total = 0;    // Pairs behind the candidates' counts, for logQ.
};

// By TableId; the shapes of Parameters' values. Counts tables stay empty.
struct Gradients {
  std::vector<std::vector<float>> tables;
};

struct PositivePair {
  uint32_t query;
  uint32_t candidate;
};

struct StepInput {
  TowerInput queries;                              // Q
  TowerInput candidates;                           // C
  std::span<const PositivePair> positives;         // [P], by query
  std::span<const uint32_t> excluded_offsets;      // [Q + 1]
  std::span<const uint32_t> excluded;              // candidate rows that are no negatives
  std::span<const uint32_t> sampled_negative;      // [P] BPR
  uint32_t in_batch = 0;                           // Candidates [0, in_batch) are positives.
  uint32_t uniform_drawn = 0;                      // Drawn without replacement from the catalogue.
  std::span<const uint32_t> candidate_count_rows;  // [C] in the candidate_counts table, or empty
};

struct StepResult {
  double loss_sum = 0;  // Over the P positives.
  uint32_t positives = 0;
};

}  // namespace skybridge::model
