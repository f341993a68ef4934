// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/table_spec.h"

namespace skybridge::model {

// Shapes: Q queries and C candidates in a batch, P positives, d width of a tower's vector.
// Matrices are row-major and dense.

enum class FeatureKind : uint8_t { kBag, kNumber };

// One input of a tower.
struct FeatureOptions {
  std::string name;
  FeatureKind kind = FeatureKind::kBag;
  // kBag.
  std::string table;             // Name of its rows' table; towers may share one.
  bool learned_weights = false;  // Weigh each row by max(0, factor * sqrt(idf) + learned number).
  OptimizerOptions weights_optimizer;
  // kNumber.
  float center = 0;
  float scale = 1;
};

enum class Norm : uint8_t { kNone, kUnit, kPivoted };

struct TowerOptions {
  uint32_t dim = 64;
  std::vector<FeatureOptions> features;
  std::vector<uint32_t> hidden;  // Empty: the sum of the features is the vector.
  bool layer_norm = false;
  Norm norm = Norm::kUnit;
  float pivot = 1;
  OptimizerOptions optimizer{.kind = RowOptimizer::kAdam, .learning_rate = 1e-3f};
};

struct RowTableOptions {
  std::string name;
  uint32_t dim = 64;
  float init_stddev = 0.1f;
  OptimizerOptions optimizer;
};

enum class LossKind : uint8_t { kSoftmax, kBpr };

struct LossOptions {
  LossKind kind = LossKind::kSoftmax;
  float temperature = 0.1f;
  bool decoupled = false;
  float negative_weight = 1;
  bool in_batch = true;   // Other examples' candidates count as negatives.
  float logq = 1;         // Exponent of the sampling correction.
};

struct TwoTowerOptions {
  TowerOptions query;
  TowerOptions candidate;
  std::vector<RowTableOptions> tables;
  LossOptions loss;
};

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
  TowerInput queries;     // Q
  TowerInput candidates;  // C
  std::span<const PositivePair> positives;       // [P], by query
  std::span<const uint32_t> excluded_offsets;    // [Q + 1]
  std::span<const uint32_t> excluded;            // candidate rows that are no negatives
  std::span<const uint32_t> sampled_negative;    // [P] BPR
  uint32_t in_batch = 0;                         // Candidates [0, in_batch) are positives.
  uint32_t uniform_drawn = 0;                    // Drawn without replacement from the catalogue.
  std::span<const uint32_t> candidate_count_rows;  // [C] in the candidate_counts table, or empty
};

struct StepResult {
  double loss_sum = 0;   // Over the P positives.
  uint32_t positives = 0;
};

enum class Side : uint8_t { kQuery, kCandidate };

// Tables that one feature reads.
struct FeatureTables {
  std::optional<TableId> rows;
  std::optional<TableId> weights;
  std::optional<TableId> counts;
};

// The two towers, their similarity and the loss: pure arithmetic on views. Immutable, thread-safe;
// the same inputs give the same bits on every machine (fixed order of every sum).
class TwoTower {
 public:
  // Errors: kInvalidArgument, naming the tower or feature (widths that do not fit, no feature, an
  // unknown table, towers of different width).
  static Result<TwoTower> Create(TwoTowerOptions options);
  ~TwoTower();
  TwoTower(TwoTower&&) noexcept;
  TwoTower& operator=(TwoTower&&) noexcept;

  const TwoTowerOptions& options() const;
  uint32_t dim() const;

  // All tables, in the order of TableId: row tables in the order of options.tables, then
  // learned-weights tables "<side>/<feature>/weights" (dim 1, init 0), then one counts table
  // "<table>/counts" per row table that some feature weighs, then "candidate_counts" if the loss
  // needs sampling correction, then dense tables "<side>/<layer>/<tensor>".
  const TableSpecs& tables() const;
  FeatureTables feature_tables(Side side, size_t feature) const;
  // How often each candidate key stands in a training pair; absent if the loss does not need it.
  std::optional<TableId> candidate_counts() const;
  // Dense tables that `side` reads.
  std::vector<TableId> dense_tables(Side side) const;

  // Writes the normalised vectors of one side.
  //   vectors  [input.count, d]
  void Embed(Side side, const TowerInput& input, const Parameters& parameters,
             std::span<float> vectors) const;

  // The loss and its gradient d(mean loss over the P positives) / d(parameter), times `scale`.
  // `gradients` is overwritten. P = 0 gives zeros.
  StepResult Step(const StepInput& input, const Parameters& parameters, float scale,
                  Gradients* gradients) const;

 private:
  struct State;
  explicit TwoTower(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace skybridge::model
