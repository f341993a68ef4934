// SPDX-License-Identifier: Apache-2.0
#include "model/mlp.h"

#include "tests/model/gradient_check.h"

namespace skybridge::model {
namespace {

constexpr size_t kBatch = 6;
const MlpOptions kOptions{.in = 5, .hidden = {7, 4}, .layer_norm = true, .out = 3};

struct MlpCase {
  explicit MlpCase(MlpOptions options) : out(options.out), in(options.in), mlp(options) {
    Rng rng(3, Purpose::kTest);
    x = RandomNumbers(kBatch * in, rng);
    upstream = RandomNumbers(kBatch * out, rng);
    for (const TensorSpec& tensor : mlp.tensors()) {
      tensors.push_back(RandomNumbers(tensor.size, rng, 0.5f));
    }
  }
  Mlp::Tensors views() const { return {tensors.begin(), tensors.end()}; }
  double Loss() const {
    std::vector<float> y(kBatch * out);
    (void)mlp.Forward(RowsOf(std::span<const float>(x), in), views(),
                      RowsOf(std::span<float>(y), out));
    return WeightedSum(y, upstream);
  }

  size_t out;
  size_t in;
  Mlp mlp;
  std::vector<float> x, upstream;
  std::vector<std::vector<float>> tensors;
};

TEST(MlpTest, TensorsComeLayerByLayerWithTheirFirstValues) {
  const Mlp mlp(kOptions);
  std::vector<std::string> names;
  for (const TensorSpec& tensor : mlp.tensors()) names.push_back(tensor.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"layer0/weight", "layer0/bias", "layer0/gain", "layer0/shift",
                                      "layer1/weight", "layer1/bias", "layer1/gain", "layer1/shift",
                                      "layer2/weight", "layer2/bias"}));
  EXPECT_EQ(mlp.tensors()[4].size, 7u * 4u);
  EXPECT_NEAR(mlp.tensors()[4].init_stddev, std::sqrt(2.0 / 7), 1e-6);
  EXPECT_EQ(mlp.tensors()[5].init_stddev, 0.0f);
  EXPECT_EQ(mlp.tensors()[5].init_constant, 0.0f);
  EXPECT_EQ(mlp.tensors()[6].init_constant, 1.0f);
  EXPECT_EQ(mlp.tensors()[7].init_constant, 0.0f);
}

TEST(MlpTest, GradientsOfAllTensorsAndOfTheInputAreRight) {
  for (const bool layer_norm : {false, true}) {
    MlpOptions options = kOptions;
    options.layer_norm = layer_norm;
    MlpCase c(options);
    std::vector<float> y(kBatch * c.out), dx(c.x.size(), 99.0f);
    const MlpPass pass = c.mlp.Forward(RowsOf(std::span<const float>(c.x), c.in), c.views(),
                                       RowsOf(std::span<float>(y), c.out));
    std::vector<std::vector<float>> gradients;
    for (const auto& tensor : c.tensors) gradients.emplace_back(tensor.size(), 99.0f);
    c.mlp.Backward(RowsOf(std::span<const float>(c.x), c.in), pass, c.views(),
                   RowsOf(std::span<const float>(c.upstream), c.out),
                   {gradients.begin(), gradients.end()}, RowsOf(std::span<float>(dx), c.in));
    const auto loss = [&] { return c.Loss(); };
    for (size_t t = 0; t < c.tensors.size(); ++t) {
      SCOPED_TRACE(c.mlp.tensors()[t].name);
      ExpectGradient(loss, c.tensors[t], gradients[t], 2e-2);  // Wide: the step may cross a kink.
    }
    ExpectGradient(loss, c.x, dx, 2e-2);
  }
}

}  // namespace
}  // namespace skybridge::model
