// SPDX-License-Identifier: Apache-2.0
#include "model/options_check.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace skybridge::model {
namespace {

Status Invalid(const std::string& what) { return {StatusCode::kInvalidArgument, what}; }

Status ValidateTable(const RowTableOptions& table) {
  const std::string name = "table \"" + table.name + "\": ";
  if (table.name.empty()) return Invalid("a table has no name");
  if (table.dim == 0) return Invalid(name + "dim must be positive");
  if (!(table.init_stddev >= 0) || !std::isfinite(table.init_stddev)) {
    return Invalid(name + "init_stddev must be 0 or more");
  }
  return Status();
}

Status ValidateNumber(const TowerOptions& tower, const FeatureOptions& feature) {
  if (tower.hidden.empty()) {
    return Invalid("a number needs hidden layers: without them the tower sums its bags");
  }
  if (!std::isfinite(feature.center)) return Invalid("center must be finite");
  if (!std::isfinite(feature.scale) || feature.scale == 0) {
    return Invalid("scale must be finite and not 0");
  }
  if (feature.learned_weights) return Invalid("a number has no learned weights");
  return Status();
}

Status ValidateBag(const TwoTowerOptions& options, const TowerOptions& tower,
                   const FeatureOptions& feature) {
  const auto at = std::ranges::find(options.tables, feature.table, &RowTableOptions::name);
  if (at == options.tables.end()) {
    return Invalid("there is no table \"" + feature.table + "\"");
  }
  if (tower.hidden.empty() && at->dim != tower.dim) {
    return Invalid("table \"" + feature.table + "\" has width " + std::to_string(at->dim) +
                   ", but a tower without hidden layers needs its own, " +
                   std::to_string(tower.dim));
  }
  return Status();
}

Status ValidateTower(const TwoTowerOptions& options, const TowerOptions& tower) {
  if (tower.dim == 0) return Invalid("dim must be positive");
  if (tower.features.empty()) return Invalid("it has no feature");
  for (const uint32_t width : tower.hidden) {
    if (width == 0) return Invalid("a hidden layer's width must be positive");
  }
  if (tower.norm == Norm::kPivoted && (!std::isfinite(tower.pivot) || tower.pivot <= 0)) {
    return Invalid("pivot must be positive");
  }
  for (const FeatureOptions& feature : tower.features) {
    const Status status = feature.kind == FeatureKind::kNumber
                              ? ValidateNumber(tower, feature)
                              : ValidateBag(options, tower, feature);
    if (!status.ok()) return status.WithContext("feature \"" + feature.name + "\"");
  }
  return Status();
}

Status ValidateLoss(const LossOptions& loss) {
  if (!std::isfinite(loss.temperature) || loss.temperature <= 0) {
    return Invalid("loss: temperature must be positive");
  }
  if (!std::isfinite(loss.negative_weight) || loss.negative_weight < 0) {
    return Invalid("loss: negative_weight must be 0 or more");
  }
  if (!std::isfinite(loss.logq) || loss.logq < 0) {
    return Invalid("loss: logq must be 0 or more");
  }
  return Status();
}

}  // namespace

Status ValidateOptions(const TwoTowerOptions& options) {
  for (const RowTableOptions& table : options.tables) SKY_RETURN_IF_ERROR(ValidateTable(table));
  if (const Status status = ValidateTower(options, options.query); !status.ok()) {
    return status.WithContext("query tower");
  }
  if (const Status status = ValidateTower(options, options.candidate); !status.ok()) {
    return status.WithContext("candidate tower");
  }
  if (options.query.dim != options.candidate.dim) {
    return Invalid("the query tower has dim " + std::to_string(options.query.dim) +
                   ", the candidate tower " + std::to_string(options.candidate.dim) +
                   ": they must agree");
  }
  return ValidateLoss(options.loss);
}

}  // namespace skybridge::model
