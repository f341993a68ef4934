// SPDX-License-Identifier: Apache-2.0
#include "model/token_weights.h"

#include "tests/model/gradient_check.h"

namespace skybridge::model {
namespace {

TEST(TokenWeightsTest, IdfIsTheRootOfBm25s) {
  const std::vector<uint32_t> counts{0, 1, 17, 1000};
  const std::vector<float> idf = InverseDocumentFrequencies(counts, 1000);
  for (size_t i = 0; i < counts.size(); ++i) {
    const double df = counts[i];
    EXPECT_NEAR(idf[i], std::sqrt(std::log(1 + (1000 - df + 0.5) / (df + 0.5)) / 8), 1e-6) << df;
  }
}

TEST(TokenWeightsTest, MoreSightingsThanDocumentsWeighNothing) {
  EXPECT_EQ(InverseDocumentFrequencies(std::vector<uint32_t>{50}, 10)[0], 0.0f);
  EXPECT_EQ(InverseDocumentFrequencies(std::vector<uint32_t>{5}, 0)[0], 0.0f);
}

// Entry 2's factor is clamped; entries 0 and 3 share a row of both tables.
struct TokenCase {
  TokenEntries entries() const { return {occurrences, delta_rows, idf_rows}; }
  std::vector<float> occurrences{1.0f, 0.4f, 2.0f, 1.5f};
  std::vector<uint32_t> delta_rows{1, 0, 2, 1};
  std::vector<uint32_t> idf_rows{2, 1, 0, 2};
  std::vector<float> idf{0.3f, 0.5f, 0.9f};
  std::vector<float> deltas{0.1f, -0.2f, -0.7f};
};

TEST(TokenWeightsTest, WeightIsOccurrenceTimesTheClampedFactor) {
  const TokenCase c;
  const std::vector<float> weights = TokenWeights(c.entries(), c.idf, c.deltas);
  EXPECT_NEAR(weights[0], 1.0f * 0.7f, 1e-6f);
  EXPECT_NEAR(weights[1], 0.4f * 0.6f, 1e-6f);
  EXPECT_EQ(weights[2], 0.0f);
  EXPECT_NEAR(weights[3], 1.5f * 0.7f, 1e-6f);
}

TEST(TokenWeightsTest, DeltaGradientIsZeroWhereClamped) {
  TokenCase c;
  Rng rng(1, Purpose::kTest);
  const std::vector<float> upstream = RandomNumbers(4, rng);
  std::vector<float> gradient(3);
  AddDeltaGradient(c.entries(), c.idf, c.deltas, upstream, gradient);
  EXPECT_EQ(gradient[2], 0.0f);
  ExpectGradient([&] { return WeightedSum(TokenWeights(c.entries(), c.idf, c.deltas), upstream); },
                 c.deltas, gradient);
}

TEST(TokenWeightsTest, DeltaGradientAddsToWhatIsThere) {
  const TokenCase c;
  const std::vector<float> upstream{1, 1, 1, 1};
  std::vector<float> gradient{10, 10, 10};
  AddDeltaGradient(c.entries(), c.idf, c.deltas, upstream, gradient);
  EXPECT_EQ(gradient, (std::vector<float>{10.4f, 12.5f, 10}));
}

}  // namespace
}  // namespace skybridge::model
