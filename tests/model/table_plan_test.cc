// SPDX-License-Identifier: Apache-2.0
#include "model/table_plan.h"

#include <string>

#include "tests/model/model_case.h"

namespace skybridge::model {
namespace {

std::vector<std::string> NamesOf(const TablePlan& plan) {
  std::vector<std::string> names;
  for (const TableSpec& spec : plan.specs) names.push_back(spec.name);
  return names;
}

TableId IdOf(const TablePlan& plan, const std::string& name) {
  const auto at = std::ranges::find(plan.specs, name, &TableSpec::name);
  EXPECT_NE(at, plan.specs.end()) << name;
  return TableId(static_cast<uint32_t>(at - plan.specs.begin()));
}

const TableSpec& SpecOf(const TablePlan& plan, const std::string& name) {
  return plan.specs.at(Number(IdOf(plan, name)));
}

TEST(TablePlanTest, TablesComeInTheirPromisedOrder) {
  EXPECT_EQ(NamesOf(*TablePlan::Create(LayeredOptions())),
            (std::vector<std::string>{
                "words", "items", "candidate/text/weights", "words/counts", "candidate_counts",
                "query/layer0/weight", "query/layer0/bias", "query/layer0/gain",
                "query/layer0/shift", "query/layer1/weight", "query/layer1/bias",
                "candidate/layer0/weight", "candidate/layer0/bias", "candidate/layer1/weight",
                "candidate/layer1/bias", "candidate/layer2/weight", "candidate/layer2/bias"}));
}

TEST(TablePlanTest, FeaturesKnowTheirTables) {
  const TablePlan plan = *TablePlan::Create(LayeredOptions());
  const auto& [query, candidate] = plan.features;
  ASSERT_EQ(query.size(), 2u);
  EXPECT_EQ(query[0].rows, IdOf(plan, "words"));
  EXPECT_EQ(query[0].weights, std::nullopt);
  EXPECT_EQ(query[0].counts, std::nullopt) << "it shares the table, but does not weigh its rows";
  EXPECT_EQ(query[1].rows, std::nullopt) << "a number reads no table";
  ASSERT_EQ(candidate.size(), 2u);
  EXPECT_EQ(candidate[0].rows, IdOf(plan, "items"));
  EXPECT_EQ(candidate[1].rows, IdOf(plan, "words"));
  EXPECT_EQ(candidate[1].weights, IdOf(plan, "candidate/text/weights"));
  EXPECT_EQ(candidate[1].counts, IdOf(plan, "words/counts"));
}

TEST(TablePlanTest, FeaturesThatWeighOneTableShareItsCounts) {
  const TablePlan plan = *TablePlan::Create(SummingOptions());
  EXPECT_EQ(NamesOf(plan),
            (std::vector<std::string>{"words", "query/text/weights", "candidate/text/weights",
                                      "words/counts", "candidate_counts"}));
  for (const auto& features : plan.features) {
    EXPECT_EQ(features[0].counts, std::nullopt);
    EXPECT_EQ(features[1].counts, IdOf(plan, "words/counts"));
  }
  EXPECT_NE(plan.features[0][1].weights, plan.features[1][1].weights);
  EXPECT_TRUE(plan.dense[0].empty());
  EXPECT_TRUE(plan.dense[1].empty());
}

TEST(TablePlanTest, SpecsSayWhatTheOptionsSay) {
  TwoTowerOptions options = LayeredOptions();
  options.tables[1].init_stddev = 0.25f;
  options.tables[1].optimizer.learning_rate = 0.5f;
  options.candidate.features[1].weights_optimizer.learning_rate = 0.75f;
  options.candidate.optimizer.learning_rate = 0.125f;
  const TablePlan plan = *TablePlan::Create(options);
  EXPECT_EQ(SpecOf(plan, "items"), (TableSpec{.name = "items",
                                              .dim = 5,
                                              .init_stddev = 0.25f,
                                              .optimizer = options.tables[1].optimizer}));
  EXPECT_EQ(SpecOf(plan, "candidate/text/weights"),
            (TableSpec{.name = "candidate/text/weights",
                       .dim = 1,
                       .optimizer = options.candidate.features[1].weights_optimizer}));
  for (const std::string name : {"words/counts", "candidate_counts"}) {
    EXPECT_EQ(SpecOf(plan, name), (TableSpec{.name = name, .kind = TableKind::kCounts}));
  }
  EXPECT_EQ(SpecOf(plan, "candidate/layer1/weight"),
            (TableSpec{.name = "candidate/layer1/weight",
                       .kind = TableKind::kDense,
                       .dim = kDenseBlock,
                       .dense_size = 5 * 3,
                       .init_stddev = std::sqrt(2.0f / 5),
                       .optimizer = options.candidate.optimizer}));
  EXPECT_EQ(SpecOf(plan, "query/layer0/weight").dense_size, (3u + 1u) * 6u);
  EXPECT_EQ(SpecOf(plan, "query/layer0/gain").init_constant, 1.0f);
}

TEST(TablePlanTest, DenseTablesStandBySideInTheOrderOfTheLayers) {
  const TablePlan plan = *TablePlan::Create(LayeredOptions());
  ASSERT_EQ(plan.dense[0].size(), 6u);
  ASSERT_EQ(plan.dense[1].size(), 6u);
  EXPECT_EQ(plan.dense[0].front(), IdOf(plan, "query/layer0/weight"));
  EXPECT_EQ(plan.dense[0].back(), IdOf(plan, "query/layer1/bias"));
  EXPECT_EQ(plan.dense[1].front(), IdOf(plan, "candidate/layer0/weight"));
  EXPECT_EQ(plan.dense[1].back(), IdOf(plan, "candidate/layer2/bias"));
}

TEST(TablePlanTest, CandidatesAreCountedOnlyIfTheLossCorrectsForThem) {
  TwoTowerOptions options = LayeredOptions();
  const TablePlan plan = *TablePlan::Create(options);
  EXPECT_EQ(plan.candidate_counts, IdOf(plan, "candidate_counts"));
  const auto counted = [&](const LossOptions& loss) {
    options.loss = loss;
    return TablePlan::Create(options)->candidate_counts.has_value();
  };
  EXPECT_TRUE(counted({.logq = 0.5f}));
  EXPECT_FALSE(counted({.kind = LossKind::kBpr}));
  EXPECT_FALSE(counted({.in_batch = false}));
  EXPECT_FALSE(counted({.logq = 0}));
}

TEST(TablePlanTest, TwoTablesOfOneNameAreRefused) {
  const auto expect_refused = [](const TwoTowerOptions& options, const std::string& name) {
    const Result<TablePlan> plan = TablePlan::Create(options);
    ASSERT_FALSE(plan.has_value()) << name;
    EXPECT_EQ(plan.error().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(plan.error().message().find("\"" + name + "\""), std::string::npos) << plan.error();
  };
  TwoTowerOptions options = LayeredOptions();
  options.tables.push_back({.name = "words", .dim = 9});
  expect_refused(options, "words");
  options.tables.back().name = "candidate_counts";
  expect_refused(options, "candidate_counts");
  options.tables.back().name = "words/counts";
  expect_refused(options, "words/counts");
  options.tables.back().name = "query/layer1/bias";
  expect_refused(options, "query/layer1/bias");

  options = LayeredOptions();
  options.candidate.features.push_back(options.candidate.features[1]);
  expect_refused(options, "candidate/text/weights");
}

TEST(TablePlanTest, TheSameOptionsGiveTheSameTables) {
  EXPECT_EQ(TablePlan::Create(LayeredOptions())->specs, TablePlan::Create(LayeredOptions())->specs);
}

TEST(TablePlanTest, ALayersInputHoldsAllBagsAndNumbers) {
  EXPECT_EQ(InputWidth(LayeredOptions(), Side::kQuery), 3u + 1u);
  EXPECT_EQ(InputWidth(LayeredOptions(), Side::kCandidate), 5u + 3u);
  EXPECT_EQ(RowTableOf(LayeredOptions(), "items").dim, 5u);
}

}  // namespace
}  // namespace skybridge::model
