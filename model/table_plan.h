// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "model/options.h"

namespace skybridge::model {

enum class Side : uint8_t { kQuery, kCandidate };

// Tables that one feature reads.
struct FeatureTables {
  std::optional<TableId> rows;
  std::optional<TableId> weights;
  std::optional<TableId> counts;
};

// Which tables a model has, in which order, and who reads them. A pure function of the options.
struct TablePlan {
  // Errors: kInvalidArgument if two tables would have one name. The options have passed
  // ValidateOptions.
  static Result<TablePlan> Create(const TwoTowerOptions& options);

  TableSpecs specs;
  std::array<std::vector<FeatureTables>, 2> features;  // By Side, then feature.
  std::array<std::vector<TableId>, 2> dense;           // By Side, in the order of Mlp::tensors.
  std::optional<TableId> candidate_counts;
};

// The tower of one side.
inline const TowerOptions& TowerOf(const TwoTowerOptions& options, Side side) {
  return side == Side::kQuery ? options.query : options.candidate;
}

// The table of that name. It exists, if the options have passed ValidateOptions.
const RowTableOptions& RowTableOf(const TwoTowerOptions& options, const std::string& name);

// Numbers that a tower's features give to its first layer: each bag its table's width, each
// number one.
size_t InputWidth(const TwoTowerOptions& options, Side side);

}  // namespace skybridge::model
