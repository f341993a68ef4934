// SPDX-License-Identifier: Apache-2.0
#include "model/two_tower.h"

#include <optional>

#include "model/sampling_correction.h"
#include "tests/model/model_case.h"
#include "tests/model/score_case.h"

namespace skybridge::model {
namespace {

constexpr uint32_t kQueries = 5, kCandidates = 7, kInBatch = 4;
constexpr float kScale = 2;

// A model with random parameters and a step of it.
struct StepCase {
  explicit StepCase(const TwoTowerOptions& options)
      : model(*TwoTower::Create(options)),
        rng(2, Purpose::kTest),
        parameters(model.tables(), rng),
        queries(options.query, kQueries, rng),
        candidates(options.candidate, kCandidates, rng) {}

  StepInput input() const {
    StepInput step{.queries = queries.view(),
                   .candidates = candidates.view(),
                   .positives = positives,
                   .excluded_offsets = excluded_offsets,
                   .excluded = excluded,
                   .in_batch = kInBatch,
                   .uniform_drawn = 5};
    if (model.options().loss.kind == LossKind::kBpr) step.sampled_negative = sampled_negative;
    if (model.candidate_counts()) step.candidate_count_rows = candidate_count_rows;
    return step;
  }
  StepResult Step(Gradients* gradients) const {
    return model.Step(input(), parameters.views(), kScale, gradients);
  }
  std::vector<float> Embed(Side side) const {
    const TowerInput& from = side == Side::kQuery ? queries.view() : candidates.view();
    std::vector<float> vectors(from.count * model.dim(), 99.0f);
    model.Embed(side, from, parameters.views(), vectors);
    return vectors;
  }
  // What the loss is to compare, with the vectors of Embed.
  ScoreCase Scores() const {
    ScoreCase scores(model.dim(), Embed(Side::kQuery), Embed(Side::kCandidate), positives);
    scores.excluded = excluded;
    scores.excluded_offsets = excluded_offsets;
    return scores;
  }

