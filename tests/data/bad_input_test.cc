// SPDX-License-Identifier: Apache-2.0
//
// What users' files get wrong: each fault is refused with the place, what is wrong, and what to do.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "data/evaluation_source.h"
#include "data/partition.h"
#include "tests/data/archives.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

class BadInputTest : public SmallJobTest {
 protected:
  // What training says of the files as they are; OK if nothing.
  Status Train() {
    const Result<DatasetPlan> plan = PlanDataset(options_);
    if (!plan) return plan.error();
    for (const PartitionRef& ref : plan->train) {
      SKY_RETURN_IF_ERROR(LoadPartition(options_, ref, nullptr).status());
    }
    return Status();
  }
  Status TrainOn(std::string_view text) {
    folder_.Write("train.tsv", text);
    return Train();
  }
  static Status Invalid(const std::string& message) {
    return Status(StatusCode::kInvalidArgument, message);
  }
  static bool Mentions(const Status& status, std::string_view text) {
    return status.message().find(text) != std::string::npos;
  }
};

TEST_F(BadInputTest, RaggedLine) {
  EXPECT_EQ(TrainOn("user\titem\n7\t1\n8\t2\t3\n"),
            Invalid("train.tsv:3: 3 columns, expected 2: a field is missing, or holds the "
                    "separator"));
  EXPECT_TRUE(Mentions(TrainOn("user\titem\n7\n"), "train.tsv:2: 1 columns, expected 2"));
}

TEST_F(BadInputTest, TextThatIsNotUtf8) {
  EXPECT_EQ(TrainOn("user\titem\n7\t1\n\xe9\t2\n"),
            Invalid("train.tsv:3: not UTF-8 text at byte 1 of the line; convert the file to "
                    "UTF-8"));
}

TEST_F(BadInputTest, NumberThatIsNotFinite) {
  options_.query.features.push_back({.column = "age", .kind = FeatureKind::kNumber});
  for (const std::string value : {"nan", "inf", "-inf", "1e60"}) {
    EXPECT_EQ(TrainOn("user\titem\tage\n7\t1\t30\n8\t2\t" + value + "\n"),
              Invalid("train.tsv:3: column age: '" + value +
                      "' is no finite number of single precision; leave the field empty and set "
                      "`missing`"));
  }
  EXPECT_TRUE(Mentions(TrainOn("user\titem\tage\n7\t1\t\n"), "train.tsv:2: column age: empty"));
}

TEST_F(BadInputTest, IdAtOrAboveTheDeclaredBound) {
  options_.query.features[0].id.below = 100;
  EXPECT_TRUE(TrainOn("user\titem\n99\t1\n").ok());
  EXPECT_EQ(TrainOn("user\titem\n99\t1\n100\t1\n"),
            Invalid("train.tsv:3: column user: id 100 is not below 100, the feature's bound "
                    "`below`"));
}

TEST_F(BadInputTest, EmptyFileMissingFileAndFileWithoutHeader) {
  EXPECT_TRUE(Mentions(TrainOn(""), "train.tsv: empty file; fill it or leave it out"));
  EXPECT_EQ(Train().code(), StatusCode::kInvalidArgument);
  options_.train[0].paths = {"gone.tsv"};
  EXPECT_EQ(Train(),
            Status(StatusCode::kNotFound, "find " + folder_.path() + "/gone.tsv: no such file"));
  options_.train[0].paths = {"empty.tsv.gz"};
  folder_.Write("empty.tsv.gz", Gzip(""));
  EXPECT_EQ(Train(), Invalid("empty.tsv.gz: no header line"));
}

TEST_F(BadInputTest, MissingColumnListsThoseThatAreThere) {
  EXPECT_EQ(TrainOn("user\tproduct\n7\t1\n"),
            Invalid("train.tsv: no column 'item'; the file has: user, product"));
}

TEST_F(BadInputTest, HeaderThatNamesAColumnTwice) {
  EXPECT_EQ(TrainOn("user\titem\tuser\n7\t1\t8\n"),
            Invalid("train.tsv:1: column name 'user' comes twice"));
}

TEST_F(BadInputTest, ArchiveCutOffAnywhere) {
  const std::string text = "user\titem\n7\t1\n8\t2\n";
  for (const auto& [name, whole] :
       {std::pair<std::string, std::string>("train.tsv.gz", Gzip(text)),
        std::pair<std::string, std::string>("train.tsv.zst", Zstd(text))}) {
    options_.train[0].paths = {name};
    folder_.Write(name, whole);
    ASSERT_TRUE(Train().ok());
    for (size_t bytes = 1; bytes < whole.size(); ++bytes) {
      folder_.Write(name, whole.substr(0, bytes));
      const Status status = Train();
      EXPECT_EQ(status.code(), StatusCode::kDataLoss) << name << " cut to " << bytes;
      EXPECT_TRUE(Mentions(status, name)) << status;
    }
    EXPECT_TRUE(Mentions(Train(), "cut off")) << Train();
  }
}

constexpr std::string_view kNothingToEmbed =
    "no id or word in it, nor in another column of the tower, so there is nothing to embed; fill "
    "one in or leave the row out";

TEST_F(BadInputTest, QueryWithoutHistory) {
  FeatureOptions history = IntegerFeature("history");
  history.id.separator.assign(1, '|');
  options_.query.features = {history};
  EXPECT_EQ(TrainOn("user\thistory\titem\n7\t3|4\t1\n8\t\t2\n"),
            Invalid("train.tsv:3: column history: " + std::string(kNothingToEmbed)));
  EXPECT_FALSE(TrainOn("user\thistory\titem\n8\t|\t2\n").ok()) << "separators are no ids";
  options_.query.features.push_back(IntegerFeature("user"));
  EXPECT_TRUE(TrainOn("user\thistory\titem\n8\t\t2\n").ok()) << "the user is something to embed";
}

TEST_F(BadInputTest, QueryWithoutHistoryInJsonLinesAndInAnEvaluation) {
  options_.query.features = {IntegerFeature("history")};
  const std::string line = "{\"user\": 8, \"history\": [], \"item\": 2}\n";
  folder_.Write("train.jsonl", line);
  options_.train[0].paths = {"train.jsonl"};
  EXPECT_EQ(Train(), Invalid("train.jsonl:1: column history: " + std::string(kNothingToEmbed)));
  folder_.Write("train.jsonl", "{\"user\": 8, \"history\": [1], \"item\": 2}\n");
  folder_.Write("test.jsonl", line);
  options_.evaluations = {{.name = "test", .source = {.paths = {"test.jsonl"}}}};
  EXPECT_EQ(LoadEvaluation(options_, Plan(), 0, 0).error(),
            Invalid("test.jsonl:1: column history: " + std::string(kNothingToEmbed)));
}

TEST_F(BadInputTest, CandidateWithoutAnyWord) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  folder_.Write("items.tsv", "item\ttitle\n1\tchess\n2\t...\n");
  options_.candidates = SourceOptions{.paths = {"items.tsv"}};
  options_.candidate.features = {TextFeature("title")};
  EXPECT_EQ(Catalogue::Load(options_, Plan()).error(),
            Invalid("items.tsv:3: column title: " + std::string(kNothingToEmbed)));
}

TEST_F(BadInputTest, RecordThatListsNoCandidateIsSkippedAndCounted) {
  TrainOnAdjacency("7 1\n8\n9 2\n");
  const Partition partition = *LoadPartition(options_, Plan().train[0], nullptr);
  EXPECT_EQ(partition.skipped, 1u);
  EXPECT_EQ(partition.records(), 2u);
}

}  // namespace
}  // namespace skybridge::data
