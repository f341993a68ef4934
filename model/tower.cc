// SPDX-License-Identifier: Apache-2.0
#include "model/tower.h"

#include <algorithm>

#include "model/bag.h"
#include "model/row_norm.h"
#include "model/token_weights.h"

namespace skybridge::model {
namespace {

// Larger ones would make norms overflow, and vectors of zeros of that.
constexpr float kNumberMax = 1e6f;

const ParameterView& ViewOf(const Parameters& parameters, TableId table) {
  return parameters.tables[Number(table)];
}

// The entries' weights are learned ones, if there are any.
Bags BagsOf(const FeatureInput& input, const std::vector<float>& learned) {
  return {input.offsets, input.rows,
          learned.empty() ? input.weights : std::span<const float>(learned)};
}

TokenEntries TokensOf(const FeatureInput& input) {
  return {input.weights, input.weight_rows, input.count_rows};
}

void CheckRows(std::span<const uint32_t> rows, size_t entries, size_t rows_total,
               const std::string& feature) {
  CHECK_EQ(rows.size(), entries) << feature;
  const uint32_t highest = rows.empty() ? 0 : *std::ranges::max_element(rows);
  CHECK(rows.empty() || highest < rows_total) << feature << ": row " << highest;
}

void CheckBag(const FeatureInput& input, uint32_t count, const std::string& feature) {
  CHECK_EQ(input.offsets.size(), size_t{count} + 1) << feature;
  CHECK_EQ(input.offsets[0], 0u) << feature;
  CHECK(std::ranges::is_sorted(input.offsets)) << feature;
  CHECK_EQ(input.weights.size(), input.offsets[count]) << feature;
}

float PivotOf(const TowerOptions& options) {
  return options.norm == Norm::kPivoted ? options.pivot : 0.0f;
}

}  // namespace

Tower::Tower(const TwoTowerOptions& options, const TablePlan& plan, Side side)
    : options_(TowerOf(options, side)),
      dense_(plan.dense[static_cast<size_t>(side)]),
      input_width_(InputWidth(options, side)) {
  size_t column = 0;
  for (size_t f = 0; f < options_.features.size(); ++f) {
    const FeatureOptions& feature = options_.features[f];
    const size_t width =
        feature.kind == FeatureKind::kBag ? RowTableOf(options, feature.table).dim : 1;
    features_.push_back({feature, plan.features[static_cast<size_t>(side)][f], width, column});
    column += width;
  }
  if (!options_.hidden.empty()) {
    mlp_.emplace(MlpOptions{.in = input_width_,
                            .hidden = options_.hidden,
                            .layer_norm = options_.layer_norm,
                            .out = options_.dim});
  }
}

void Tower::CheckInput(const TowerInput& input, const Parameters& parameters) const {
  CHECK_EQ(input.features.size(), features_.size());
  for (size_t f = 0; f < features_.size(); ++f) {
    const Feature& feature = features_[f];
    const FeatureInput& from = input.features[f];
    const std::string& name = feature.options.name;
    if (feature.options.kind == FeatureKind::kNumber) {
      CHECK_EQ(from.numbers.size(), input.count) << name;
      continue;
    }
    CheckBag(from, input.count, name);
    const size_t entries = from.weights.size();
    CheckRows(from.rows, entries,
              ViewOf(parameters, *feature.tables.rows).values.size() / feature.width, name);
    if (!feature.tables.weights) continue;
    CheckRows(from.weight_rows, entries, ViewOf(parameters, *feature.tables.weights).values.size(),
              name);
    CheckRows(from.count_rows, entries, ViewOf(parameters, *feature.tables.counts).counts.size(),
              name);
  }
}

void Tower::WeighEntries(const TowerInput& input, const Parameters& parameters,
                         TowerPass* pass) const {
  pass->idf.resize(features_.size());
  pass->entry_weights.resize(features_.size());
  for (size_t f = 0; f < features_.size(); ++f) {
    const FeatureTables& tables = features_[f].tables;
    if (!tables.weights) continue;
    pass->idf[f] = InverseDocumentFrequencies(ViewOf(parameters, *tables.counts).counts,
                                              parameters.candidates_total);
    pass->entry_weights[f] = TokenWeights(TokensOf(input.features[f]), pass->idf[f],
                                          ViewOf(parameters, *tables.weights).values);
  }
}

void Tower::PoolFeature(size_t f, const TowerInput& input, const Parameters& parameters,
                        const TowerPass& pass, Into into, MatrixView out) const {
  const Feature& feature = features_[f];
  const FeatureInput& from = input.features[f];
  if (feature.options.kind == FeatureKind::kNumber) {
    const float center = feature.options.center;
    const float inverse_scale = 1.0f / feature.options.scale;
    for (size_t b = 0; b < out.rows; ++b) {
      *out.row(b) = std::clamp((from.numbers[b] - center) * inverse_scale, -kNumberMax, kNumberMax);
    }
    return;
  }
  PoolBags(BagsOf(from, pass.entry_weights[f]),
           RowsOf(ViewOf(parameters, *feature.tables.rows).values, feature.width), into, out);
}

TowerPass Tower::Forward(const TowerInput& input, const Parameters& parameters) const {
  CheckInput(input, parameters);
  TowerPass pass;
  pass.output = Matrix(input.count, options_.dim);
  WeighEntries(input, parameters, &pass);
  if (mlp_) {
    pass.concatenated = Matrix(input.count, input_width_);
    const MatrixView wide = pass.concatenated.view();
    for (size_t f = 0; f < features_.size(); ++f) {
      PoolFeature(f, input, parameters, pass, Into::kOverwrite,
                  wide.ColumnSlice(features_[f].column, features_[f].width));
    }
    pass.layers = mlp_->Forward(wide, TensorsOf(parameters), pass.output.view());
  } else {
    for (size_t f = 0; f < features_.size(); ++f) {
      PoolFeature(f, input, parameters, pass, f == 0 ? Into::kOverwrite : Into::kAdd,
                  pass.output.view());
    }
  }
  if (options_.norm != Norm::kNone) {
    pass.inverse_norms = RowNormForward(PivotOf(options_), pass.output.view());
  }
  return pass;
}

void Tower::ScatterFeature(size_t f, const TowerInput& input, const Parameters& parameters,
                           const TowerPass& pass, ConstMatrixView gradient,
                           Gradients* gradients) const {
  const Feature& feature = features_[f];
  if (feature.options.kind == FeatureKind::kNumber) return;
  const FeatureInput& from = input.features[f];
  const Bags bags = BagsOf(from, pass.entry_weights[f]);
  const uint32_t rows = Number(*feature.tables.rows);
  ScatterBags(bags, gradient, RowsOf(std::span<float>(gradients->tables[rows]), feature.width));
  if (!feature.tables.weights) return;
  std::vector<float> weight_gradient(bags.weights.size());
  BagWeightGradient(bags, RowsOf(parameters.tables[rows].values, feature.width), gradient,
                    weight_gradient);
  AddDeltaGradient(TokensOf(from), pass.idf[f], ViewOf(parameters, *feature.tables.weights).values,
                   weight_gradient, gradients->tables[Number(*feature.tables.weights)]);
}

void Tower::Backward(const TowerInput& input, const Parameters& parameters, const TowerPass& pass,
                     MatrixView vector_gradient, Gradients* gradients) const {
  CHECK_EQ(vector_gradient.rows, input.count);
  if (options_.norm != Norm::kNone) {
    RowNormBackward(pass.output.view(), pass.inverse_norms, vector_gradient);
  }
  if (!mlp_) {
    for (size_t f = 0; f < features_.size(); ++f) {
      ScatterFeature(f, input, parameters, pass, vector_gradient, gradients);
    }
    return;
  }
  Matrix wide(input.count, input_width_);
  mlp_->Backward(pass.concatenated.view(), pass.layers, TensorsOf(parameters), vector_gradient,
                 TensorGradientsOf(gradients), wide.view());
  for (size_t f = 0; f < features_.size(); ++f) {
    ScatterFeature(f, input, parameters, pass,
                   wide.view().ColumnSlice(features_[f].column, features_[f].width), gradients);
  }
}

Mlp::Tensors Tower::TensorsOf(const Parameters& parameters) const {
  Mlp::Tensors tensors;
  for (size_t i = 0; i < dense_.size(); ++i) {
    const std::span<const float> blocks = ViewOf(parameters, dense_[i]).values;
    CHECK_GE(blocks.size(), mlp_->tensors()[i].size) << mlp_->tensors()[i].name;
    tensors.push_back(blocks.first(mlp_->tensors()[i].size));
  }
  return tensors;
}

Mlp::TensorGradients Tower::TensorGradientsOf(Gradients* gradients) const {
  Mlp::TensorGradients tensors;
  for (size_t i = 0; i < dense_.size(); ++i) {
    const std::span<float> blocks = gradients->tables[Number(dense_[i])];
    tensors.push_back(blocks.first(mlp_->tensors()[i].size));
  }
  return tensors;
}

}  // namespace skybridge::model
