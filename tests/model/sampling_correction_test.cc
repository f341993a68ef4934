// SPDX-License-Identifier: Apache-2.0
#include "model/sampling_correction.h"

#include <numeric>

#include "model/fast_math.h"
#include "model/softmax_loss.h"
#include "tests/model/score_case.h"

namespace skybridge::model {
namespace {

constexpr uint32_t kUnseen = 0, kRare = 1, kSome = 250, kPopular = 90'000;
const std::vector<uint32_t> kCounts{kSome, kUnseen, kPopular, kRare};
const std::vector<uint32_t> kCountRows{2, 0, 3, 1, 0};  // Candidates, the first two positives.
constexpr SamplingMixture kMixture{
    .positives = 256, .examples_total = 200'000, .uniform_drawn = 30, .candidates_total = 700};

std::vector<float> Correct(const SamplingMixture& mixture) {
  return SamplingCorrection(mixture, kCountRows.size(), 2, kCounts, kCountRows);
}

double ChanceInBatch(uint32_t count) { return 1 - std::exp(-256.0 * count / 200'000); }

TEST(SamplingCorrectionTest, IsTheLogarithmOfTheChanceToBeInTheBatch) {
  const std::vector<float> correction = Correct(kMixture);
  for (size_t j = 0; j < correction.size(); ++j) {
    const double chance = 1 - (1 - 30.0 / 700) * (1 - ChanceInBatch(kCounts[kCountRows[j]]));
    EXPECT_NEAR(correction[j], -std::log(chance), 1e-5) << j;
  }
}

TEST(SamplingCorrectionTest, ExponentScalesItDownToNothing) {
  const std::vector<float> full = Correct(kMixture);
  SamplingMixture mixture = kMixture;
  mixture.exponent = 0.25f;
  const std::vector<float> quarter = Correct(mixture);
  for (size_t j = 0; j < full.size(); ++j) EXPECT_NEAR(quarter[j], 0.25f * full[j], 1e-6f);
  mixture.exponent = 0;
  EXPECT_EQ(Correct(mixture), std::vector<float>(kCountRows.size(), 0.0f));
}

TEST(SamplingCorrectionTest, InBatchAloneLeavesAloneWhoWasNeverSeen) {
  SamplingMixture mixture = kMixture;
  mixture.uniform_drawn = 0;
  const std::vector<float> correction = Correct(mixture);
  EXPECT_NEAR(correction[0], -std::log(ChanceInBatch(kPopular)), 1e-5);
  EXPECT_NEAR(correction[2], -std::log(ChanceInBatch(kRare)), 1e-5);
  EXPECT_EQ(correction[3], 0.0f);
}

TEST(SamplingCorrectionTest, APositiveOfTheBatchWasSeenAtLeastOnce) {
  SamplingMixture mixture = kMixture;
  mixture.uniform_drawn = 0;
  const std::vector<uint32_t> rows{1, 1, 1};
  const std::vector<float> correction = SamplingCorrection(mixture, 3, 2, kCounts, rows);
  EXPECT_NEAR(correction[0], -std::log(ChanceInBatch(1)), 1e-5);
  EXPECT_EQ(correction[1], correction[0]);
  EXPECT_EQ(correction[2], 0.0f);
}

TEST(SamplingCorrectionTest, UniformDrawsAloneWeighAllAlike) {
  const auto alike = std::vector<float>(5, -Log(30.0f / 700));
  SamplingMixture mixture = kMixture;
  mixture.in_batch = false;
  EXPECT_EQ(Correct(mixture), alike);
  EXPECT_EQ(SamplingCorrection(kMixture, 5, 2, {}, {}), alike);
  mixture = kMixture;
  mixture.examples_total = 0;
  EXPECT_EQ(Correct(mixture), alike);
}

TEST(SamplingCorrectionTest, WhereNothingIsKnownNothingIsCorrected) {
  SamplingMixture mixture = kMixture;
  mixture.uniform_drawn = 0;
  EXPECT_EQ(SamplingCorrection(mixture, 5, 2, {}, {}), std::vector<float>(5, 0.0f));
  mixture = kMixture;
  mixture.candidates_total = 0;
  mixture.in_batch = false;
  EXPECT_EQ(Correct(mixture), std::vector<float>(5, 0.0f));
}

TEST(SamplingCorrectionTest, DrawingTheWholeCatalogueNeedsNoCorrection) {
  SamplingMixture mixture = kMixture;
  mixture.uniform_drawn = 700;
  EXPECT_EQ(Correct(mixture), std::vector<float>(5, 0.0f));
}

TEST(SamplingCorrectionTest, TinyChancesKeepTheirDigits) {
  SamplingMixture mixture = kMixture;
  mixture.uniform_drawn = 0;
  mixture.examples_total = 4'000'000'000'000;
  EXPECT_NEAR(Correct(mixture)[2], -std::log(256.0 / 4e12), 1e-5);
}

// A catalogue whose popular candidates also score high, and batches drawn from it.
class Catalogue {
 public:
  static constexpr uint32_t kSize = 300;
  static constexpr size_t kWidth = 3;

  explicit Catalogue(uint64_t seed) : rng_(seed, Purpose::kTest), shuffled_(kSize) {
    vectors_ = RandomNumbers(kSize * kWidth, rng_, 0.5f);
    for (uint32_t j = 0; j < kSize; ++j) {
      counts_.push_back(j % 10 == 9 ? 0 : 4000 / (j + 4));  // Every tenth is new.
      vectors_[j * kWidth] += j < 40 ? 1.5f : -0.5f;
      examples_.insert(examples_.end(), counts_[j], j);
    }
    std::iota(shuffled_.begin(), shuffled_.end(), 0);
  }
  // The first M pairs of an epoch give the batch's positives, then come N uniform draws.
  std::vector<uint32_t> Draw(uint64_t positives, uint64_t uniform, size_t* in_batch_rows) {
    std::vector<uint32_t> batch = Distinct(Prefix(positives, &examples_));
    *in_batch_rows = batch.size();
    for (const uint32_t j : Prefix(uniform, &shuffled_)) {
      if (std::ranges::find(batch, j) == batch.end()) batch.push_back(j);
    }
    return batch;
  }
  std::vector<float> Correction(uint64_t positives, uint64_t uniform, size_t in_batch_rows,
                                const std::vector<uint32_t>& batch) const {
    return SamplingCorrection({.positives = positives,
                               .examples_total = examples_.size(),
                               .uniform_drawn = uniform,
                               .candidates_total = kSize},
                              batch.size(), in_batch_rows, counts_, batch);
  }
  std::vector<float> VectorsOf(const std::vector<uint32_t>& rows) const {
    std::vector<float> all;
    for (const uint32_t j : rows) {
      all.insert(all.end(), &vectors_[j * kWidth], &vectors_[j * kWidth] + kWidth);
    }
    return all;
  }
  std::vector<uint32_t> All() const {
    std::vector<uint32_t> all(kSize);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

 private:
  // Distinct positions of `from`, drawn by the first steps of a shuffle.
  std::vector<uint32_t> Prefix(uint64_t n, std::vector<uint32_t>* from) {
    for (size_t i = 0; i < n; ++i) std::swap((*from)[i], (*from)[i + rng_.Below(from->size() - i)]);
    return {from->begin(), from->begin() + static_cast<std::ptrdiff_t>(n)};
  }
  static std::vector<uint32_t> Distinct(std::vector<uint32_t> values) {
    std::ranges::sort(values);
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
  }

  Rng rng_;
  std::vector<float> vectors_;
  std::vector<uint32_t> counts_, examples_, shuffled_;
};

struct Estimate {
  double mean = 0;
  double standard_error = 0;
};

Estimate MeanOf(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  Estimate estimate{.mean = std::accumulate(values.begin(), values.end(), 0.0) / n};
  double squares = 0;
  for (const double value : values) squares += std::pow(value - estimate.mean, 2);
  estimate.standard_error = std::sqrt(squares / (n - 1) / n);
  return estimate;
}

// sum_j exp(s_j + c_j) over these rows, s_j the first number of their vectors.
double SumOfExponentials(const std::vector<float>& vectors, const std::vector<float>& correction) {
  double sum = 0;
  for (size_t j = 0; j < correction.size(); ++j) {
    sum += std::exp(static_cast<double>(vectors[j * Catalogue::kWidth] + correction[j]));
  }
  return sum;
}

TEST(SamplingCorrectionTest, CorrectedSumsEstimateThatOfTheWholeCatalogue) {
  constexpr uint64_t kPositives = 60, kUniform = 20;
  Catalogue catalogue(1);
  const double full =
      SumOfExponentials(catalogue.VectorsOf(catalogue.All()), std::vector<float>(Catalogue::kSize));
  std::vector<double> corrected, plain;
  for (int draw = 0; draw < 3000; ++draw) {
    size_t in_batch_rows = 0;
    const std::vector<uint32_t> batch = catalogue.Draw(kPositives, kUniform, &in_batch_rows);
    const std::vector<float> vectors = catalogue.VectorsOf(batch);
    corrected.push_back(SumOfExponentials(
        vectors, catalogue.Correction(kPositives, kUniform, in_batch_rows, batch)));
    plain.push_back(SumOfExponentials(vectors, std::vector<float>(batch.size())));
  }
  const Estimate estimate = MeanOf(corrected);
  EXPECT_LT(estimate.standard_error, 0.01 * full) << "too few draws to tell";
  EXPECT_NEAR(estimate.mean, full, 4 * estimate.standard_error);
  EXPECT_LT(MeanOf(plain).mean, 0.7 * full) << "the test must be able to fail";
}

// The gradient of one pair's cost with respect to the query, with these candidates.
std::vector<float> QueryGradient(const Catalogue& catalogue, std::vector<uint32_t> batch,
                                 std::vector<float> correction) {
  constexpr uint32_t kPositive = 77;
  batch.push_back(kPositive);
  correction.push_back(0);
  const uint32_t at = static_cast<uint32_t>(std::ranges::find(batch, kPositive) - batch.begin());
  ScoreCase c(Catalogue::kWidth, {1, 0.4f, -0.6f}, catalogue.VectorsOf(batch), {{0, at}});
  c.excluded = {c.Count() - 1};  // If the positive was drawn, it now stands there twice.
  c.excluded_offsets = {0, 1};
  (void)SoftmaxLoss({.temperature = 1}, c.batch(), 0, correction, 1, c.gradients());
  return c.query_gradient;
}

// How far the mean gradient over many batches is from that of the whole catalogue.
double GradientBias(uint64_t positives, uint64_t uniform, bool correct) {
  constexpr int kDraws = 1000;
  Catalogue catalogue(2);
  std::vector<double> bias(Catalogue::kWidth);
  for (int draw = 0; draw < kDraws; ++draw) {
    size_t in_batch_rows = 0;
    const std::vector<uint32_t> batch = catalogue.Draw(positives, uniform, &in_batch_rows);
    const std::vector<float> gradient =
        QueryGradient(catalogue, batch,
                      correct ? catalogue.Correction(positives, uniform, in_batch_rows, batch)
                              : std::vector<float>(batch.size()));
    for (size_t i = 0; i < bias.size(); ++i) bias[i] += static_cast<double>(gradient[i]) / kDraws;
  }
  const std::vector<float> full =
      QueryGradient(catalogue, catalogue.All(), std::vector<float>(Catalogue::kSize));
  double squares = 0;
  for (size_t i = 0; i < bias.size(); ++i) {
    squares += std::pow(bias[i] - static_cast<double>(full[i]), 2);
  }
  return std::sqrt(squares);
}

TEST(SamplingCorrectionTest, GradientsApproachThoseOfTheFullSoftmaxAsDrawsGrow) {
  const double few = GradientBias(4, 2, true);
  const double some = GradientBias(20, 10, true);
  const double many = GradientBias(80, 40, true);
  EXPECT_LT(some, 0.5 * few);
  EXPECT_LT(many, 0.5 * some);
  EXPECT_LT(many, 0.02);
  EXPECT_GT(GradientBias(80, 40, false), 10 * many) << "the test must be able to fail";
}

}  // namespace
}  // namespace skybridge::model
