// SPDX-License-Identifier: Apache-2.0
#include "launch/silence.h"

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

using std::chrono::seconds;

constexpr Instant kStart;

TEST(SilenceTest, CountsFromTheLastWord) {
  Silence silence;
  silence.Begin(kStart);
  EXPECT_EQ(silence.Length(kStart + seconds(2)), seconds(2));
  silence.Heard(kStart + seconds(3));
  EXPECT_EQ(silence.Length(kStart + seconds(5)), seconds(2));
  EXPECT_EQ(silence.Length(kStart + seconds(8)), seconds(5));
}

TEST(SilenceTest, APauseOfOursIsNotTheOthersSilence) {
  Silence silence;
  silence.Begin(kStart);
  EXPECT_EQ(silence.Length(kStart + seconds(2)), seconds(2));
  EXPECT_EQ(silence.Length(kStart + seconds(100)), seconds(2));
  EXPECT_EQ(silence.Length(kStart + seconds(101)), seconds(3));
}

}  // namespace
}  // namespace skybridge::launch
