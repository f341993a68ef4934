// SPDX-License-Identifier: Apache-2.0
#include "data/dataset_plan.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::data {
namespace {

class DatasetPlanTest : public testing::Test {
 protected:
  DatasetPlanTest() {
    options_.base = folder_.path();
    options_.partition_bytes = 10;
    options_.train = {{.paths = {"train.tsv"}}};
  }
  Status Error() { return PlanDataset(options_).error(); }
  bool Mentions(const Status& status, std::string_view text) {
    return status.message().find(text) != std::string::npos;
  }

  ScratchFolder folder_;
  DatasetOptions options_;
};

TEST_F(DatasetPlanTest, PiecesCoverAFileWithoutOverlap) {
  folder_.Write("train.tsv", std::string(37, 'x'));
  const DatasetPlan plan = *PlanDataset(options_);
  ASSERT_EQ(plan.train.size(), 4u);
  uint64_t at = 0;
  for (uint32_t i = 0; i < plan.train.size(); ++i) {
    EXPECT_EQ(plan.train[i].index, i);
    EXPECT_EQ(plan.train[i].begin, at);
    EXPECT_LE(plan.train[i].end - at, options_.partition_bytes);
    at = plan.train[i].end;
  }
  EXPECT_EQ(at, 37u);
}

TEST_F(DatasetPlanTest, ArchivesAreNotCut) {
  options_.train[0].paths = {"train.tsv.gz", "more.tsv.zst"};
  folder_.Write("train.tsv.gz", std::string(37, 'x'));
  folder_.Write("more.tsv.zst", std::string(37, 'x'));
  const DatasetPlan plan = *PlanDataset(options_);
  ASSERT_EQ(plan.train.size(), 2u);
  EXPECT_EQ(plan.train[0].file->compression, Compression::kGzip);
  EXPECT_EQ(plan.train[0].file->format, Format::kTsv);
  EXPECT_EQ(plan.train[1].file->compression, Compression::kZstd);
  EXPECT_EQ(plan.train[1].index, 1u);
}

TEST_F(DatasetPlanTest, PatternsGiveTheirFilesInOrderOfName) {
  options_.train[0].paths = {"b-*.csv", "a-*.jsonl"};
  for (const char* name : {"b-2.csv", "b-10.csv", "a-1.jsonl"}) folder_.Write(name, "x");
  const DatasetPlan plan = *PlanDataset(options_);
  std::vector<std::string> names;
  for (const PlannedFile& file : plan.train_files[0]) names.push_back(file.name);
  EXPECT_EQ(names, (std::vector<std::string>{"b-10.csv", "b-2.csv", "a-1.jsonl"}));
  EXPECT_EQ(plan.train_files[0][0].format, Format::kCsv);
  EXPECT_EQ(plan.train_files[0][2].format, Format::kJsonLines);
}

TEST_F(DatasetPlanTest, WithoutCandidatesSourceThereAreAsManySlicesAsTrainingPartitions) {
  folder_.Write("train.tsv", std::string(37, 'x'));
  DatasetPlan plan = *PlanDataset(options_);
  ASSERT_EQ(plan.candidates.size(), 4u);
  EXPECT_FALSE(plan.candidates[3].file.has_value());
  EXPECT_EQ(plan.candidates[3].share, 3u);
  EXPECT_EQ(plan.candidates[3].shares, 4u);
  options_.candidates = SourceOptions{.paths = {"train.tsv"}};
  plan = *PlanDataset(options_);
  ASSERT_EQ(plan.candidates.size(), 4u);
  EXPECT_TRUE(plan.candidates[3].file.has_value());
}

TEST_F(DatasetPlanTest, EvaluationsHaveSharesByTheirBytes) {
  folder_.Write("train.tsv", std::string(100, 'x'));
  folder_.Write("test.tsv", std::string(25, 'x'));
  options_.holdout = 0.2;
  options_.evaluations = {{.name = "test", .source = {.paths = {"test.tsv"}}},
                          {.name = "valid", .holdout = true}};
  const DatasetPlan plan = *PlanDataset(options_);
  ASSERT_EQ(plan.evaluation.size(), 2u);
  EXPECT_EQ(plan.evaluation[0].size(), 3u);
  EXPECT_EQ(plan.evaluation[0][2].share, 2u);
  EXPECT_EQ(plan.evaluation[1].size(), 2u);
  EXPECT_EQ(plan.evaluation[1][1].source, 1u);
}

TEST_F(DatasetPlanTest, HashFollowsContentNotPlace) {
  folder_.Write("train.tsv", "user\titem\n1\t2\n");
  const uint64_t hash = PlanDataset(options_)->hash();
  ScratchFolder elsewhere;
  elsewhere.Write("train.tsv", "user\titem\n1\t2\n");
  DatasetOptions moved = options_;
  moved.base = elsewhere.path();
  EXPECT_EQ(PlanDataset(moved)->hash(), hash);
  elsewhere.Write("train.tsv", "user\titem\n1\t3\n");
  EXPECT_NE(PlanDataset(moved)->hash(), hash);
  options_.partition_bytes = 1000;
  EXPECT_NE(PlanDataset(options_)->hash(), hash);
}

TEST_F(DatasetPlanTest, HashSeesTheLastMiBOfALargeFile) {
  std::string text(3 << 20, 'x');
  folder_.Write("train.tsv", text);
  const uint64_t hash = PlanDataset(options_)->hash();
  text.back() = 'y';
  folder_.Write("train.tsv", text);
  EXPECT_NE(PlanDataset(options_)->hash(), hash);
}

TEST_F(DatasetPlanTest, MissingFileIsNamed) {
  EXPECT_EQ(Error().code(), StatusCode::kNotFound);
  EXPECT_TRUE(Mentions(Error(), folder_.path() + "/train.tsv")) << Error();
  options_.train[0].paths = {"part-*.tsv"};
  EXPECT_EQ(Error().code(), StatusCode::kNotFound);
  EXPECT_TRUE(Mentions(Error(), "part-*.tsv: the pattern matches no file")) << Error();
}

TEST_F(DatasetPlanTest, EmptyFileAndFolderAreRefusedByName) {
  folder_.Write("train.tsv", "");
  EXPECT_EQ(Error().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(Mentions(Error(), "train.tsv: empty file")) << Error();
  std::filesystem::create_directory(folder_.path() + "/logs.tsv");
  options_.train[0].paths = {"logs.tsv"};
  EXPECT_EQ(Error().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(Mentions(Error(), "logs.tsv: a folder")) << Error();
}

TEST_F(DatasetPlanTest, NameThatTellsNoFormatIsRefusedUnlessTheJobTellsIt) {
  folder_.Write("train.txt", "1 2\n");
  options_.train[0].paths = {"train.txt"};
  EXPECT_EQ(Error().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(Mentions(Error(), "train.txt: the ending tells no format")) << Error();
  options_.train[0].format = Format::kAdjacency;
  EXPECT_EQ(PlanDataset(options_)->train_files[0][0].format, Format::kAdjacency);
}

}  // namespace
}  // namespace skybridge::data
