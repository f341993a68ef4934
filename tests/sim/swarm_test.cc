// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/swarm.h"

#include <set>

#include <gtest/gtest.h>

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
  EXPECT_EQ(staleness, (std::set<int32_t>{-1, 1, 2, 3}));
}

TEST(SwarmTest, EachFaultIsOnInHalfOfTheSeeds) {
  int drop = 0, duplicate = 0, reorder = 0, cuts = 0, crashes = 0, freezes = 0, servers = 0;
  int memory = 0, schedulers = 0;
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
  }
  for (const int on :
       {drop, duplicate, reorder, cuts, crashes, freezes, servers, memory, schedulers}) {
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

}  // namespace
}  // namespace skybridge::sim
