// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/swarm.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/sim/swarm_text.h"

namespace skybridge::sim {
namespace {

using std::chrono::seconds;

constexpr uint64_t kSeeds = 2000;

TEST(SwarmTest, ASeedAlwaysGivesTheSameRun) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_EQ(Describe(DrawSwarm(seed)), Describe(DrawSwarm(seed)));
    EXPECT_NE(Describe(DrawSwarm(seed)), Describe(DrawSwarm(seed + 1)));
  }
}

TEST(SwarmTest, EveryShapeOccurs) {
  std::set<uint32_t> shards, trainers, ranks;
  std::set<int32_t> staleness;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Swarm swarm = DrawSwarm(seed);
    shards.insert(swarm.shards);
    trainers.insert(swarm.trainers);
    ranks.insert(swarm.ranks);
    staleness.insert(swarm.staleness);
  }
  EXPECT_EQ(shards, (std::set<uint32_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(trainers, (std::set<uint32_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(ranks, (std::set<uint32_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(staleness, (std::set<int32_t>{-1, 0, 1, 2, 3}));
}

TEST(SwarmTest, EachFaultIsOnInHalfOfTheSeeds) {
  int drop = 0, duplicate = 0, reorder = 0, cuts = 0, crashes = 0, freezes = 0, servers = 0;
  int memory = 0, schedulers = 0, replays = 0, shards = 0, lockstep = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Swarm swarm = DrawSwarm(seed);
    drop += swarm.links.drop > 0;
    duplicate += swarm.links.duplicate > 0;
    reorder += swarm.links.reorder > 0;
    cuts += swarm.links.cuts_per_second > 0;
    crashes += swarm.trainer_faults.crashes_per_minute > 0;
    freezes += swarm.trainer_faults.freezes_per_minute > 0;
    servers += swarm.server_faults.freezes_per_minute > 0;
    memory += swarm.tight_memory;
    schedulers += swarm.scheduler_crashes.crashes_per_minute > 0;
    replays += swarm.links.replay > 0;
    shards += swarm.shard_crashes.crashes_per_minute > 0;
    lockstep += swarm.staleness == 0;
  }
  for (const int on : {drop, duplicate, reorder, cuts, crashes, freezes, servers, memory,
                       schedulers, replays, shards, lockstep}) {
    EXPECT_NEAR(on, kSeeds / 2, kSeeds / 20);
  }
}

// A shard that is silent for 15 s is dead, and would have to come back: no fault may look like it.
TEST(SwarmTest, NoFaultLooksLikeTheDeathOfAServer) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Swarm swarm = DrawSwarm(seed);
    EXPECT_LT(swarm.server_faults.freeze_max + swarm.links.cut_max + swarm.links.late_max,
              seconds(12));
    EXPECT_EQ(swarm.server_faults.crashes_per_minute, 0);
    EXPECT_LT(swarm.links.drop, 0.2);
    EXPECT_LT(swarm.heal_at, swarm.deadline);
  }
}

TEST(SwarmTextTest, DifferencesTurnOneRunIntoAnother) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Swarm from = DrawSwarm(seed);
    const Swarm to = DrawSwarm(seed + 1);
    Swarm moved = from;
    for (const std::string& field : Differences(from, to)) {
      ASSERT_TRUE(SetField(field, moved).ok()) << field;
    }
    EXPECT_EQ(Describe(moved), Describe(to));
    EXPECT_TRUE(Differences(moved, to).empty());
    EXPECT_EQ(moved.links.drop, to.links.drop);  // To the last bit.
    EXPECT_EQ(moved.tick, to.tick);
    EXPECT_TRUE(CheckSwarm(moved).ok());
  }
}

TEST(SwarmTextTest, DurationsHaveUnits) {
  Swarm swarm;
  for (const auto& [text, length] : {std::pair<const char*, Duration>{"tick=3s", seconds(3)},
                                     {"tick=20ms", std::chrono::milliseconds(20)},
                                     {"tick=5us", std::chrono::microseconds(5)},
                                     {"tick=7ns", Duration(7)},
                                     {"tick=0s", Duration(0)}}) {
    EXPECT_TRUE(SetField(text, swarm).ok()) << text;
    EXPECT_EQ(swarm.tick, length);
  }
}

TEST(SwarmTextTest, WhatIsNoFieldOrNoValueIsRefusedAndChangesNothing) {
  const Swarm before = DrawSwarm(1);
  Swarm swarm = before;
  EXPECT_EQ(SetField("link.drop=1", swarm).code(), StatusCode::kNotFound);
  for (const char* text :
       {"shards", "shards=", "shards=x", "shards=-1", "shards=1.5", "links.drop=-0.1",
        "links.drop=nan", "tick=5", "tick=-5ms", "tick=ms", "tick=99999999s", "supervised=1"}) {
    EXPECT_EQ(SetField(text, swarm).code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_TRUE(Differences(before, swarm).empty());
}

TEST(SwarmTextTest, RunsThatCannotBeAreRefused) {
  const Swarm good = DrawSwarm(1);
  ASSERT_TRUE(CheckSwarm(good).ok());
  for (const char* text :
       {"shards=0", "trainers=0", "ranks=65", "epochs=0", "staleness=-2", "tick=0s",
        "links.delay_min=1s", "links.drop=2", "heal_at=3000s", "checkpoint_keep=0", "restores=9",
        "restored_shards=0", "store_failures=2"}) {
    Swarm swarm = good;
    ASSERT_TRUE(SetField(text, swarm).ok());
    EXPECT_EQ(CheckSwarm(swarm).code(), StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace skybridge::sim