  TwoTower model;
  Rng rng;
  OwnedParameters parameters;
  OwnedInput queries, candidates;
  std::vector<PositivePair> positives{{0, 1}, {1, 0}, {1, 3}, {3, 2}, {4, 0}, {4, 3}};
  std::vector<uint32_t> excluded_offsets{0, 1, 1, 1, 3, 3};
  std::vector<uint32_t> excluded{2, 0, 5};
  std::vector<uint32_t> sampled_negative{4, 5, 6, 5, 1, 2};
  std::vector<uint32_t> candidate_count_rows{3, 0, 1, 5, 2, 4, 1};
};

struct Variant {
  const char* name;
  LossOptions loss;
};

constexpr Variant kVariants[] = {
    {"softmax", {.temperature = 0.5f}},
    {"decoupled, half corrected",
     {.temperature = 0.7f, .decoupled = true, .negative_weight = 1.5f, .logq = 0.5f}},
    {"uniform negatives alone", {.temperature = 0.5f, .in_batch = false}},
    {"uncorrected", {.temperature = 0.5f, .logq = 0}},
    {"BPR", {.kind = LossKind::kBpr, .temperature = 0.5f}},
};

// `check` with both models and all losses.
template <typename Check>
void ForAllModels(const Check& check) {
  for (const Variant& variant : kVariants) {
    for (TwoTowerOptions options : {LayeredOptions(), SummingOptions()}) {
      SCOPED_TRACE(testing::Message()
                   << variant.name << (options.query.hidden.empty() ? ", summing" : ", layered"));
      options.loss = variant.loss;
      StepCase c(options);
      check(c);
    }
  }
}

// The loss of the step from the vectors alone.
double NaiveLoss(const StepCase& c) {
  const LossOptions& loss = c.model.options().loss;
  const ScoreCase scores = c.Scores();
  if (loss.kind == LossKind::kBpr) {
    return NaiveBprLoss(loss.temperature, scores, c.sampled_negative);
  }
  const Parameters parameters = c.parameters.views();
  const SamplingMixture mixture{.in_batch = loss.in_batch,
                                .positives = c.positives.size(),
                                .examples_total = parameters.examples_total,
                                .uniform_drawn = 5,
                                .candidates_total = parameters.candidates_total,
                                .exponent = loss.logq};
  const std::optional<TableId> counts = c.model.candidate_counts();
  const std::vector<float> correction = SamplingCorrection(
      mixture, kCandidates, kInBatch,
      counts ? parameters.tables[Number(*counts)].counts : std::span<const uint32_t>(),
      c.candidate_count_rows);
  return NaiveSoftmaxLoss({loss.temperature, loss.decoupled, loss.negative_weight}, scores,
                          loss.in_batch ? 0 : kInBatch, correction);
}

TEST(TwoTowerTest, LossComparesTheVectorsThatEmbedWrites) {
  ForAllModels([](const StepCase& c) {
    Gradients gradients;
    const StepResult result = c.Step(&gradients);
    EXPECT_EQ(result.positives, 6u);
    EXPECT_NEAR(result.loss_sum, NaiveLoss(c), 1e-4);
  });
}

TEST(TwoTowerTest, LossOfOnePairTellsTheSimilarityOfItsVectors) {
  TwoTowerOptions options = LayeredOptions();
  options.loss = {.temperature = 0.3f, .decoupled = true, .in_batch = false};
  StepCase c(options);
  c.positives = {{3, 2}};
  c.excluded = {4, 5, 6};  // Every negative: the pair costs its score alone.
  c.excluded_offsets = {0, 0, 0, 0, 3, 3};
  Gradients gradients;
  EXPECT_NEAR(c.Step(&gradients).loss_sum, -c.Scores().Score(3, 2, 0.3f), 1e-5);
}

TEST(TwoTowerTest, GradientsOfAllTablesAreThoseOfTheScaledMeanLoss) {
  ForAllModels([](StepCase& c) {
    Gradients gradients{.tables = {{99.0f}, {99.0f, 99.0f}}};  // Garbage to overwrite.
    (void)c.Step(&gradients);
    const auto objective = [&] {
      Gradients unused;
      return static_cast<double>(kScale) * c.Step(&unused).loss_sum /
             static_cast<double>(c.positives.size());
    };
    c.parameters.ExpectGradients(objective, gradients, 0);
  });
}

TEST(TwoTowerTest, AStepWithoutPositivesGivesZeros) {
  ForAllModels([](StepCase& c) {
    c.positives.clear();
    c.sampled_negative.clear();
    Gradients gradients = c.parameters.Shaped(7);
    const StepResult result = c.Step(&gradients);
    EXPECT_EQ(result.positives, 0u);
    EXPECT_EQ(result.loss_sum, 0.0);
    EXPECT_EQ(gradients.tables, c.parameters.Shaped(0).tables);
  });
}

TEST(TwoTowerTest, ARepeatedStepHasTheSameBits) {
  ForAllModels([](const StepCase& c) {
    Gradients first, second = c.parameters.Shaped(7);
    const StepResult result = c.Step(&first);
    const StepCase again(c.model.options());  // The same numbers elsewhere in memory.
    EXPECT_EQ(again.Step(&second).loss_sum, result.loss_sum);
    EXPECT_EQ(second.tables, first.tables);
    EXPECT_EQ(again.Embed(Side::kQuery), c.Embed(Side::kQuery));
  });
}

TEST(TwoTowerTest, ScaleChangesTheGradientsAndNotTheLoss) {
  const StepCase c(LayeredOptions());
  Gradients scaled, plain;
  const StepResult result = c.Step(&scaled);
  EXPECT_EQ(c.model.Step(c.input(), c.parameters.views(), 1, &plain).loss_sum, result.loss_sum);
  for (float& number : plain.tables[0]) number *= kScale;  // A power of two: exact.
  EXPECT_EQ(plain.tables[0], scaled.tables[0]);
}

TEST(TwoTowerTest, TowersTellTheirTables) {
  const TwoTowerOptions options = LayeredOptions();
  const TwoTower model = *TwoTower::Create(options);
  const TablePlan plan = *TablePlan::Create(options);
  EXPECT_EQ(model.tables(), plan.specs);
  EXPECT_EQ(model.dim(), 4u);
  EXPECT_EQ(model.candidate_counts(), plan.candidate_counts);
  EXPECT_EQ(model.dense_tables(Side::kQuery), plan.dense[0]);
  EXPECT_EQ(model.dense_tables(Side::kCandidate), plan.dense[1]);
  EXPECT_EQ(model.feature_tables(Side::kQuery, 0).weights, std::nullopt);
  EXPECT_EQ(model.feature_tables(Side::kCandidate, 1).weights, plan.features[1][1].weights);
}

TEST(TwoTowerTest, BadOptionsMakeNoModel) {
  TwoTowerOptions options = LayeredOptions();
  options.candidate.features[0].table = "nowhere";
  const Result<TwoTower> without_table = TwoTower::Create(options);
  ASSERT_FALSE(without_table.has_value());
  EXPECT_EQ(without_table.error().code(), StatusCode::kInvalidArgument);
  options = LayeredOptions();
  options.tables[1].name = "candidate_counts";
  options.candidate.features[0].table = "candidate_counts";
  const Result<TwoTower> twice = TwoTower::Create(options);
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skybridge::model
