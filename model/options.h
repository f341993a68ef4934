// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/table_spec.h"

namespace skybridge::model {

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
  bool in_batch = true;  // Other examples' candidates count as negatives.
  float logq = 1;        // Exponent of the sampling correction.
};

struct TwoTowerOptions {
  TowerOptions query;
  TowerOptions candidate;
  std::vector<RowTableOptions> tables;
  LossOptions loss;
};

}  // namespace skybridge::model
