// SPDX-License-Identifier: Apache-2.0
#include "data/candidate_source.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

using Keys = std::vector<uint64_t>;
using Strings = std::vector<std::string>;

class CandidateSourceTest : public SmallJobTest {};

TEST_F(CandidateSourceTest, FileOrderWithLabelsAndDisplayColumns) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  folder_.Write("items.tsv", "title\titem\tyear\nchess\t07\t1475\ngo\t2\t-500\nshogi\t7\t1600\n");
  options_.candidates = SourceOptions{.paths = {"items.tsv"}};
  options_.display = {"year", "title"};
  const CandidatePartition partition = *LoadCandidates(options_, Plan().candidates[0], nullptr);
  EXPECT_EQ(partition.keys, (Keys{7, 2}));
  EXPECT_EQ(partition.labels, (Strings{"07", "2"}));
  EXPECT_EQ(partition.display, (std::vector<Strings>{{"1475", "-500"}, {"chess", "go"}}));
  EXPECT_EQ(partition.features.features[0].ids, (Keys{7, 2}));
  EXPECT_EQ(partition.features.count, 2u);
  EXPECT_EQ(partition.duplicates, 1u);
}

TEST_F(CandidateSourceTest, SlicesOfTheCatalogueCoverItInOrder) {
  options_.partition_bytes = 9;
  TrainOnAdjacency("7 30 10\n8 20 10 5\n9 1 2 3\n");
  const DatasetPlan plan = Plan();
  ASSERT_GT(plan.candidates.size(), 1u);
  const Catalogue catalogue = *Catalogue::Load(options_, plan);
  Keys keys, ids;
  Strings labels;
  for (const PartitionRef& ref : plan.candidates) {
    const CandidatePartition partition = *LoadCandidates(options_, ref, &catalogue);
    keys.insert(keys.end(), partition.keys.begin(), partition.keys.end());
    labels.insert(labels.end(), partition.labels.begin(), partition.labels.end());
    const Keys& slice = partition.features.features[0].ids;
    ids.insert(ids.end(), slice.begin(), slice.end());
  }
  EXPECT_EQ(keys, (Keys{1, 2, 3, 5, 10, 20, 30}));
  EXPECT_EQ(ids, keys);
  EXPECT_EQ(labels, (Strings{"1", "2", "3", "5", "10", "20", "30"}));
}

TEST_F(CandidateSourceTest, SliceWithoutCatalogueIsAPreconditionThatFailed) {
  TrainOnAdjacency("7 30 10\n");
  EXPECT_EQ(LoadCandidates(options_, Plan().candidates[0], nullptr).error().code(),
            StatusCode::kFailedPrecondition);
}

TEST_F(CandidateSourceTest, UnknownDisplayColumnListsTheColumns) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  folder_.Write("items.tsv", "item\n1\n");
  options_.candidates = SourceOptions{.paths = {"items.tsv"}};
  options_.display = {"title"};
  EXPECT_EQ(LoadCandidates(options_, Plan().candidates[0], nullptr).error().message(),
            "items.tsv: no column 'title'; the file has: item");
}

}  // namespace
}  // namespace skybridge::data
