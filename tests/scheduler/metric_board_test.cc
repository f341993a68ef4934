// SPDX-License-Identifier: Apache-2.0
#include "scheduler/metric_board.h"

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

MetricSums Sums(uint64_t queries, double recall, uint32_t k = 20) {
  return {queries, {{.k = k, .recall = recall, .ndcg = recall / 2, .mrr = 1, .hit = 2}}};
}

MetricBoard Plain() { return MetricBoard(std::vector<EvaluationOptions>(1)); }

MetricBoard WithEarlyStop(uint32_t patience) {
  return MetricBoard(
      {{.name = "test", .early_stop = {.metric = "ndcg", .k = 20, .patience = patience}}});
}

TEST(MetricBoardTest, MeansAreSumsOverQueries) {
  MetricBoard board({{.name = "a"}, {.name = "b"}});
  ASSERT_TRUE(board.Record(1, 1, Sums(3, 2)).ok());
  ASSERT_TRUE(board.Record(1, 0, Sums(1, 1)).ok());
  ASSERT_TRUE(board.Conclude(1, 40, 0.5).ok());
  ASSERT_EQ(board.history().size(), 1u);
  const EvaluationPoint& point = board.history()[0];
  EXPECT_EQ(point.evaluation, 1u);
  EXPECT_EQ(point.name, "b");
  EXPECT_EQ(point.step, 40u);
  EXPECT_EQ(point.queries, 4u);
  EXPECT_EQ(point.at, (std::vector<MetricAtK>{{20, 0.75, 0.375, 0.5, 1.0}}));
}

TEST(MetricBoardTest, ArrivalOrderDoesNotChangeABit) {
  const std::vector<double> values = {1e16, 1, -1e16, 3, 1e-3};
  std::vector<EvaluationPoint> points;
  for (const bool forward : {true, false}) {
    MetricBoard board = Plain();
    for (uint32_t i = 0; i < values.size(); ++i) {
      const auto partition = forward ? i : static_cast<uint32_t>(values.size()) - 1 - i;
      ASSERT_TRUE(board.Record(0, partition, Sums(1, values[partition])).ok());
    }
    ASSERT_TRUE(board.Conclude(0, 1, 1).ok());
    points.push_back(board.history()[0]);
  }
  EXPECT_EQ(points[0], points[1]);
}

TEST(MetricBoardTest, EachEvaluationStartsFromNothing) {
  MetricBoard board = Plain();
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(board.Record(0, 0, Sums(2, 2)).ok());
    ASSERT_TRUE(board.Conclude(0, 1, 1).ok());
  }
  EXPECT_EQ(board.history()[1].queries, 2u);
  EXPECT_FALSE(board.should_stop()) << "no early stop was asked for";
}

TEST(MetricBoardTest, PartitionWithoutQueriesAndNoQueriesAtAllAreFine) {
  MetricBoard board = Plain();
  ASSERT_TRUE(board.Record(0, 0, {}).ok());
  ASSERT_TRUE(board.Record(0, 1, Sums(1, 1)).ok());
  ASSERT_TRUE(board.Conclude(0, 1, 1).ok());
  EXPECT_EQ(board.history()[0].queries, 1u);
  ASSERT_TRUE(board.Conclude(0, 2, 1).ok());
  EXPECT_EQ(board.history()[1].queries, 0u);
}

