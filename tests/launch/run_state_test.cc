// SPDX-License-Identifier: Apache-2.0
#include "launch/run_state.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "env/files.h"
#include "launch/commands.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

class RunStateTest : public testing::Test {
 protected:
  data::ScratchFolder scratch_;
  const RunFolder folder_{scratch_.path()};
  const RunState state_{.job = {1, 2},
                        .base = "/data",
                        .version = BinaryVersion(),
                        .table_hash = true,
                        .endpoint = "tcp://127.0.0.1:4567",
                        .restored = true};
};

TEST_F(RunStateTest, ComesBackAsItWas) {
  ASSERT_TRUE(WriteRunState(folder_, state_).ok());
  const auto read = ReadRunState(folder_);
  ASSERT_TRUE(read.has_value()) << read.error();
  EXPECT_EQ(read->job, state_.job);
  EXPECT_EQ(read->base, "/data");
  EXPECT_TRUE(read->table_hash);
  EXPECT_EQ(read->endpoint, "tcp://127.0.0.1:4567");
  EXPECT_TRUE(read->restored);
}

TEST_F(RunStateTest, RunThatHasSucceededDoesNotGoOn) {
  EXPECT_NE(ReadRunState(folder_).error().message().find("not the folder of a run"),
            std::string::npos);
  ASSERT_TRUE(WriteRunState(folder_, state_).ok());
  fs::create_directories(folder_.store_folder());
  scratch_.Write("result.json", "{}");
  ForgetRun(folder_);
  EXPECT_FALSE(fs::exists(folder_.store_folder()));
  EXPECT_NE(ReadRunState(folder_).error().message().find("has succeeded"), std::string::npos);
}

// Promise: what a run keeps until it succeeds does not outlive that for good.
TEST_F(RunStateTest, WhatAStopLeftOfARunThatSucceededIsDeletedLater) {
  const auto tried = [&] {
    ForgetRest(folder_);
    return fs::exists(folder_.store_folder());
  };
  fs::create_directories(folder_.store_folder());
  scratch_.Write("job.pbtxt", "name: \"x\"");
  EXPECT_TRUE(tried()) << "it has no result";
  scratch_.Write("result.json", "{}");
  EXPECT_TRUE(tried()) << "no run had this folder";
  ASSERT_TRUE(WriteRunState(folder_, state_).ok());
  {
    const auto lock = LockRunFolder(folder_, Duration::zero());
    ASSERT_TRUE(lock.has_value()) << lock.status();
    fs::remove(folder_.state_file());
    EXPECT_TRUE(tried()) << "it is at it";
  }
  ASSERT_TRUE(WriteRunState(folder_, state_).ok());
  EXPECT_TRUE(tried()) << "it may go on";
  fs::remove(folder_.state_file());
  fs::create_symlink(folder_.state_file(), folder_.state_file());  // ELOOP
  EXPECT_TRUE(tried()) << "nobody can tell whether it may go on";
  fs::remove(folder_.state_file());
  EXPECT_FALSE(tried());
}

TEST_F(RunStateTest, AnotherVersionIsRefusedWithBoth) {
  RunState other = state_;
  other.version = "0.0.0-other";
  ASSERT_TRUE(WriteRunState(folder_, other).ok());
  const Status refused = ReadRunState(folder_).status();
  EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.message().find("0.0.0-other"), std::string::npos) << refused;
  EXPECT_NE(refused.message().find(BinaryVersion()), std::string::npos) << refused;
}

TEST_F(RunStateTest, DamagedFileIsNamed) {
  for (const char* text : {"", "[]", "{\"job\": 3}", "{\"hash\": true, \"job\": \"x\"}"}) {
    ASSERT_TRUE(env::WriteFileDurably(folder_.state_file(), text).ok());
    EXPECT_EQ(ReadRunState(folder_).status().code(), StatusCode::kFailedPrecondition) << text;
  }
}

}  // namespace
}  // namespace skybridge::launch
