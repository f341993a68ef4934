// SPDX-License-Identifier: Apache-2.0
#include "worker/evaluate_partition.h"

#include <cmath>

#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

// Three candidates in the plane, and queries that are ranked by hand.
class RankTaskTest : public testing::Test {
 protected:
  RankTaskTest() {
    const auto files = WritePart(scratch_.path(), 0, 2, {10, 20, 30}, {1, 0, 0, 1, 1, 0});
    task_.candidates = std::make_shared<const CandidateVectors>(
        *CandidateVectors::Load(scratch_.path(), files, 2));
    task_.cutoffs = {1, 2};
  }
  // One query with the vector (1, 0.5): 10 and 30 tie, then 20.
  wire::MetricSums Rank(std::vector<uint64_t> relevant, std::vector<uint64_t> seen) {
    data::EvaluationQueries queries;
    queries.queries.count = 1;
    queries.relevant = {{0, relevant.size()}, std::move(relevant)};
    queries.seen = {{0, seen.size()}, std::move(seen)};
    task_.queries = std::make_shared<const data::EvaluationQueries>(std::move(queries));
    task_.vectors = {1, 0.5f};
    task_.Run();
    EXPECT_TRUE(task_.status.ok()) << task_.status;
    return task_.sums;
  }

  data::ScratchFolder scratch_;
  RankTask task_{4};
};

TEST_F(RankTaskTest, TiesGoToTheFirstCandidate) { EXPECT_EQ(Rank({10}, {}).at(0).recall(), 1.0); }

TEST_F(RankTaskTest, SecondOfATieIsSecond) {
  const wire::MetricSums sums = Rank({30}, {});
  EXPECT_EQ(sums.queries(), 1u);
  EXPECT_EQ(sums.at(0).recall(), 0.0);
  EXPECT_EQ(sums.at(1).recall(), 1.0);
  EXPECT_EQ(sums.at(1).mrr(), 0.5);
  EXPECT_NEAR(sums.at(1).ndcg(), 1 / std::log2(3.0), 1e-12);
}

TEST_F(RankTaskTest, SeenCandidatesAreNoAnswers) {
  EXPECT_EQ(Rank({30}, {10}).at(0).recall(), 1.0);
}

TEST_F(RankTaskTest, AnswersThatTheCatalogueLacksCountAsMissed) {
  EXPECT_EQ(Rank({10, 77}, {}).at(1).recall(), 0.5);
}

class EvaluatePartitionTest : public SmallWorldTest {};

TEST_F(EvaluatePartitionTest, AllQueriesOfTheShareAreRankedWithThePulledTower) {
  // Every candidate has the same vector: the ranking is that of the catalogue's order.
  wire::EvaluateSpec spec;
  spec.set_folder(Folder());
  const std::vector<float> same(5 * model().dim(), 0.5f);
  for (const auto& file : WritePart(Folder(), 0, model().dim(), {10, 20, 30, 40, 50}, same)) {
    *spec.add_part() = file;
  }
  WorkRunner runner(2);
  EvaluatePartition work({.owner = 4, .phase = 3, .partition = 0, .cutoffs = {5}}, spec, model(),
                         dataset(), runner.calls, runner.cluster);
  runner.Run(work);
  ASSERT_TRUE(work.outcome() && work.outcome()->status.ok()) << work.outcome()->status;
  const wire::MetricSums& sums = work.outcome()->done.metrics();
  ASSERT_EQ(sums.queries(), 2u);  // Users 1 and 5.
  EXPECT_EQ(sums.at(0).hit(), 2.0) << "depth 5 finds everything that is not masked";
  for (const auto& [shard, pull] : runner.shards.pulls) EXPECT_TRUE(pull.read_only());
}

TEST_F(EvaluatePartitionTest, MissingVectorsEndTheLeaseByName) {
  wire::EvaluateSpec spec;
  spec.set_folder(Folder());
  spec.add_part()->set_name("parts/gone.npy");
  spec.mutable_part(0)->set_kind("vectors");
  *spec.add_part() = spec.part(0);
  spec.mutable_part(1)->set_kind("ids");
  WorkRunner runner(1);
  EvaluatePartition work({.owner = 4, .cutoffs = {5}}, spec, model(), dataset(), runner.calls,
                         runner.cluster);
  runner.Run(work);
  ASSERT_TRUE(work.outcome().has_value());
  EXPECT_FALSE(work.outcome()->status.ok());
  EXPECT_NE(work.outcome()->status.message().find("parts/"), std::string::npos)
      << work.outcome()->status;
}

}  // namespace
}  // namespace skybridge::worker
