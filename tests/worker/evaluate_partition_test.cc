// SPDX-License-Identifier: Apache-2.0
#include "worker/evaluate_partition.h"

#include <algorithm>
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

// Position of the candidate `key` in a naive ranking for one query, best first, ties to the lower
// position; seen candidates are left out.
size_t NaiveRank(std::span<const float> query, const std::vector<uint64_t>& keys,
                 const std::vector<float>& vectors, std::span<const uint64_t> seen, uint64_t key) {
  std::vector<std::pair<double, size_t>> ranking;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (std::ranges::find(seen, keys[i]) != seen.end()) continue;
    double score = 0;
    for (size_t j = 0; j < query.size(); ++j) score += query[j] * vectors[i * query.size() + j];
    ranking.emplace_back(-score, i);
  }
  std::ranges::sort(ranking);
  const auto is_key = [&](const auto& entry) { return keys[entry.second] == key; };
  return static_cast<size_t>(std::ranges::find_if(ranking, is_key) - ranking.begin());
}

TEST_F(EvaluatePartitionTest, MetricsAreThoseOfANaiveRanking) {
  const std::vector<uint64_t> keys{10, 20, 30, 40, 50};
  const size_t dim = model().dim();
  std::vector<float> vectors(keys.size() * dim);
  for (size_t i = 0; i < vectors.size(); ++i) vectors[i] = ValueOf(9, i / dim, i % dim);
  wire::EvaluateSpec spec;
  spec.set_folder(Folder());
  for (const auto& file : WritePart(Folder(), 0, model().dim(), keys, vectors)) {
    *spec.add_part() = file;
  }
  const auto queries = *dataset().LoadEvaluation(0, 0);
  const Binding binding = Binding::OfSide(model(), model::Side::kQuery, queries.queries);
  const PulledRows rows = RowsAt(specs(), binding.ids());
  std::vector<float> towers(queries.queries.count * dim);
  model().Embed(model::Side::kQuery, binding.Input(model::Side::kQuery), ParametersOf(rows, {}),
                towers);
  const std::vector<uint32_t> cutoffs{1, 2, 4};
  std::vector<double> recall(cutoffs.size()), mrr(cutoffs.size());
  for (size_t q = 0; q < queries.queries.count; ++q) {
    const auto query = std::span(towers).subspan(q * dim, dim);
    const auto relevant = queries.relevant.of(q);
    for (size_t c = 0; c < cutoffs.size(); ++c) {
      size_t hits = 0, first = cutoffs[c];
      for (const uint64_t key : relevant) {
        const size_t rank = NaiveRank(query, keys, vectors, queries.seen.of(q), key);
        if (rank < cutoffs[c]) ++hits;
        first = std::min(first, rank);
      }
      recall[c] += static_cast<double>(hits) / static_cast<double>(relevant.size());
      if (first < cutoffs[c]) mrr[c] += 1 / static_cast<double>(first + 1);
    }
  }
  WorkRunner runner(2);
  EvaluatePartition work({.owner = 4, .phase = 3, .partition = 0, .cutoffs = cutoffs}, spec,
                         model(), dataset(), runner.calls, runner.cluster);
  runner.Run(work);
  ASSERT_TRUE(work.outcome() && work.outcome()->status.ok());
  for (int c = 0; c < 3; ++c) {
    const wire::MetricAtK& at = work.outcome()->done.metrics().at(c);
    EXPECT_EQ(at.k(), cutoffs[static_cast<size_t>(c)]);
    EXPECT_NEAR(at.recall(), recall[static_cast<size_t>(c)], 1e-12) << at.k();
    EXPECT_NEAR(at.mrr(), mrr[static_cast<size_t>(c)], 1e-12) << at.k();
  }
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
