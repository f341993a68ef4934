// SPDX-License-Identifier: Apache-2.0
#include "data/prepare.h"

#include <gtest/gtest.h>

#include "common/hash.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

class PrepareTest : public SmallJobTest {};

TEST_F(PrepareTest, TrainingCountsPairsAndSightings) {
  options_.batch = 2;
  options_.positives = 2;
  TrainOnAdjacency("7 30 10 20\n8 10\n");
  const Partition partition = *LoadPartition(options_, Plan().train[0], nullptr);
  const TrainingCounts counts = CountTraining(options_, partition);
  EXPECT_EQ(counts.pairs, 4u);
  EXPECT_EQ(counts.batches, 2u) << "two units of user 7, one of user 8";
  EXPECT_EQ(counts.candidates, (IdCounts{{10, 2}, {20, 1}, {30, 1}}));
}

TEST_F(PrepareTest, CandidatesCountTheDocumentsOfEachToken) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  folder_.Write("items.tsv", "item\ttitle\n1\tgo go chess\n2\tgo\n3\t\n");
  options_.candidates = SourceOptions{.paths = {"items.tsv"}};
  options_.candidate.features = {IntegerFeature("item"), TextFeature("title")};
  options_.candidate.features[1].count_documents = true;
  const CandidatePartition partition = *LoadCandidates(options_, Plan().candidates[0], nullptr);
  const CandidateCounts counts = CountCandidates(options_, partition);
  EXPECT_EQ(counts.candidates, 3u);
  ASSERT_EQ(counts.documents.size(), 2u);
  EXPECT_TRUE(counts.documents[0].empty());
  IdCounts expected{{HashBytes("go"), 2}, {HashBytes("chess"), 1}};
  if (expected[0].first > expected[1].first) std::swap(expected[0], expected[1]);
  EXPECT_EQ(counts.documents[1], expected);
}

}  // namespace
}  // namespace skybridge::data
