// SPDX-License-Identifier: Apache-2.0
#include "env/line_channel.h"

#include <chrono>
#include <memory>

#include <gtest/gtest.h>

namespace skybridge::env {
namespace {

using Lines = std::vector<std::string>;

class LineChannelTest : public testing::Test {
 protected:
  LineChannelTest() {
    auto pair = *LineChannel::Open();
    ours_ = std::make_unique<LineChannel>(std::move(pair.ours));
    theirs_ = std::make_unique<LineChannel>(std::move(pair.theirs));
  }
  std::unique_ptr<LineChannel> ours_;
  std::unique_ptr<LineChannel> theirs_;
};

TEST_F(LineChannelTest, LinesArriveInOrderBothWays) {
  ours_->Send("one");
  ours_->Send("");
  ours_->Send("three");
  EXPECT_EQ(theirs_->Receive(), (Lines{"one", "", "three"}));
  EXPECT_EQ(theirs_->Receive(), Lines{});
  theirs_->Send("answer");
  EXPECT_EQ(ours_->Receive(), Lines{"answer"});
}

TEST_F(LineChannelTest, WhatFindsNoRoomLeavesLater) {
  const std::string line(10'000, 'x');
  size_t sent = 0;
  for (; ours_->idle(); ++sent) ours_->Send(line);
  ours_->Send("last");
  Lines received;
  while (received.empty() || received.back() != "last") {
    for (std::string& some : theirs_->Receive()) received.push_back(std::move(some));
    EXPECT_TRUE(ours_->Receive().empty());  // Sends what waits.
    ASSERT_LE(received.size(), sent + 1);
  }
  EXPECT_TRUE(ours_->idle());
  ASSERT_EQ(received.size(), sent + 1);
  for (size_t i = 0; i < sent; ++i) EXPECT_EQ(received[i], line) << i;
}

TEST_F(LineChannelTest, LinesToTheDeadAreDropped) {
  theirs_->Send("farewell");
  theirs_.reset();
  ours_->Send("nobody hears this");
  EXPECT_TRUE(ours_->idle());
  EXPECT_EQ(ours_->Receive(), Lines{"farewell"});
}

TEST_F(LineChannelTest, WaitEndsWhenALineComes) {
  theirs_->Send("here");
  ours_->Wait(std::chrono::hours(1));
  EXPECT_EQ(ours_->Receive(), Lines{"here"});
}

}  // namespace
}  // namespace skybridge::env
