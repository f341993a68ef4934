// SPDX-License-Identifier: Apache-2.0
#include "model/table_plan.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "model/mlp.h"

namespace skybridge::model {
namespace {

constexpr Side kSides[] = {Side::kQuery, Side::kCandidate};

std::string NameOf(Side side) { return side == Side::kQuery ? "query" : "candidate"; }

size_t Position(Side side) { return static_cast<size_t>(side); }

// Builds the list in the order that TwoTower::tables promises.
class Planner {
 public:
  explicit Planner(const TwoTowerOptions& options) : options_(options) {}

  TablePlan Plan() && {
    AddRows();
    for (const Side side : kSides) BindRows(side);
    for (const Side side : kSides) AddWeights(side);
    AddCounts();
    const LossOptions& loss = options_.loss;
    if (loss.kind == LossKind::kSoftmax && loss.in_batch && loss.logq > 0) {
      plan_.candidate_counts =
          Add({.name = "candidate_counts", .kind = TableKind::kCounts, .dim = 0});
    }
    for (const Side side : kSides) AddDense(side);
    return std::move(plan_);
  }

 private:
  TableId Add(TableSpec spec) {
    plan_.specs.push_back(std::move(spec));
    return TableId(static_cast<uint32_t>(plan_.specs.size() - 1));
  }

  void AddRows() {
    for (const RowTableOptions& table : options_.tables) {
      Add({.name = table.name,
           .dim = table.dim,
           .init_stddev = table.init_stddev,
           .optimizer = table.optimizer});
    }
  }

  void BindRows(Side side) {
    for (const FeatureOptions& feature : TowerOf(options_, side).features) {
      FeatureTables tables;
      if (feature.kind == FeatureKind::kBag) {
        const auto at = std::ranges::find(options_.tables, feature.table, &RowTableOptions::name);
        tables.rows = TableId(static_cast<uint32_t>(at - options_.tables.begin()));
      }
      plan_.features[Position(side)].push_back(tables);
    }
  }

  void AddWeights(Side side) {
    const auto& features = TowerOf(options_, side).features;
    for (size_t f = 0; f < features.size(); ++f) {
      if (!features[f].learned_weights) continue;
      plan_.features[Position(side)][f].weights =
          Add({.name = NameOf(side) + "/" + features[f].name + "/weights",
               .dim = 1,
               .optimizer = features[f].weights_optimizer});
    }
  }

  // One counts table per row table, whichever features share it.
  void AddCounts() {
    for (size_t row_table = 0; row_table < options_.tables.size(); ++row_table) {
      std::optional<TableId> counts;
      for (auto& features : plan_.features) {
        for (FeatureTables& feature : features) {
          if (!feature.weights || Number(*feature.rows) != row_table) continue;
          if (!counts) {
            counts = Add({.name = options_.tables[row_table].name + "/counts",
                          .kind = TableKind::kCounts,
                          .dim = 0});
          }
          feature.counts = counts;
        }
      }
    }
  }

  void AddDense(Side side) {
    const TowerOptions& tower = TowerOf(options_, side);
    if (tower.hidden.empty()) return;
    const Mlp mlp({.in = InputWidth(options_, side),
                   .hidden = tower.hidden,
                   .layer_norm = tower.layer_norm,
                   .out = tower.dim});
    for (const TensorSpec& tensor : mlp.tensors()) {
      plan_.dense[Position(side)].push_back(Add({.name = NameOf(side) + "/" + tensor.name,
                                                 .kind = TableKind::kDense,
                                                 .dim = kDenseBlock,
                                                 .dense_size = tensor.size,
                                                 .init_stddev = tensor.init_stddev,
                                                 .init_constant = tensor.init_constant,
                                                 .optimizer = tower.optimizer}));
    }
  }

  const TwoTowerOptions& options_;
  TablePlan plan_;
};

}  // namespace

Result<TablePlan> TablePlan::Create(const TwoTowerOptions& options) {
  TablePlan plan = Planner(options).Plan();
  std::set<std::string> names;
  for (const TableSpec& spec : plan.specs) {
    if (names.insert(spec.name).second) continue;
    return Status(StatusCode::kInvalidArgument,
                  "two tables would be called \"" + spec.name + "\": rename a table or feature");
  }
  return plan;
}

const RowTableOptions& RowTableOf(const TwoTowerOptions& options, const std::string& name) {
  const auto at = std::ranges::find(options.tables, name, &RowTableOptions::name);
  CHECK(at != options.tables.end()) << name;
  return *at;
}

size_t InputWidth(const TwoTowerOptions& options, Side side) {
  size_t width = 0;
  for (const FeatureOptions& feature : TowerOf(options, side).features) {
    width += feature.kind == FeatureKind::kBag ? RowTableOf(options, feature.table).dim : 1;
  }
  return width;
}

}  // namespace skybridge::model
