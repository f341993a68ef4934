// SPDX-License-Identifier: Apache-2.0
#include "env/file_lock.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::env {
namespace {

TEST(FileLockTest, OneHolderAtATime) {
  const data::ScratchFolder scratch;
  const std::string path = scratch.path() + "/lock";
  {
    const auto first = FileLock::Take(path, Duration::zero());
    ASSERT_TRUE(first.has_value()) << first.error();
    const Status refused = FileLock::Take(path, Duration::zero()).status();
    EXPECT_EQ(refused.code(), StatusCode::kAlreadyExists);
    EXPECT_NE(refused.message().find(path), std::string::npos) << refused;
  }
  EXPECT_TRUE(FileLock::Take(path, Duration::zero()).has_value());
}

TEST(FileLockTest, FileThatCannotBeOpenedIsNamed) {
  const Status status = FileLock::Take("/no/such/folder/lock", Duration::zero()).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("/no/such/folder/lock"), std::string::npos) << status;
}

}  // namespace
}  // namespace skybridge::env
