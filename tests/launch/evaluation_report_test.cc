// SPDX-License-Identifier: Apache-2.0
#include "launch/evaluation_report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace skybridge::launch {
namespace {

scheduler::EvaluationPoint Point() {
  return {.name = "test",
          .step = 40,
          .epoch = 2.5,
          .queries = 300,
          .at = {{.k = 10, .recall = 0.5, .ndcg = 0.25, .mrr = 0.125, .hit = 0.75}}};
}

TEST(EvaluationReportTest, TableHasALineForEachCutOff) {
  EXPECT_EQ(EvaluationTable({}), "");
  EXPECT_EQ(EvaluationTable({Point()}),
            "evaluation  epoch  queries     k   recall     ndcg      mrr      hit\n"
            "test          2.5      300    10   0.5000   0.2500   0.1250   0.7500\n");
  scheduler::EvaluationPoint later = Point();
  later.epoch = -1;
  EXPECT_NE(EvaluationTable({later}).find("     -  "), std::string::npos);
}

TEST(EvaluationReportTest, JsonHasTheSameFigures) {
  const auto json = nlohmann::json::parse(EvaluationJson({Point()}, {}));
  EXPECT_EQ(json["evaluations"][0]["ndcg"], 0.25);
  EXPECT_EQ(json["evaluations"][0]["epoch"], 2.5);
  EXPECT_FALSE(json.contains("index"));
  const auto index = nlohmann::json::parse(
      EvaluationJson({}, {{.evaluation = "test", .k = 100, .recall = 0.9, .queries = 7}}));
  EXPECT_EQ(index["index"][0]["recall"], 0.9);
  EXPECT_EQ(index["index"][0]["k"], 100);
}

TEST(EvaluationReportTest, BestAndExportedWeightsAreNamedWithTheirSteps) {
  scheduler::BestEvaluation best{.name = "test",
                                 .metric = "ndcg@20",
                                 .value = 0.25,
                                 .step = 400,
                                 .epoch = 2,
                                 .last_value = 0.125,
                                 .last_step = 600};
  EXPECT_EQ(BestLine(best, true),
            "best    test ndcg@20 0.2500 at step 400 (epoch 2.0); exported weights: 0.1250 at step "
            "600\n");
  EXPECT_NE(BestLine(best, false).find("; last weights: 0.1250 at step 600"), std::string::npos);
  const auto json = nlohmann::json::parse(ResultJson({.best = best}, 3));
  EXPECT_EQ(json["best"]["step"], 400);
  EXPECT_EQ(json["best"]["last_step"], 600);
  EXPECT_FALSE(nlohmann::json::parse(ResultJson({}, 3)).contains("best"));
  best.last_step = best.step;
  EXPECT_EQ(BestLine(best, true),
            "best    test ndcg@20 0.2500 at step 400 (epoch 2.0), exported\n");
}

TEST(EvaluationReportTest, ResultOfAFailedJobSaysWhy) {
  const auto json = nlohmann::json::parse(ResultJson(
      {.status = Status(StatusCode::kUnavailable, "server 0 died"), .evaluations = {Point()}}, 3));
  EXPECT_EQ(json["message"], "server 0 died");
  EXPECT_EQ(json["export"], "");
  EXPECT_EQ(json["evaluations"].size(), 1u);
}

}  // namespace
}  // namespace skybridge::launch
