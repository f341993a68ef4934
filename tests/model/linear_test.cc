// SPDX-License-Identifier: Apache-2.0
#include "model/linear.h"

#include "tests/model/gradient_check.h"

namespace skybridge::model {
namespace {

constexpr size_t kBatch = 5;
constexpr size_t kIn = 7;
constexpr size_t kOut = 3;

struct LinearCase {
  LinearCase() : rng(1, Purpose::kTest) {
    x = RandomNumbers(kBatch * kIn, rng);
    weight = RandomNumbers(kIn * kOut, rng);
    bias = RandomNumbers(kOut, rng);
    upstream = RandomNumbers(kBatch * kOut, rng);
  }
  std::vector<float> Forward() const {
    std::vector<float> y(kBatch * kOut, 99.0f);
    LinearForward(RowsOf(std::span<const float>(x), kIn),
                  RowsOf(std::span<const float>(weight), kOut), bias,
                  RowsOf(std::span<float>(y), kOut));
    return y;
  }
  double Loss() const { return WeightedSum(Forward(), upstream); }

  Rng rng;
  std::vector<float> x, weight, bias, upstream;
};

TEST(LinearTest, RowOfTheWeightIsWhatOneInputAdds) {
  const LinearCase c;
  const std::vector<float> y = c.Forward();
  for (size_t b = 0; b < kBatch; ++b) {
    for (size_t o = 0; o < kOut; ++o) {
      float expected = c.bias[o];
      for (size_t i = 0; i < kIn; ++i) expected += c.x[b * kIn + i] * c.weight[i * kOut + o];
      EXPECT_NEAR(y[b * kOut + o], expected, 1e-5f);
    }
  }
}

TEST(LinearTest, GradientsAreRight) {
  LinearCase c;
  std::vector<float> dweight(c.weight.size(), 99.0f), dbias(kOut, 99.0f), dx(c.x.size(), 99.0f);
  const ConstMatrixView dy = RowsOf(std::span<const float>(c.upstream), kOut);
  LinearBackward(RowsOf(std::span<const float>(c.x), kIn), dy,
                 RowsOf(std::span<float>(dweight), kOut), dbias);
  LinearInputGradient(dy, RowsOf(std::span<const float>(c.weight), kOut),
                      RowsOf(std::span<float>(dx), kIn));
  const auto loss = [&] { return c.Loss(); };
  ExpectGradient(loss, c.weight, dweight);
  ExpectGradient(loss, c.bias, dbias);
  ExpectGradient(loss, c.x, dx);
}

}  // namespace
}  // namespace skybridge::model
