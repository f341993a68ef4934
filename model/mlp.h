// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/layer_norm.h"
#include "model/matrix.h"

namespace skybridge::model {

struct MlpOptions {
  size_t in = 0;
  std::vector<uint32_t> hidden;
  bool layer_norm = false;  // Before each hidden layer's ReLU.
  size_t out = 0;
};

// One tensor of parameters.
struct TensorSpec {
  std::string name;  // "layer<i>/weight", "/bias", "/gain" or "/shift".
  size_t size = 0;
  float init_stddev = 0;
  float init_constant = 0;
};

// What Mlp::Backward needs of Forward.
struct MlpPass {
  std::vector<Matrix> outputs;       // Of each hidden layer, [B, width].
  std::vector<LayerNormPass> norms;  // Of each hidden layer, if layer_norm.
};

// Hidden layers (Linear, LayerNorm if asked, ReLU) and a last Linear. Weights start as He et al.
// (2015) say, biases at 0, LayerNorm's gain at 1 and shift at 0. Immutable; holds no parameters.
class Mlp {
 public:
  using Tensors = std::vector<std::span<const float>>;
  using TensorGradients = std::vector<std::span<float>>;

  explicit Mlp(MlpOptions options);

  // Layer by layer; weight [in, out] row-major, then bias [out], then gain and shift [out].
  const std::vector<TensorSpec>& tensors() const { return tensors_; }

  //   input [B, in]   output [B, out], written
  MlpPass Forward(ConstMatrixView input, const Tensors& tensors, MatrixView output) const;

  //   output_gradient  [B, out]
  //   gradients        of each tensor, overwritten
  //   input_gradient   [B, in], written
  void Backward(ConstMatrixView input, const MlpPass& pass, const Tensors& tensors,
                ConstMatrixView output_gradient, const TensorGradients& gradients,
                MatrixView input_gradient) const;

 private:
  struct Layer {
    size_t in;
    size_t out;
    size_t weight;  // Position in tensors_; bias, gain and shift follow.
  };

  const MlpOptions options_;
  std::vector<Layer> layers_;
  std::vector<TensorSpec> tensors_;
};

}  // namespace skybridge::model
