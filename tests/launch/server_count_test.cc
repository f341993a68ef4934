// SPDX-License-Identifier: Apache-2.0
#include "launch/server_count.h"

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

class ServerCountTest : public testing::Test {
 protected:
  data::ScratchFolder scratch_;
  const RunFolder folder_{scratch_.path()};
};

TEST_F(ServerCountTest, AWishIsThereUntilItIsForgotten) {
  EXPECT_EQ(ServersWanted(folder_), std::nullopt);
  uint32_t number = 0;
  for (const uint32_t servers : {3, 12, 12}) {
    ASSERT_TRUE(WantServers(folder_, servers).has_value());
    EXPECT_EQ(ServersWanted(folder_), (ServersWish{.servers = servers, .number = ++number}));
  }
  ForgetWish(folder_);
  EXPECT_EQ(ServersWanted(folder_), std::nullopt);
}

TEST_F(ServerCountTest, WhatHasBecomeOfItIsToldUntilNobodyLooksAfterTheRun) {
  EXPECT_EQ(ReadServers(folder_), std::nullopt);
  const ServersNow now{.wanted = 3, .servers = 2, .settled = false};
  TellServers(folder_, now);
  EXPECT_EQ(ReadServers(folder_), now);
  const ServersNow stuck{.wanted = 3, .servers = 2, .stuck = 2};
  TellServers(folder_, stuck);
  EXPECT_EQ(ReadServers(folder_), stuck);
  TellServers(folder_, {.wanted = 3, .servers = 3, .settled = true});
  EXPECT_TRUE(ReadServers(folder_)->settled);
  ForgetServers(folder_);
  EXPECT_EQ(ReadServers(folder_), std::nullopt);
}

TEST_F(ServerCountTest, FilesWithoutSenseAreNone) {
  for (const char* text : {"", "x", "3", "3 x", "1 -1", "1 0", "0 2", "1 2 3"}) {
    scratch_.Write("servers.wanted", text);
    EXPECT_EQ(ServersWanted(folder_), std::nullopt) << text;
  }
  for (const char* text : {"", "3", "1 2", "1 2 0 0", "1 1 2 0 x", "1 2 3 4 5 6"}) {
    scratch_.Write("servers.now", text);
    EXPECT_EQ(ReadServers(folder_), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace skybridge::launch
