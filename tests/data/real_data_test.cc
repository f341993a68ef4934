// SPDX-License-Identifier: Apache-2.0
//
// Reads a public data set where it lies beside the checkout; its published counts are the oracle.
#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "data/catalogue.h"
#include "data/evaluation_source.h"
#include "data/partition.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

constexpr const char* kGowalla = "../shared/data/gowalla";
constexpr uint64_t kUsers = 29858, kItems = 40981, kTrainPairs = 810128, kTestPairs = 217242;

class GowallaTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kGowalla)) GTEST_SKIP() << kGowalla << " is not there";
    const auto source = [](const char* name) {
      return SourceOptions{
          .paths = {name}, .format = Format::kAdjacency, .columns = {"user", "place"}};
    };
    options_.base = kGowalla;
    options_.train = {source("train.txt")};
    options_.evaluations = {{.source = source("test.txt"), .mask_seen = true}};
    options_.query_key = "user";
    options_.candidate_key = "place";
    options_.candidate_key_form = IdForm::kInteger;
    options_.query.features = {IntegerFeature("user")};
    options_.candidate.features = {IntegerFeature("place")};
    options_.query.features[0].id.below = kUsers;
    options_.candidate.features[0].id.below = kItems;
    options_.partition_bytes = 256 << 10;
  }

  // (query, candidate) of all partitions, sorted.
  std::vector<std::pair<uint64_t, uint64_t>> Pairs() {
    std::vector<std::pair<uint64_t, uint64_t>> pairs;
    const DatasetPlan plan = *PlanDataset(options_);
    for (const PartitionRef& ref : plan.train) {
      const Partition partition = *LoadPartition(options_, ref, nullptr);
      for (size_t record = 0; record < partition.records(); ++record) {
        for (uint32_t i = partition.positive_offsets[record];
             i < partition.positive_offsets[record + 1]; ++i) {
          pairs.emplace_back(partition.query_keys[record],
                             partition.candidate_keys[partition.positives[i]]);
        }
      }
    }
    std::ranges::sort(pairs);
    return pairs;
  }

  DatasetOptions options_;
};

TEST_F(GowallaTest, PartitionsGiveEachOfThePublishedPairsOnce) {
  const auto pairs = Pairs();
  EXPECT_EQ(pairs.size(), kTrainPairs);
  EXPECT_EQ(std::ranges::adjacent_find(pairs), pairs.end()) << "a pair came twice";
  uint64_t users = 0;
  for (size_t i = 0; i < pairs.size(); ++i) users += i == 0 || pairs[i - 1].first != pairs[i].first;
  EXPECT_EQ(users, kUsers);
  options_.partition_bytes = 1 << 30;
  EXPECT_TRUE(Pairs() == pairs) << "cutting the file changed its pairs";
}

TEST_F(GowallaTest, CatalogueHasThePublishedNumberOfItems) {
  EXPECT_EQ(Catalogue::Load(options_, *PlanDataset(options_))->size(), kItems);
}

TEST_F(GowallaTest, EvaluationHasThePublishedPairsAndMasksTraining) {
  const DatasetPlan plan = *PlanDataset(options_);
  uint64_t relevant = 0, seen = 0, queries = 0;
  for (uint32_t share = 0; share < plan.evaluation[0].size(); ++share) {
    const EvaluationQueries part = *LoadEvaluation(options_, plan, 0, share);
    relevant += part.relevant.keys.size();
    seen += part.seen.keys.size();
    queries += part.queries.count;
  }
  EXPECT_EQ(relevant, kTestPairs);
  EXPECT_EQ(queries, kUsers) << "every user has a test item";
  EXPECT_EQ(seen, kTrainPairs);
}

TEST_F(GowallaTest, HoldoutAndTrainingShareThePairsOut) {
  options_.holdout = 0.1;
  options_.evaluations[0] = {.name = "valid", .holdout = true};
  const DatasetPlan plan = *PlanDataset(options_);
  uint64_t held_out = 0;
  for (uint32_t share = 0; share < plan.evaluation[0].size(); ++share) {
    held_out += LoadEvaluation(options_, plan, 0, share)->relevant.keys.size();
  }
  EXPECT_EQ(held_out + Pairs().size(), kTrainPairs);
  EXPECT_NEAR(static_cast<double>(held_out) / kTrainPairs, 0.1, 0.002);
}

}  // namespace
}  // namespace skybridge::data
