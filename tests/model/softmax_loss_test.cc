// SPDX-License-Identifier: Apache-2.0
#include "model/softmax_loss.h"

#include "tests/model/score_case.h"

namespace skybridge::model {
namespace {

constexpr SoftmaxOptions kForms[] = {
    {.temperature = 0.5f},
    {.temperature = 0.7f, .negative_weight = 2.5f},
    {.temperature = 0.5f, .decoupled = true},
    {.temperature = 0.7f, .decoupled = true, .negative_weight = 0.4f},
    {.temperature = 0.5f, .negative_weight = 0},
};

std::string Describe(const SoftmaxOptions& options, size_t first_negative) {
  return std::string(options.decoupled ? "decoupled" : "coupled") + ", weight " +
         std::to_string(options.negative_weight) + ", first negative " +
         std::to_string(first_negative);
}

std::vector<float> RandomCorrection(const ScoreCase& c) {
  Rng rng(11, Purpose::kTest);
  return RandomNumbers(c.Count(), rng, 2);
}

std::vector<float> NoCorrection(const ScoreCase& c) { return std::vector<float>(c.Count()); }

// 70 queries are more than one tile of scores; 41 candidates are no whole number of lanes.
TEST(SoftmaxLossTest, SumOfTheCostsAgreesWithItsNaiveTwin) {
  for (const SoftmaxOptions& options : kForms) {
    for (const uint32_t first : {0u, 9u, 41u}) {
      SCOPED_TRACE(Describe(options, first));
      ScoreCase c(70, 41, 13, 1);
      const std::vector<float> correction = RandomCorrection(c);
      const double expected = NaiveSoftmaxLoss(options, c, first, correction);
      EXPECT_NEAR(SoftmaxLoss(options, c.batch(), first, correction, 1, c.gradients()), expected,
                  1e-5 * std::max(10.0, std::fabs(expected)));
    }
  }
}

TEST(SoftmaxLossTest, GradientsAreThoseOfTheScaledMean) {
  constexpr float kScale = 3;
  for (const SoftmaxOptions& options : kForms) {
    for (const uint32_t first : {0u, 4u}) {
      SCOPED_TRACE(Describe(options, first));
      ScoreCase c(6, 11, 5, 2);
      const std::vector<float> correction = RandomCorrection(c);
      (void)SoftmaxLoss(options, c.batch(), first, correction, kScale, c.gradients());
      c.ExpectGradients([&] {
        return static_cast<double>(kScale) * NaiveSoftmaxLoss(options, c, first, correction) /
               static_cast<double>(c.positives.size());
      });
    }
  }
}

TEST(SoftmaxLossTest, GradientsAreRightBeyondTheFirstTileOfQueries) {
  ScoreCase c(67, 3, 2, 3);
  const std::vector<float> correction = RandomCorrection(c);
  const SoftmaxOptions options{.temperature = 0.5f};
  const auto sum = static_cast<float>(c.positives.size());  // Of the costs: far from rounding.
  (void)SoftmaxLoss(options, c.batch(), 0, correction, sum, c.gradients());
  c.ExpectGradients([&] { return NaiveSoftmaxLoss(options, c, 0, correction); });
}

TEST(SoftmaxLossTest, WithoutNegativesACoupledPairCostsNothing) {
  ScoreCase c(2, {1, 2, 3, 4}, {5, 6, 7, 8}, {{0, 0}, {0, 1}});
  EXPECT_EQ(SoftmaxLoss({}, c.batch(), 0, NoCorrection(c), 1, c.gradients()), 0.0);
  EXPECT_EQ(c.query_gradient, std::vector<float>(4, 0.0f));
  EXPECT_EQ(c.candidate_gradient, std::vector<float>(4, 0.0f));
}

TEST(SoftmaxLossTest, WithoutNegativesADecoupledPairIsOnlyPulledTogether) {
  ScoreCase c(2, {1, 2}, {5, 6}, {{0, 0}});
  const SoftmaxOptions options{.temperature = 1, .decoupled = true};
  for (const size_t first : {0u, 1u}) {
    EXPECT_EQ(SoftmaxLoss(options, c.batch(), first, NoCorrection(c), 1, c.gradients()), -17.0);
    EXPECT_EQ(c.query_gradient, (std::vector<float>{-5, -6}));
    EXPECT_EQ(c.candidate_gradient, (std::vector<float>{-1, -2}));
  }
}

TEST(SoftmaxLossTest, AnExcludedCandidateIsAsIfAbsent) {
  ScoreCase c(1, {1}, {2, 3, 4}, {{0, 0}});
  const SoftmaxOptions options{.temperature = 1};
  c.excluded = {2, 2, 0};  // Twice, and the positive itself: neither may matter.
  c.excluded_offsets = {0, 3};
  const double loss = SoftmaxLoss(options, c.batch(), 0, NoCorrection(c), 1, c.gradients());
  EXPECT_NEAR(loss, std::log(1 + std::exp(1.0)), 1e-6);
  EXPECT_EQ(c.candidate_gradient[2], 0.0f);
  EXPECT_GT(c.candidate_gradient[1], 0.0f);
}

TEST(SoftmaxLossTest, ThePositivesOwnScoreIsNotCorrected) {
  for (const SoftmaxOptions& options : kForms) {
    ScoreCase c(1, {1.5f}, {2, 1, -1, 0.5f}, {{0, 0}});
    std::vector<float> correction = NoCorrection(c);
    const double loss = SoftmaxLoss(options, c.batch(), 0, correction, 1, c.gradients());
    correction[0] = 5;
    EXPECT_EQ(SoftmaxLoss(options, c.batch(), 0, correction, 1, c.gradients()), loss);
  }
}

TEST(SoftmaxLossTest, HugeScoresStayFinite) {
  for (const SoftmaxOptions& form : kForms) {
    SoftmaxOptions options = form;
    options.temperature = 1e-3f;
    ScoreCase c(20, 9, 5, 5);
    const std::vector<float> correction = RandomCorrection(c);
    const double expected = NaiveSoftmaxLoss(options, c, 0, correction);
    EXPECT_NEAR(SoftmaxLoss(options, c.batch(), 0, correction, 1, c.gradients()), expected,
                1e-5 * std::fabs(expected));
    for (const float number : c.query_gradient) EXPECT_TRUE(std::isfinite(number));
    for (const float number : c.candidate_gradient) EXPECT_TRUE(std::isfinite(number));
  }
}

TEST(SoftmaxLossTest, AQueryWithoutPositivesHasNoGradient) {
  ScoreCase c(1, {1, 2, 3}, {1, 2}, {{0, 0}, {2, 1}});
  (void)SoftmaxLoss({}, c.batch(), 0, NoCorrection(c), 1, c.gradients());
  EXPECT_NE(c.query_gradient[0], 0.0f);
  EXPECT_EQ(c.query_gradient[1], 0.0f);
  EXPECT_NE(c.query_gradient[2], 0.0f);
}

}  // namespace
}  // namespace skybridge::model
