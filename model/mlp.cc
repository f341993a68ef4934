// SPDX-License-Identifier: Apache-2.0
#include "model/mlp.h"

#include <cmath>
#include <utility>

#include "model/linear.h"
#include "model/relu.h"

namespace skybridge::model {

Mlp::Mlp(MlpOptions options) : options_(std::move(options)) {
  size_t in = options_.in;
  for (size_t i = 0; i <= options_.hidden.size(); ++i) {
    const bool last = i == options_.hidden.size();
    const size_t out = last ? options_.out : options_.hidden[i];
    const std::string name = "layer" + std::to_string(i);
    layers_.push_back({in, out, tensors_.size()});
    tensors_.push_back({.name = name + "/weight",
                        .size = in * out,
                        .init_stddev = std::sqrt(2.0f / static_cast<float>(in))});
    tensors_.push_back({.name = name + "/bias", .size = out});
    if (!last && options_.layer_norm) {
      tensors_.push_back({.name = name + "/gain", .size = out, .init_constant = 1});
      tensors_.push_back({.name = name + "/shift", .size = out});
    }
    in = out;
  }
}

MlpPass Mlp::Forward(ConstMatrixView input, const Tensors& tensors, MatrixView output) const {
  CHECK_EQ(tensors.size(), tensors_.size());
  MlpPass pass;
  ConstMatrixView x = input;
  for (const Layer& layer : layers_) {
    const bool last = &layer == &layers_.back();
    if (!last) pass.outputs.emplace_back(x.rows, layer.out);
    const MatrixView y = last ? output : pass.outputs.back().view();
    LinearForward(x, RowsOf(tensors[layer.weight], layer.out), tensors[layer.weight + 1], y);
    if (last) break;
    if (options_.layer_norm) {
      pass.norms.push_back(
          LayerNormForward(tensors[layer.weight + 2], tensors[layer.weight + 3], y));
    }
    ReluForward(y);
    x = y;
  }
  return pass;
}

void Mlp::Backward(ConstMatrixView input, const MlpPass& pass, const Tensors& tensors,
                   ConstMatrixView output_gradient, const TensorGradients& gradients,
                   MatrixView input_gradient) const {
  CHECK_EQ(gradients.size(), tensors_.size());
  Matrix above;  // Gradient of the layer's output; owns what `dy` refers to below the last layer.
  ConstMatrixView dy = output_gradient;
  for (size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    const ConstMatrixView x = i == 0 ? input : pass.outputs[i - 1].view();
    LinearBackward(x, dy, RowsOf(gradients[layer.weight], layer.out), gradients[layer.weight + 1]);
    const ConstMatrixView weight = RowsOf(tensors[layer.weight], layer.out);
    if (i == 0) {
      LinearInputGradient(dy, weight, input_gradient);
      return;
    }
    Matrix dx(x.rows, x.cols);
    LinearInputGradient(dy, weight, dx.view());
    ReluBackward(x, dx.view());
    if (options_.layer_norm) {
      const size_t gain = layers_[i - 1].weight + 2;
      LayerNormBackward(pass.norms[i - 1], tensors[gain], dx.view(),
                        {gradients[gain], gradients[gain + 1]});
    }
    above = std::move(dx);
    dy = std::as_const(above).view();
  }
}

}  // namespace skybridge::model
