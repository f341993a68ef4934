// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/workload.h"

#include <gtest/gtest.h>

#include "tests/sim/seed_range.h"
#include "tests/sim/swarm_text.h"

namespace skybridge::sim {
namespace {

TEST(WorkloadTest, EachMakesRunsOfItsKind) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    EXPECT_EQ(DrawRun(seed, "train_lockstep")->staleness, 0);
    EXPECT_NE(DrawRun(seed, "train_async")->staleness, 0);
    EXPECT_TRUE(DrawRun(seed, "export")->exports);
    EXPECT_GT(DrawRun(seed, "rolling_restart")->rolling_pause, Duration{0});
    EXPECT_GE(DrawRun(seed, "scheduler_outage")->scheduler_outage, std::chrono::seconds(5));
    EXPECT_GT(DrawRun(seed, "overload")->log_capacity, 0u);
    EXPECT_GT(DrawRun(seed, "checkpoint_loop")->checkpoint_every, Duration{0});
    EXPECT_GT(DrawRun(seed, "restore_other_size")->restores, 0u);
    EXPECT_GT(DrawRun(seed, "live_move")->scales, 0u);
    EXPECT_GT(DrawRun(seed, "live_move")->spare_shards, 0u);
    for (const Workload& workload : Workloads()) {
      EXPECT_TRUE(CheckSwarm(*DrawRun(seed, workload.name)).ok());
    }
  }
}

TEST(WorkloadTest, SeveralAreCombined) {
  const auto run = DrawRun(3, "train_lockstep+export+rolling_restart");
  ASSERT_TRUE(run);
  EXPECT_EQ(run->staleness, 0);
  EXPECT_TRUE(run->exports);
  EXPECT_GT(run->rolling_pause, Duration{0});
}

TEST(WorkloadTest, UnknownNamesAreRefused) {
  for (const char* name : {"", "train", "export+", "+export", "export,overload"}) {
    EXPECT_EQ(DrawRun(1, name).error().code(), StatusCode::kNotFound) << name;
  }
}

TEST(SeedRangeTest, RangesAndNumbers) {
  EXPECT_EQ(*ParseSeeds("7"), (SeedRange{7, 7}));
  EXPECT_EQ(*ParseSeeds("7..9"), (SeedRange{7, 9}));
  EXPECT_EQ(*ParseSeeds("0..0"), (SeedRange{0, 0}));
  for (const char* text :
       {"", "x", "1..", "..1", "9..7", "1..x", "-1", "1 ..2", "0..99999999999"}) {
    EXPECT_EQ(ParseSeeds(text).error().code(), StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace skybridge::sim
