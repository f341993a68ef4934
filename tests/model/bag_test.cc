// SPDX-License-Identifier: Apache-2.0
#include "model/bag.h"

#include "tests/model/gradient_check.h"

namespace skybridge::model {
namespace {

// Three examples over four rows of width d; the second bag is empty, row 1 is in two of them.
struct BagCase {
  explicit BagCase(size_t d) : width(d), rng(d, Purpose::kTest) {
    table = RandomNumbers(4 * d, rng);
    upstream = RandomNumbers(3 * d, rng);
  }
  Bags bags() const { return {offsets, rows, weights}; }
  std::vector<float> Pooled() const {
    std::vector<float> out(3 * width, 99.0f);
    PoolBags(bags(), RowsOf(std::span<const float>(table), width), Into::kOverwrite,
             RowsOf(std::span<float>(out), width));
    return out;
  }
  double Loss() const { return WeightedSum(Pooled(), upstream); }

  size_t width;
  Rng rng;
  std::vector<uint32_t> offsets{0, 3, 3, 5};
  std::vector<uint32_t> rows{1, 0, 3, 2, 1};
  std::vector<float> weights{0.5f, 2.0f, -1.0f, 0.25f, 1.5f};
  std::vector<float> table;
  std::vector<float> upstream;
};

TEST(BagTest, PoolsTheWeightedSumOfEachBagAtEveryWidth) {
  for (const size_t d : {1, 3, 8, 16, 63, 64, 65, 72, 130, 256}) {
    const BagCase c(d);
    const std::vector<float> out = c.Pooled();
    for (size_t i = 0; i < d; ++i) {
      const auto row = [&](size_t r) { return c.table[r * d + i]; };
      EXPECT_NEAR(out[i], 0.5f * row(1) + 2 * row(0) - row(3), 1e-5f) << d;
      EXPECT_EQ(out[d + i], 0.0f) << "an empty bag is zero";
      EXPECT_NEAR(out[2 * d + i], 0.25f * row(2) + 1.5f * row(1), 1e-5f) << d;
    }
  }
}

TEST(BagTest, AddsToWhatIsThereIfAsked) {
  for (const size_t d : {5, 64, 100}) {
    const BagCase c(d);
    const std::vector<float> alone = c.Pooled();
    std::vector<float> out(3 * d, 10.0f);
    PoolBags(c.bags(), RowsOf(std::span<const float>(c.table), d), Into::kAdd,
             RowsOf(std::span<float>(out), d));
    for (size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], 10 + alone[i], 1e-5f);
  }
}

TEST(BagTest, ScatterIsTheGradientOfTheTable) {
  for (const size_t d : {3, 64, 70}) {
    BagCase c(d);
    std::vector<float> gradient(4 * d);
    ScatterBags(c.bags(), RowsOf(std::span<const float>(c.upstream), d),
                RowsOf(std::span<float>(gradient), d));
    ExpectGradient([&] { return c.Loss(); }, c.table, gradient);
  }
}

TEST(BagTest, ScatterAddsInTheOrderOfExamplesAndEntries) {
  // Rounding shows the order: (1 + 2^-24) + 2^-24 = 1, but 1 + (2^-24 + 2^-24) > 1.
  const std::vector<uint32_t> offsets{0, 1, 2, 3};
  const std::vector<uint32_t> rows{0, 0, 0};
  const std::vector<float> weights{1.0f, 1.0f, 1.0f};
  const std::vector<float> upstream{1.0f, 0x1p-24f, 0x1p-24f};
  std::vector<float> gradient{0};
  ScatterBags({offsets, rows, weights}, RowsOf(std::span<const float>(upstream), 1),
              RowsOf(std::span<float>(gradient), 1));
  EXPECT_EQ(gradient[0], 1.0f);
}

TEST(BagTest, WeightGradientIsTheGradientOfTheWeights) {
  BagCase c(19);
  std::vector<float> gradient(c.weights.size(), 99.0f);
  BagWeightGradient(c.bags(), RowsOf(std::span<const float>(c.table), c.width),
                    RowsOf(std::span<const float>(c.upstream), c.width), gradient);
  ExpectGradient([&] { return c.Loss(); }, c.weights, gradient);
}

}  // namespace
}  // namespace skybridge::model