TEST(MetricBoardTest, OtherCutOffsAndUnknownEvaluationsAreErrors) {
  MetricBoard board = Plain();
  ASSERT_TRUE(board.Record(0, 0, Sums(1, 1, 10)).ok());
  EXPECT_EQ(board.Record(0, 1, Sums(1, 1, 20)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(board.Record(1, 0, Sums(1, 1)).code(), StatusCode::kInvalidArgument);
}

TEST(MetricBoardTest, StopsAfterPatienceEvaluationsWithoutABetterOne) {
  MetricBoard board = WithEarlyStop(2);
  const std::vector<double> recalls = {1, 3, 2, 4, 4, 3};
  const std::vector<bool> stops = {false, false, false, false, false, true};
  for (size_t i = 0; i < recalls.size(); ++i) {
    ASSERT_TRUE(board.Record(0, 0, Sums(10, recalls[i])).ok());
    ASSERT_TRUE(board.Conclude(0, i, 1).ok());
    EXPECT_EQ(board.should_stop(), stops[i]) << "evaluation " << i;
  }
}

TEST(MetricBoardTest, ARestoredBoardStopsWhenTheOneBeforeWouldHave) {
  const std::vector<double> recalls = {1, 3, 2, 4, 4, 3};
  for (size_t split = 0; split <= recalls.size(); ++split) {
    MetricBoard before = WithEarlyStop(2);
    MetricBoard after = WithEarlyStop(2);
    for (size_t i = 0; i < recalls.size(); ++i) {
      if (i == split) {
        ASSERT_TRUE(after.Restore(before.history()).ok());
      }
      MetricBoard& board = i < split ? before : after;
      ASSERT_TRUE(board.Record(0, 0, Sums(10, recalls[i])).ok());
      ASSERT_TRUE(board.Conclude(0, i, 1).ok());
      EXPECT_EQ(board.should_stop(), i == 5) << "split at " << split << ", evaluation " << i;
    }
    EXPECT_EQ(after.history().size(), split < recalls.size() ? recalls.size() : 0);
  }
  MetricBoard other = WithEarlyStop(2);
  EXPECT_EQ(other.Restore({{.evaluation = 1, .name = "test"}}).code(),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(other.Restore({{.evaluation = 0, .name = "no"}}).code(),
            StatusCode::kFailedPrecondition);
}

TEST(MetricBoardTest, BestIsTheFirstOfTheHighestAndTheLastIsNamedBesideIt) {
  MetricBoard board({{.name = "other"},
                     {.name = "test", .early_stop = {.metric = "ndcg", .k = 20, .patience = 2}}});
  EXPECT_EQ(board.best(), std::nullopt);
  const std::vector<double> recalls = {2, 4, 4, 3};
  for (size_t i = 0; i < recalls.size(); ++i) {
    ASSERT_TRUE(board.Record(1, 0, Sums(10, recalls[i])).ok());
    ASSERT_TRUE(board.Conclude(1, 100 * i, 0.5 * static_cast<double>(i)).ok());
  }
  ASSERT_TRUE(board.Record(0, 0, Sums(1, 9)).ok());
  ASSERT_TRUE(board.Conclude(0, 300, 1.5).ok());
  EXPECT_EQ(board.best(), (BestEvaluation{.name = "test",
                                          .metric = "ndcg@20",
                                          .value = 0.2,
                                          .step = 100,
                                          .epoch = 0.5,
                                          .last_value = 0.15,
                                          .last_step = 300}));
}

TEST(MetricBoardTest, EarlyStopByAMetricThatIsNotThereIsAnError) {
  MetricBoard board = WithEarlyStop(1);
  ASSERT_TRUE(board.Record(0, 0, Sums(1, 1, 10)).ok());
  const Status status = board.Conclude(0, 1, 1);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "evaluation 'test' found no ndcg@20, which its early stop goes by");
}

TEST(MetricBoardTest, ValueByName) {
  const EvaluationPoint point{.at = {{10, 1, 2, 3, 4}}};
  EXPECT_EQ(MetricValue(point, "recall", 10), 1);
  EXPECT_EQ(MetricValue(point, "ndcg", 10), 2);
  EXPECT_EQ(MetricValue(point, "mrr", 10), 3);
  EXPECT_EQ(MetricValue(point, "hit", 10), 4);
  EXPECT_EQ(MetricValue(point, "hit", 20), std::nullopt);
  EXPECT_EQ(MetricValue(point, "auc", 10), std::nullopt);
}

}  // namespace
}  // namespace skybridge::scheduler
