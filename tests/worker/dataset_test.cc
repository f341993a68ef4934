// SPDX-License-Identifier: Apache-2.0
#include "worker/dataset.h"

#include <filesystem>
#include <thread>
#include <vector>

#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

class DatasetTest : public SmallWorldTest {};

TEST_F(DatasetTest, UnitsAreTrainingPartitionsThenCandidatePartitions) {
  const size_t train = dataset().plan().train.size();
  const size_t units = train + dataset().plan().candidates.size();
  ASSERT_EQ(train, 3u);
  ASSERT_GE(units, 5u);
  uint64_t pairs = 0, candidates = 0;
  for (uint64_t unit = 0; unit < units; ++unit) {
    const auto counts = dataset().Count(model(), unit);
    ASSERT_TRUE(counts.has_value()) << counts.error();
    (unit < train ? pairs : candidates) += counts->examples;
    EXPECT_EQ(counts->batches, unit < train ? Batches()[unit] : 0u);
  }
  EXPECT_EQ(pairs, 11u);
  EXPECT_EQ(candidates, 5u);
}

TEST_F(DatasetTest, CatalogueIsReadOnceByTheFirstWhoNeedsIt) {
  EXPECT_EQ(catalogue_reads(), 0) << "however large it is, nobody waited for it";
  std::vector<std::jthread> threads;
  for (uint32_t p = 0; p < 3; ++p) {
    threads.emplace_back([this, p] { EXPECT_TRUE(dataset().LoadTraining(p).has_value()); });
  }
  threads.clear();
  EXPECT_TRUE(dataset().LoadCandidates(0).has_value());
  EXPECT_EQ(catalogue_reads(), 1);
}

TEST_F(DatasetTest, CatalogueThatCannotBeReadIsAnErrorOfEachWhoNeedsIt) {
  std::filesystem::remove(scratch_.path() + "/items.tsv");
  for (int time = 0; time < 2; ++time) {
    const auto partition = dataset().LoadTraining(0);
    ASSERT_FALSE(partition.has_value());
    EXPECT_EQ(partition.error().code(), StatusCode::kNotFound) << partition.error();
  }
  EXPECT_EQ(catalogue_reads(), 1);
}

TEST_F(DatasetTest, SightingsAreSortedDistinctAndOfCountTablesAlone) {
  for (uint64_t unit = 0; unit < 5; ++unit) {
    const PartitionCounts counts = *dataset().Count(model(), unit);
    ASSERT_EQ(counts.ids.size(), specs().size());
    for (size_t table = 0; table < specs().size(); ++table) {
      if (specs()[table].kind != TableKind::kCounts) {
        EXPECT_TRUE(counts.ids[table].empty()) << specs()[table].name;
      }
      EXPECT_EQ(counts.ids[table].size(), counts.sightings[table].size());
      EXPECT_EQ(std::ranges::adjacent_find(counts.ids[table], std::greater_equal<>()),
                counts.ids[table].end());
    }
  }
}

TEST_F(DatasetTest, TokensAreCountedOncePerCandidate) {
  uint64_t good = 0;
  const size_t words = Number(TableNamed("words/counts"));
  for (uint64_t unit = 3; unit < 5; ++unit) {
    const PartitionCounts counts = *dataset().Count(model(), unit);
    for (const uint32_t count : counts.sightings[words]) good += count;
  }
  EXPECT_EQ(good, 10u) << "five titles of two words";
}

TEST_F(DatasetTest, PartitionBeyondThePlanIsRefusedWithTheNumberThereAre) {
  const auto& plan = dataset().plan();
  const auto expect_refusal = [](const Status& status, size_t there_are) {
    EXPECT_EQ(status.code(), StatusCode::kOutOfRange) << status;
    EXPECT_NE(status.message().find("there are " + std::to_string(there_are)), std::string::npos)
        << status;
  };
  const auto beyond = [](const auto& parts) { return static_cast<uint32_t>(parts.size()); };
  expect_refusal(dataset().LoadTraining(beyond(plan.train)).status(), plan.train.size());
  expect_refusal(dataset().LoadCandidates(beyond(plan.candidates)).status(),
                 plan.candidates.size());
  expect_refusal(dataset().LoadEvaluation(0, beyond(plan.evaluation[0])).status(),
                 plan.evaluation[0].size());
  expect_refusal(dataset().LoadEvaluation(beyond(plan.evaluation), 0).status(), 0);
}

TEST_F(DatasetTest, MissingFileIsNamed) {
  std::filesystem::remove(scratch_.path() + "/items.tsv");
  const Status status = dataset().Count(model(), 3).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_NE(status.message().find("items.tsv"), std::string::npos) << status;
}

}  // namespace
}  // namespace skybridge::worker
