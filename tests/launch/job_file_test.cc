// SPDX-License-Identifier: Apache-2.0
#include "launch/job_file.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "env/files.h"
#include "launch/files.h"

namespace skybridge::launch {
namespace {

constexpr char kGood[] = R"(
  data { train { path: "train.tsv" } candidate_key: "item" }
  query { feature { column: "user" id {} } }
  candidate { feature { column: "item" id {} } })";

Result<LoadedJob> Load(const std::string& text, JobRequest request = {}) {
  request.path = "job.pbtxt";
  return JobFromText(text, request, "/base");
}

TEST(JobFileTest, EveryBadJobIsRefusedWithItsMessage) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/launch/bad_jobs")) {
    const std::string text = *ReadFile(entry.path().string());
    const std::string mark = "# expect: ";
    ASSERT_EQ(text.rfind(mark, 0), 0u) << entry.path();
    const std::string expected = text.substr(mark.size(), text.find('\n') - mark.size());
    const Result<LoadedJob> loaded = LoadJob({.path = entry.path().string()});
    ASSERT_FALSE(loaded.has_value()) << entry.path();
    EXPECT_EQ(loaded.error().code(), StatusCode::kInvalidArgument) << entry.path();
    EXPECT_NE(loaded.error().message().find(expected), std::string::npos)
        << entry.path() << "\nexpected: " << expected << "\ngot: " << loaded.error().message();
    ++count;
  }
  EXPECT_GE(count, 60);
}

TEST(JobFileTest, AllMistakesAreNamedAtOnce) {
  const Result<LoadedJob> loaded = Load("query { dim: 3 } candidate { dim: 4 }");
  ASSERT_FALSE(loaded.has_value());
  for (const char* part : {"data.train", "data.candidate_key", "query: no feature",
                           "candidate: no feature", "candidate.dim: 4, but query.dim is 3"}) {
    EXPECT_NE(loaded.error().message().find(part), std::string::npos) << part;
  }
}

TEST(JobFileTest, ResolvedJobReadsBackAsItself) {
  const LoadedJob first = *Load(kGood);
  const LoadedJob second = *Load(JobText(first.job));
  EXPECT_EQ(JobText(first.job), JobText(second.job));
  EXPECT_EQ(first.hash, second.hash);
}

TEST(JobFileTest, HashTellsJobsApart) {
  EXPECT_NE(Load(kGood)->hash, Load(kGood, {.set = {"seed=2"}})->hash);
  EXPECT_EQ(Load(kGood)->hash, Load(kGood, {.set = {"seed=1"}})->hash);
}

TEST(JobFileTest, OverridesApplyInTheirOrder) {
  EXPECT_EQ(
      Load(kGood, {.set = {"training.epochs=2", "training.epochs=3"}})->job.training().epochs(),
      3u);
}

TEST(JobFileTest, DataFolderReplacesItsNameInEveryPath) {
  const std::string text =
      std::string(kGood) + R"(evaluation { source { path: "$DATA/test.tsv" path: "x$DATA/" } })";
  const LoadedJob loaded = *Load(text, {.data = "/logs/"});
  EXPECT_EQ(loaded.job.evaluation(0).source().path(0), "/logs/test.tsv");
  EXPECT_EQ(loaded.job.evaluation(0).source().path(1), "x$DATA/");
  EXPECT_EQ(loaded.job.data().train(0).path(0), "train.tsv");
}

TEST(JobFileTest, BaseIsTheFolderOfTheJobUnlessSaidOtherwise) {
  const std::string folder = testing::TempDir();
  const std::string path = folder + "/base_test.pbtxt";
  ASSERT_TRUE(env::WriteFileDurably(path, kGood).ok());
  EXPECT_EQ(LoadJob({.path = path})->base, AbsolutePath(folder));
  EXPECT_EQ(LoadJob({.path = path, .base = "/elsewhere"})->base, "/elsewhere");
  std::filesystem::remove(path);
}

TEST(JobFileTest, MissingFileIsNamedWithTheReason) {
  const Result<LoadedJob> loaded = LoadJob({.path = "no/such/job.pbtxt"});
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code(), StatusCode::kNotFound);
  EXPECT_EQ(loaded.error().message(), "read no/such/job.pbtxt: No such file or directory");
  EXPECT_EQ(LoadJob({.path = "tests"}).error().message(), "read tests: it is a folder");
}

TEST(JobFileTest, ExamplesAreGoodJobs) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("examples")) {
    if (entry.path().extension() != ".pbtxt") continue;
    const Result<LoadedJob> loaded = LoadJob({.path = entry.path().string(), .data = "/data"});
    EXPECT_TRUE(loaded.has_value()) << loaded.status();
    ++count;
  }
  EXPECT_GE(count, 3);
}

}  // namespace
}  // namespace skybridge::launch
