// SPDX-License-Identifier: Apache-2.0
#include "env/store_mark.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

class StoreMarkTest : public testing::Test {
 protected:
  // What the folder's store is named by; 0: refused.
  uint64_t Taken(const std::string& owner, uint64_t new_store_id) const {
    const Result<StoreMark::Store> store = mark_.Take(owner, new_store_id);
    return store ? store->id : 0;
  }

  data::ScratchFolder scratch_;
  const std::string folder_ = scratch_.path() + "/shard-0";
  const StoreMark mark_{folder_};
};

TEST_F(StoreMarkTest, AFolderKeepsTheNameThatItsOwnerGaveIt) {
  EXPECT_FALSE(*mark_.Exists());
  EXPECT_EQ(Taken("job 1, shard 0", 7), 7u);
  EXPECT_TRUE(*mark_.Exists());
  EXPECT_EQ(Taken("job 1, shard 0", 8), 7u);
  EXPECT_EQ(mark_.Take("job 2, shard 0", 9).status().code(), StatusCode::kFailedPrecondition);
}

// What tells a store that is lost from one that was never made.
TEST_F(StoreMarkTest, AStoreIsToBeMadeUntilItIsSaidToBe) {
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(*mark_.Take("job 1, shard 0", 7), (StoreMark::Store{.id = 7, .made = false}));
  }
  EXPECT_EQ(mark_.Take("job 2, shard 0", 9).status().code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(mark_.Write("job 1, shard 0", 7).ok());
  EXPECT_EQ(*mark_.Take("job 1, shard 0", 8), (StoreMark::Store{.id = 7, .made = true}));
}

TEST_F(StoreMarkTest, AFolderWithOtherFilesIsRefusedAndLeftAlone) {
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/thesis.txt") << "years of work";
  const Status refused = mark_.Take("job 1, shard 0", 7).status();
  EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.message().find(folder_), std::string::npos) << refused;
  EXPECT_TRUE(fs::exists(folder_ + "/thesis.txt"));
  EXPECT_FALSE(*mark_.Exists());
}

// Promise: a start may be killed at any moment, and is repeated.
TEST_F(StoreMarkTest, AMarkThatWasNotFinishedIsNoObstacle) {
  fs::create_directories(folder_);
  std::ofstream(mark_.path() + ".tmp-77-1") << "Rows of";
  EXPECT_EQ(Taken("job 1, shard 0", 7), 7u);
  EXPECT_FALSE(fs::exists(mark_.path() + ".tmp-77-1"));
}

TEST_F(StoreMarkTest, WhatIsNoMarkIsNobodysOwn) {
  for (const char* text :
       {"", "\n", "to be made\n", "Rows of a Skybridge shard.\nowner job 1, shard 0\nstore 7\n"}) {
    fs::create_directories(folder_);
    std::ofstream(mark_.path()) << text;
    EXPECT_EQ(mark_.Take("job 1, shard 0", 7).status().code(), StatusCode::kFailedPrecondition)
        << text;
  }
}

}  // namespace
}  // namespace skybridge::env
