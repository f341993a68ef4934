// SPDX-License-Identifier: Apache-2.0
#include "data/zipf.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::data {
namespace {

TEST(ZipfTest, ProbabilityFollowsThePowerOfTheRank) {
  for (const double exponent : {0.0, 0.5, 1.0, 1.7}) {
    const Zipf zipf(50, exponent);
    double sum = 0;
    for (uint64_t rank = 0; rank < 50; ++rank) {
      const double rank_power = std::pow(static_cast<double>(rank + 1), -exponent);
      EXPECT_NEAR(zipf.probability(rank) / zipf.probability(0), rank_power, 1e-9);
      sum += zipf.probability(rank);
    }
    EXPECT_NEAR(sum, 1, 1e-12);
  }
}

TEST(ZipfTest, DrawsComeAsOftenAsTheirProbabilitySays) {
  constexpr int kDraws = 200000;
  const Zipf zipf(20, 1.0);
  Rng rng(1, Purpose::kTest);
  std::vector<int> seen(20);
  for (int i = 0; i < kDraws; ++i) ++seen.at(zipf.Draw(rng));
  for (uint64_t rank = 0; rank < 20; ++rank) {
    const double expected = kDraws * zipf.probability(rank);
    EXPECT_NEAR(seen[rank], expected, 5 * std::sqrt(expected)) << rank;
  }
}

TEST(ZipfTest, OneRankIsAlwaysDrawn) {
  const Zipf zipf(1, 3.0);
  Rng rng(1, Purpose::kTest);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(zipf.Draw(rng), 0u);
  EXPECT_EQ(zipf.probability(0), 1);
}

}  // namespace
}  // namespace skybridge::data
