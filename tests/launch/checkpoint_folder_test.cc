// SPDX-License-Identifier: Apache-2.0
#include "launch/checkpoint_folder.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "launch/commands.h"
#include "launch/run_folder.h"
#include "launch/run_state.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

constexpr char kJob[] = R"(
  data { train { path: "train.tsv" } candidate_key: "item" }
  query { feature { column: "user" id {} } }
  candidate { feature { column: "item" id {} } })";
constexpr char kFirst[] = "00000000000000010000000000000002";
constexpr char kSecond[] = "000000000000000100000000000000ab";

class FindCheckpointsTest : public testing::Test {
 protected:
  // A run whose job has this `checkpoint`, its relative paths counted from the scratch folder.
  void MakeRun(const std::string& name, const std::string& checkpoint) const {
    const RunFolder run{Path(name)};
    fs::create_directories(run.path);
    scratch_.Write(name + "/job.pbtxt", std::string(kJob) + checkpoint);
    const Status written = WriteRunState(
        run, {.job = {.high = 1, .low = 2}, .base = scratch_.path(), .version = BinaryVersion()});
    ASSERT_TRUE(written.ok()) << written;
  }
  void MakeCheckpoints(const std::string& folder) const {
    fs::create_directories(Path(folder) + "/manifests");
  }
  std::string Path(const std::string& name) const { return scratch_.path() + "/" + name; }
  // Relative to the scratch folder; or why there are none.
  std::string Found(const std::string& given) const {
    const auto found = FindCheckpoints(Path(given));
    return found ? fs::relative(*found, scratch_.path()).string() : found.error().message();
  }

  data::ScratchFolder scratch_;
};

TEST_F(FindCheckpointsTest, ARunHasThemUnlessItsJobSaysOtherwise) {
  MakeRun("run", "checkpoint { every_s: 9 }");
  MakeCheckpoints("run/checkpoints");
  EXPECT_EQ(Found("run"), "run/checkpoints");
  EXPECT_EQ(Found("run/checkpoints"), "run/checkpoints");
}

TEST_F(FindCheckpointsTest, ARunLeadsToWhereItsJobKeepsThem) {
  MakeRun("runs/x-1", "checkpoint { every_s: 9 path: 'kept' }");
  MakeRun("runs/x-2", "checkpoint { every_s: 9 path: '" + Path("kept") + "' }");
  EXPECT_NE(Found("runs/x-1").find("no checkpoints are there"), std::string::npos);
  for (const char* id : {kFirst, kSecond}) MakeCheckpoints(std::string("kept/") + id);
  fs::create_directory_symlink("x-1", Path("runs/latest"));
  for (const char* run : {"runs/x-1", "runs/x-2", "runs/latest"}) {
    EXPECT_EQ(Found(run), std::string("kept/") + kFirst) << run;
  }
}

// Of one that has succeeded only the job is left.
TEST_F(FindCheckpointsTest, ARunThatHasEndedLeadsThereByAnAbsolutePath) {
  MakeRun("run", "checkpoint { every_s: 9 path: '" + Path("kept") + "' }");
  fs::remove(Path("run/run.json"));
  MakeCheckpoints(std::string("kept/") + kFirst);
  EXPECT_NE(Found("run").find("no checkpoints are there"), std::string::npos)
      << "it has just begun: these are another's";
  scratch_.Write("run/result.json", "{}");
  EXPECT_EQ(Found("run"), std::string("kept/") + kFirst);
}

TEST_F(FindCheckpointsTest, AFolderOfJobsHasThoseOfOneOrNamesThemAll) {
  MakeCheckpoints("kept/somebody_elses");
  scratch_.Write("kept/notes.txt", "");
  EXPECT_NE(Found("kept").find("no checkpoints are there"), std::string::npos);
  MakeCheckpoints(std::string("kept/") + kSecond);
  EXPECT_EQ(Found("kept"), std::string("kept/") + kSecond);
  EXPECT_EQ(Found(std::string("kept/") + kSecond), std::string("kept/") + kSecond);
  MakeCheckpoints(std::string("kept/") + kFirst);
  const std::string several = Found("kept");
  for (const char* id : {kFirst, kSecond})
    EXPECT_NE(several.find(id), std::string::npos) << several;
  EXPECT_EQ(FindCheckpoints(Path("kept")).error().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skybridge::launch
