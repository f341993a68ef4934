// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "model/inputs.h"
#include "model/options.h"
#include "model/table_plan.h"

namespace skybridge::model {

// Shapes: d width of a tower's vector; the others in model/inputs.h.

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
