// SPDX-License-Identifier: Apache-2.0
#include "scheduler/delete_folder.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

namespace fs = std::filesystem;

TEST(DeleteFolderTest, FolderGoesWithAllInItAndARepeatIsHarmless) {
  const std::string folder = testing::TempDir() + "/delete_folder_test";
  fs::create_directories(folder + "/vectors-4/parts");
  std::ofstream(folder + "/vectors-4/parts/part-00000.a1.ids.npy") << "ids";
  for (int time = 0; time < 2; ++time) {
    DeleteFolder task(folder + "/vectors-4");
    task.Run();
    EXPECT_TRUE(task.status.ok()) << task.status;
    EXPECT_FALSE(fs::exists(folder + "/vectors-4"));
    EXPECT_TRUE(fs::exists(folder)) << "and nothing beside it";
  }
  fs::remove_all(folder);
}

TEST(DeleteFolderTest, FailureNamesTheFolder) {
  DeleteFolder task("/proc/self/fd");
  task.Run();
  EXPECT_EQ(task.status.code(), StatusCode::kUnavailable);
  EXPECT_NE(task.status.message().find("/proc/self/fd"), std::string::npos) << task.status;
}

}  // namespace
}  // namespace skybridge::scheduler
