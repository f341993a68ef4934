// SPDX-License-Identifier: Apache-2.0
#include "scheduler/settling.h"

#include <chrono>

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant At(Duration since) { return Instant{since}; }

TEST(SettlingTest, TheyRestOnceNobodyHasComeOrGoneForAWhile) {
  Settling settling({.rest = seconds(1), .max = seconds(5)});
  EXPECT_TRUE(settling.Settled(At(seconds(0))));
  settling.Changed(At(seconds(10)));
  settling.Changed(At(milliseconds(10'900)));
  EXPECT_FALSE(settling.Settled(At(milliseconds(11'800))));
  EXPECT_TRUE(settling.Settled(At(milliseconds(11'900))));
}

TEST(SettlingTest, WhoeverComesAndGoesAllTheTimeIsNotWaitedForWithoutEnd) {
  Settling settling({.rest = seconds(1), .max = seconds(5)});
  int settled = 0;
  for (int tenths = 0; tenths < 300; ++tenths) {
    const Instant now = At(milliseconds(100 * tenths));
    settled += settling.Settled(now) ? 1 : 0;
    settling.Changed(now);
  }
  EXPECT_GE(settled, 5);
  EXPECT_LE(settled, 7);
}

}  // namespace
}  // namespace skybridge::scheduler
