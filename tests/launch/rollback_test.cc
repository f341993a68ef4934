// SPDX-License-Identifier: Apache-2.0
#include "launch/rollback.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

class TidyRollbackTest : public testing::Test {
 protected:
  void Put(const std::string& path, const std::string& text) const {
    const fs::path whole = fs::path(folder_.path) / path;
    fs::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  std::string Get(const std::string& path) const {
    std::ifstream file(fs::path(folder_.path) / path);
    std::string text;
    std::getline(file, text);
    return text;
  }
  bool Has(const std::string& path) const { return fs::exists(fs::path(folder_.path) / path); }

  data::ScratchFolder scratch_;
  const RunFolder folder_{scratch_.path()};
};

// It died while it made the new state: the old one is all there is.
TEST_F(TidyRollbackTest, WhatWasNotWholeIsDropped) {
  Put("store/shard-0/rows", "old");
  Put("scheduler/log", "old");
  Put("rollback/store/shard-0/rows", "half");
  ASSERT_TRUE(TidyRollback(folder_).ok());
  EXPECT_EQ(Get("store/shard-0/rows"), "old");
  EXPECT_EQ(Get("scheduler/log"), "old");
  EXPECT_FALSE(Has("rollback"));
}

// It died after `moved` of the two folders had taken their places.
TEST_F(TidyRollbackTest, WhatWasWholeTakesItsPlaceWhereverThatStopped) {
  for (int moved = 0; moved <= 2; ++moved) {
    Put("temp/vectors-3", "old");
    Put("rolled_back/empty", "");
    Put(moved > 0 ? "store/rows" : "rolled_back/store/rows", "new");
    Put(moved > 1 ? "scheduler/log" : "rolled_back/scheduler/log", "new");
    if (moved == 0) Put("store/other_rows", "old");
    if (moved <= 1) Put("scheduler/other_log", "old");
    ASSERT_TRUE(TidyRollback(folder_).ok()) << moved;
    EXPECT_EQ(Get("store/rows"), "new") << moved;
    EXPECT_EQ(Get("scheduler/log"), "new") << moved;
    for (const char* gone : {"store/other_rows", "scheduler/other_log", "temp", "rolled_back"}) {
      EXPECT_FALSE(Has(gone)) << gone << moved;
    }
    fs::remove_all(folder_.store_folder());
    fs::remove_all(folder_.scheduler_folder());
  }
}

TEST_F(TidyRollbackTest, WithNothingToTidyNothingChanges) {
  Put("store/rows", "old");
  ASSERT_TRUE(TidyRollback(folder_).ok());
  EXPECT_EQ(Get("store/rows"), "old");
}

TEST(RollbackLimitTest, ACheckpointThatLeadsNowhereIsNotGoneBackToForEver) {
  RollbackLimit limit;
  for (uint32_t times = 0; times < RollbackLimit::kSameMax; ++times) {
    EXPECT_TRUE(limit.Note(7).ok());
    EXPECT_TRUE(limit.Note(8).ok());
  }
  const Status refused = limit.Note(7);
  EXPECT_EQ(refused.code(), StatusCode::kStateLost);
  EXPECT_NE(refused.message().find("checkpoint 7"), std::string::npos) << refused;
}

}  // namespace
}  // namespace skybridge::launch
