// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "model/inputs.h"
#include "model/mlp.h"
#include "model/options.h"
#include "model/table_plan.h"

namespace skybridge::model {

// What Tower::Backward needs of Forward.
struct TowerPass {
  Matrix output;                        // [B, d] normalised vectors.
  std::vector<float> inverse_norms;     // [B], if the tower normalises.
  Matrix concatenated;                  // [B, in], if it has hidden layers.
  MlpPass layers;                       // Likewise.
  std::vector<std::vector<float>> idf;  // By feature; empty unless its weights are learned.
  std::vector<std::vector<float>> entry_weights;  // Likewise: the weight of each entry.
};

// One tower: features to vectors, and gradients of vectors to gradients of tables. Immutable,
// thread-safe.
class Tower {
 public:
  // `options` have passed ValidateOptions; `plan` is theirs.
  Tower(const TwoTowerOptions& options, const TablePlan& plan, Side side);

  TowerPass Forward(const TowerInput& input, const Parameters& parameters) const;

  // Adds to the gradients of row tables and overwrites those of dense tables. Sums run by feature,
  // then example, then entry.
  //   vector_gradient  [B, d] of TowerPass::output; destroyed
  void Backward(const TowerInput& input, const Parameters& parameters, const TowerPass& pass,
                MatrixView vector_gradient, Gradients* gradients) const;

 private:
  struct Feature {
    FeatureOptions options;
    FeatureTables tables;
    size_t width;   // Numbers it gives.
    size_t column;  // Where they begin in the concatenation.
  };

  void CheckInput(const TowerInput& input, const Parameters& parameters) const;
  // Weighs the entries of features whose weights are learned.
  void WeighEntries(const TowerInput& input, const Parameters& parameters, TowerPass* pass) const;
  void PoolFeature(size_t feature, const TowerInput& input, const Parameters& parameters,
                   const TowerPass& pass, Into into, MatrixView out) const;
  void ScatterFeature(size_t feature, const TowerInput& input, const Parameters& parameters,
                      const TowerPass& pass, ConstMatrixView gradient, Gradients* gradients) const;
  Mlp::Tensors TensorsOf(const Parameters& parameters) const;
  Mlp::TensorGradients TensorGradientsOf(Gradients* gradients) const;

  const TowerOptions options_;
  std::vector<Feature> features_;
  std::vector<TableId> dense_;
  std::optional<Mlp> mlp_;  // Absent: the sum of the features is the vector.
  size_t input_width_;
};

}  // namespace skybridge::model
