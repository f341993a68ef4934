// SPDX-License-Identifier: Apache-2.0
#include "launch/progress_line.h"

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

TEST(ProgressLineTest, CountsHaveThreeDigits) {
  EXPECT_EQ(ShortCount(0), "0");
  EXPECT_EQ(ShortCount(999), "999");
  EXPECT_EQ(ShortCount(999.6), "1.00 k");
  EXPECT_EQ(ShortCount(45'600), "45.6 k");
  EXPECT_EQ(ShortCount(999'999), "1.00 M");
  EXPECT_EQ(ShortCount(3e15), "3000 T");
}

TEST(ProgressLineTest, DurationsHaveTwoUnits) {
  EXPECT_EQ(ShortDuration(-1), "0 s");
  EXPECT_EQ(ShortDuration(59.6), "1 min 00 s");
  EXPECT_EQ(ShortDuration(200), "3 min 20 s");
  EXPECT_EQ(ShortDuration(7500), "2 h 05 min");
}

TEST(ProgressLineTest, TrainingShowsEpochShareRateLossAndTimeLeft) {
  EXPECT_EQ(ProgressLine({.phase = "train",
                          .done = 61,
                          .total = 100,
                          .examples_per_second = 18200,
                          .mean_loss = 1.234,
                          .seconds_left = 130,
                          .epoch = 2.44}),
            "train     epoch 2.4  61 %  18.2 k examples/s  loss 1.2340  2 min 10 s left");
}

TEST(ProgressLineTest, SlotsThatMoveAreShown) {
  EXPECT_EQ(ProgressLine({.phase = "train", .moving = "slots 1 to 2 from shard 0 to shard 1"}),
            "train     moving slots 1 to 2 from shard 0 to shard 1");
}

TEST(ProgressLineTest, WhatIsNotKnownIsNotShown) {
  EXPECT_EQ(ProgressLine({.phase = "export"}), "export  ");
  EXPECT_EQ(ProgressLine({.phase = "waiting", .waiting_for = "server 1 (never heard)"}),
            "waiting  server 1 (never heard)");
}

}  // namespace
}  // namespace skybridge::launch
