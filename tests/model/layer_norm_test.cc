// SPDX-License-Identifier: Apache-2.0
#include "model/layer_norm.h"

#include "tests/model/gradient_check.h"

namespace skybridge::model {
namespace {

constexpr size_t kBatch = 4;
constexpr size_t kWidth = 11;

struct NormCase {
  NormCase() : rng(1, Purpose::kTest) {
    x = RandomNumbers(kBatch * kWidth, rng);
    gain = RandomNumbers(kWidth, rng);
    shift = RandomNumbers(kWidth, rng);
    upstream = RandomNumbers(kBatch * kWidth, rng);
  }
  double Loss() const {
    std::vector<float> y = x;
    (void)LayerNormForward(gain, shift, RowsOf(std::span<float>(y), kWidth));
    return WeightedSum(y, upstream);
  }

  Rng rng;
  std::vector<float> x, gain, shift, upstream;
};

TEST(LayerNormTest, RowsGetMeanZeroAndVarianceOne) {
  NormCase c;
  const std::vector<float> ones(kWidth, 1.0f), zeros(kWidth, 0.0f);
  (void)LayerNormForward(ones, zeros, RowsOf(std::span<float>(c.x), kWidth));
  for (size_t b = 0; b < kBatch; ++b) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < kWidth; ++i) {
      const double value = static_cast<double>(c.x[b * kWidth + i]);
      sum += value;
      squares += value * value;
    }
    EXPECT_NEAR(sum, 0, 1e-5);
    EXPECT_NEAR(squares / kWidth, 1, 1e-3);
  }
}

TEST(LayerNormTest, AConstantRowBecomesTheShift) {
  NormCase c;
  std::ranges::fill(c.x, 2.5f);
  (void)LayerNormForward(c.gain, c.shift, RowsOf(std::span<float>(c.x), kWidth));
  for (size_t i = 0; i < c.x.size(); ++i) EXPECT_EQ(c.x[i], c.shift[i % kWidth]);
}

TEST(LayerNormTest, GradientsAreRight) {
  NormCase c;
  std::vector<float> y = c.x;
  const LayerNormPass pass = LayerNormForward(c.gain, c.shift, RowsOf(std::span<float>(y), kWidth));
  std::vector<float> dx = c.upstream;
  std::vector<float> dgain(kWidth, 99.0f), dshift(kWidth, 99.0f);
  LayerNormBackward(pass, c.gain, RowsOf(std::span<float>(dx), kWidth), {dgain, dshift});
  const auto loss = [&] { return c.Loss(); };
  ExpectGradient(loss, c.gain, dgain);
  ExpectGradient(loss, c.shift, dshift);
  ExpectGradient(loss, c.x, dx);
}

}  // namespace
}  // namespace skybridge::model
