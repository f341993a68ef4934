// SPDX-License-Identifier: Apache-2.0
#include "env/log_life.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::env {
namespace {

class LogLifeTest : public testing::Test {
 protected:
  LogLife Opened() const {
    auto life = LogLife::Open(path_);
    EXPECT_TRUE(life.has_value()) << life.status();
    return *std::move(life);
  }

  data::ScratchFolder scratch_;
  const std::string path_ = scratch_.path() + "/log_life";
};

TEST_F(LogLifeTest, ALogThatWasOpenedHadBegun) {
  EXPECT_FALSE(Opened().begun());
  EXPECT_TRUE(Opened().CheckWhole("monday").ok());
  LogLife life = Opened();
  ASSERT_TRUE(life.Begin("monday").ok());
  EXPECT_TRUE(life.begun());
  EXPECT_TRUE(Opened().begun());
}

TEST_F(LogLifeTest, AfterItsMachineWentDownALogIsNotTrusted) {
  ASSERT_TRUE(Opened().Begin("monday").ok());
  EXPECT_TRUE(Opened().CheckWhole("monday").ok()) << "the process died, not the machine";
  const Status lost = Opened().CheckWhole("tuesday");
  EXPECT_EQ(lost.code(), StatusCode::kDataLoss);
  EXPECT_NE(lost.message().find(path_ + "_boot"), std::string::npos) << lost;
}

TEST_F(LogLifeTest, WhatIsSyncedOutlivesItsMachine) {
  LogLife life = Opened();
  ASSERT_TRUE(life.Begin("monday").ok());
  ASSERT_TRUE(life.End().ok());
  EXPECT_TRUE(Opened().CheckWhole("tuesday").ok());
  EXPECT_TRUE(Opened().begun());
  ASSERT_TRUE(Opened().Begin("tuesday").ok());
  EXPECT_FALSE(Opened().CheckWhole("wednesday").ok()) << "each life says it again";
  ASSERT_TRUE(Opened().Begin("").ok());
  EXPECT_TRUE(Opened().CheckWhole("wednesday").ok()) << "it answers nothing before it is synced";
}

}  // namespace
}  // namespace skybridge::env
