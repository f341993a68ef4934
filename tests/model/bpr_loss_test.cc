// SPDX-License-Identifier: Apache-2.0
#include "model/bpr_loss.h"

#include "tests/model/score_case.h"

namespace skybridge::model {
namespace {

constexpr float kTemperature = 0.5f;

// One sampled negative for each positive, now and then the positive itself.
std::vector<uint32_t> SampleNegatives(const ScoreCase& c) {
  Rng rng(7, Purpose::kTest);
  std::vector<uint32_t> sampled(c.positives.size());
  for (uint32_t& row : sampled) row = static_cast<uint32_t>(rng.Below(c.Count()));
  sampled.back() = c.positives.back().candidate;
  return sampled;
}

TEST(BprLossTest, SumOfTheCostsAgreesWithItsNaiveTwin) {
  for (const size_t d : {1, 8, 37}) {
    ScoreCase c(20, 11, d, d);
    const std::vector<uint32_t> sampled = SampleNegatives(c);
    EXPECT_NEAR(BprLoss(kTemperature, c.batch(), sampled, 1, c.gradients()),
                NaiveBprLoss(kTemperature, c, sampled), 1e-4)
        << d;
  }
}

TEST(BprLossTest, GradientsAreThoseOfTheScaledMean) {
  constexpr float kScale = 3;
  ScoreCase c(6, 9, 5, 1);
  const std::vector<uint32_t> sampled = SampleNegatives(c);
  (void)BprLoss(kTemperature, c.batch(), sampled, kScale, c.gradients());
  c.ExpectGradients([&] {
    return static_cast<double>(kScale) * NaiveBprLoss(kTemperature, c, sampled) /
           static_cast<double>(c.positives.size());
  });
}

TEST(BprLossTest, WhoTakesNoPartHasNoGradient) {
  ScoreCase c(1, {1, 2}, {1, 2, 3, 4}, {{1, 2}});
  (void)BprLoss(kTemperature, c.batch(), std::vector<uint32_t>{0}, 1, c.gradients());
  EXPECT_EQ(c.query_gradient[0], 0.0f);
  EXPECT_NE(c.query_gradient[1], 0.0f);
  EXPECT_EQ(c.candidate_gradient[1], 0.0f);
  EXPECT_EQ(c.candidate_gradient[3], 0.0f);
  EXPECT_LT(c.candidate_gradient[2], 0.0f) << "descent must raise the positive's score";
  EXPECT_GT(c.candidate_gradient[0], 0.0f) << "and lower the negative's";
}

TEST(BprLossTest, ExclusionsPlayNoPart) {
  ScoreCase c(6, 9, 5, 1);
  const std::vector<uint32_t> sampled = SampleNegatives(c);
  const double loss = BprLoss(kTemperature, c.batch(), sampled, 1, c.gradients());
  c.excluded = sampled;
  c.excluded_offsets.assign(7, 0);
  c.excluded_offsets.back() = static_cast<uint32_t>(sampled.size());
  EXPECT_EQ(BprLoss(kTemperature, c.batch(), sampled, 1, c.gradients()), loss);
}

TEST(BprLossTest, AHopelessPairCostsItsDistanceAndNotInfinity) {
  ScoreCase c(1, {1}, {-500, 500}, {{0, 0}});
  const double loss = BprLoss(1, c.batch(), std::vector<uint32_t>{1}, 1, c.gradients());
  EXPECT_NEAR(loss, 1000, 1e-2);
  EXPECT_EQ(c.query_gradient[0], 1000.0f);
}

}  // namespace
}  // namespace skybridge::model
