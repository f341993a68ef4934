// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/shrink.h"

#include <gtest/gtest.h>

#include "tests/sim/swarm_text.h"
#include "tests/sim/workload.h"

namespace skybridge::sim {
namespace {

const auto kForever = [] { return true; };

TEST(ShrinkTest, KeepsWhatTheFailureNeedsAndNothingElse) {
  const Swarm failing = *DrawRun(5, "overload+rolling_restart");
  ASSERT_GE(failing.trainers, 6u);
  const auto fails = [](const Swarm& swarm) {
    return swarm.trainers >= 3 && swarm.rolling_pause > Duration{0};
  };
  const Shrunk shrunk = Shrink(failing, fails, kForever);
  EXPECT_TRUE(fails(shrunk.swarm));
  EXPECT_EQ(shrunk.swarm.trainers, 3u);
  EXPECT_EQ(shrunk.swarm.ranks, 1u);
  EXPECT_EQ(shrunk.swarm.shards, 1u);
  EXPECT_EQ(shrunk.swarm.epochs, 1u);
  EXPECT_FALSE(shrunk.swarm.tight_memory);
  EXPECT_EQ(shrunk.swarm.links.drop, 0);
  EXPECT_EQ(shrunk.swarm.shard_crashes.crashes_per_minute, 0);
  EXPECT_GT(shrunk.swarm.rolling_pause, Duration{0});
  EXPECT_GT(shrunk.tries, 10u);
}

TEST(ShrinkTest, RatesAreHalvedWhileItFails) {
  Swarm failing;
  failing.links.drop = 0.1;
  const auto fails = [](const Swarm& swarm) { return swarm.links.drop > 0.02; };
  EXPECT_DOUBLE_EQ(Shrink(failing, fails, kForever).swarm.links.drop, 0.025);
}

TEST(ShrinkTest, EndsWithItsTime) {
  uint64_t calls = 0;
  const auto fails = [&](const Swarm&) { return ++calls % 2 == 0; };
  const Shrunk shrunk = Shrink(*DrawRun(5, "overload"), fails, [&] { return calls < 3; });
  EXPECT_EQ(calls, 3u);
  EXPECT_EQ(shrunk.tries, 3u);
}

TEST(ShrinkTest, AnotherSeedMayMeetTheFailure) {
  Swarm failing;
  failing.seed = 10;
  failing.trainers = 4;
  const auto fails = [](const Swarm& swarm) {
    return swarm.seed == (swarm.trainers == 1 ? 13u : 10u);
  };
  const Shrunk shrunk = Shrink(failing, fails, kForever);
  EXPECT_EQ(shrunk.swarm.trainers, 1u);
  EXPECT_EQ(shrunk.swarm.seed, 13u);
}

TEST(ShrinkTest, WhatCannotBeSmallerStays) {
  const Swarm failing = DrawSwarm(9);
  const Shrunk shrunk = Shrink(
      failing, [](const Swarm&) { return false; }, kForever);
  EXPECT_TRUE(Differences(failing, shrunk.swarm).empty());
}

}  // namespace
}  // namespace skybridge::sim
