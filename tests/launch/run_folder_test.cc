// SPDX-License-Identifier: Apache-2.0
#include "launch/run_folder.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

// Runs in a current folder of its own.
class RunFolderTest : public testing::Test {
 protected:
  RunFolderTest() : before_(fs::current_path()) { fs::current_path(scratch_.path()); }
  ~RunFolderTest() override { fs::current_path(before_); }

  data::ScratchFolder scratch_;

 private:
  const fs::path before_;
};

TEST_F(RunFolderTest, RunsAreNumbered) {
  EXPECT_TRUE(MakeRunFolder("", "job")->path.ends_with("/runs/job-1"));
  EXPECT_TRUE(MakeRunFolder("", "job")->path.ends_with("/runs/job-2"));
  EXPECT_TRUE(MakeRunFolder("", "other")->path.ends_with("/runs/other-1"));
}

TEST_F(RunFolderTest, OnlyARunThatBeginsIsTheLatest) {
  const RunFolder first = *MakeRunFolder("", "job");
  PointLatest(first);
  EXPECT_EQ(fs::read_symlink("runs/latest"), "job-1");
  const RunFolder second = *MakeRunFolder("", "job");
  EXPECT_EQ(fs::read_symlink("runs/latest"), "job-1") << "the second may still be refused";
  PointLatest(second);
  EXPECT_EQ(fs::read_symlink("runs/latest"), "job-2");
  PointLatest(*MakeRunFolder("mine", "job"));
  EXPECT_EQ(fs::read_symlink("runs/latest"), "job-2") << "not a run of this folder";
}

TEST_F(RunFolderTest, RemainsOfAStartThatFailedAreNoObstacle) {
  const RunFolder folder = *MakeRunFolder("mine", "job");
  std::ofstream(folder.lock_file()) << "77";
  std::ofstream(folder.job_file()) << "name: \"x\"";
  std::ofstream(folder.log("scheduler")) << "port taken";
  fs::create_directories(folder.checkpoint_folder());
  EXPECT_TRUE(MakeRunFolder("mine", "job").has_value());
  std::ofstream(folder.checkpoint_folder() + "/one") << "x";
  EXPECT_FALSE(MakeRunFolder("mine", "job").has_value()) << "somebody's checkpoints";
  fs::remove(folder.checkpoint_folder() + "/one");
  std::ofstream(folder.state_file()) << "{}";
  EXPECT_FALSE(MakeRunFolder("mine", "job").has_value()) << "a run that can be resumed";
}

TEST_F(RunFolderTest, RemainsOfARestoreThatWasKilledAreNoObstacle) {
  const RunFolder folder = *MakeRunFolder("mine", "job");
  fs::create_directories(folder.store_folder() + "/shard-0");
  std::ofstream(folder.lock_file()) << "77";
  EXPECT_FALSE(MakeRunFolder("mine", "job").has_value()) << "somebody's store";
  std::ofstream(folder.restoring_file()).put('\n');
  std::ofstream(folder.state_file() + ".tmp-7-1") << "{";
  std::ofstream(folder.job_file() + ".tmp-7-2") << "name:";
  {
    const Result<OwnRunFolder> own = BeginRunFolder("mine", "job");
    ASSERT_TRUE(own.has_value()) << own.status();
    EXPECT_FALSE(fs::exists(folder.store_folder()));
    EXPECT_FALSE(fs::exists(folder.restoring_file()));
    EXPECT_FALSE(fs::exists(folder.job_file() + ".tmp-7-2"));
  }
  std::ofstream(folder.restoring_file() + ".tmp-7-3").put('\n');
  EXPECT_TRUE(BeginRunFolder("mine", "job").has_value()) << "it had just begun";
  std::ofstream(folder.restoring_file()).put('\n');
  std::ofstream(folder.state_file()) << "{}";
  EXPECT_FALSE(BeginRunFolder("mine", "job").has_value()) << "a run that can be resumed";
}

// Promise: nothing is deleted or replaced that a run did not make.
TEST_F(RunFolderTest, FilesOfSomebodyElseAreNoRemainsWhateverTheyAreCalled) {
  const RunFolder folder = *MakeRunFolder("mine", "job");
  fs::create_directories(folder.scheduler_folder());
  std::ofstream(folder.scheduler_folder() + "/notes") << "mine";
  std::ofstream(folder.job_file()) << "# mine\nname: \"x\"";
  EXPECT_EQ(BeginRunFolder("mine", "job").status().code(), StatusCode::kAlreadyExists);
  EXPECT_TRUE(fs::exists(folder.scheduler_folder() + "/notes"));
  EXPECT_FALSE(fs::exists(folder.lock_file()));
}

TEST_F(RunFolderTest, ALockThatCannotBeTakenIsNotSaidToBeHeld) {
  const Status refused = LockRunFolder(RunFolder{"none"}, Duration::zero()).status();
  EXPECT_EQ(refused.message().find("another run"), std::string::npos) << refused;
  EXPECT_NE(refused.message().find("none/lock"), std::string::npos) << refused;
}

TEST_F(RunFolderTest, OneProcessAtATimeBeginsInAFolder) {
  const Result<OwnRunFolder> own = BeginRunFolder("mine", "job");
  ASSERT_TRUE(own.has_value()) << own.status();
  const Status refused = BeginRunFolder("mine", "job").status();
  EXPECT_EQ(refused.code(), StatusCode::kAlreadyExists) << refused;
}

TEST_F(RunFolderTest, AFileIsNoFolder) {
  std::ofstream("mine") << "job";
  EXPECT_EQ(MakeRunFolder("mine", "job").status().message(), "run folder mine: it is a file");
}

TEST_F(RunFolderTest, FolderWithSomethingInItIsRefusedByName) {
  EXPECT_TRUE(MakeRunFolder("mine", "job").has_value());
  EXPECT_TRUE(MakeRunFolder("mine", "job").has_value()) << "still empty";
  std::ofstream("mine/notes") << "x";
  const Status refused = MakeRunFolder("mine", "job").status();
  EXPECT_EQ(refused.code(), StatusCode::kAlreadyExists);
  EXPECT_NE(refused.message().find("mine"), std::string::npos);
}

TEST_F(RunFolderTest, CleaningLeavesLogsAndTheExport) {
  const RunFolder folder = *MakeRunFolder("mine", "job");
  for (const std::string& path :
       {folder.temp_folder(), folder.store_folder(), folder.export_folder()}) {
    fs::create_directories(path);
  }
  std::ofstream(folder.log("server-0")) << "x";
  CleanRunFolder(folder);
  EXPECT_FALSE(fs::exists(folder.temp_folder()));
  EXPECT_FALSE(fs::exists(folder.store_folder()));
  EXPECT_TRUE(fs::exists(folder.export_folder()));
  EXPECT_TRUE(fs::exists(folder.log("server-0")));
}

TEST_F(RunFolderTest, LastLineComesWithoutTheLogsPrefix) {
  std::ofstream("log") << "first\nE20260102 03:04:05.678901  77 shard_node.cc:407] disk full\n\n";
  EXPECT_EQ(LastLine("log"), "disk full");
  EXPECT_EQ(LastLine("absent"), "");
}

}  // namespace
}  // namespace skybridge::launch
