// SPDX-License-Identifier: Apache-2.0
#include "common/clock_schedule.h"

#include <map>
#include <tuple>

#include <gtest/gtest.h>

#include "common/rng.h"

namespace skybridge {
namespace {

TEST(ClockScheduleTest, EveryBatchIsComputedOncePerEpochForAnyNumberOfRanks) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    const auto ranks = static_cast<uint32_t>(1 + rng.Below(6));
    std::vector<uint64_t> batches(1 + rng.Below(9));
    for (uint64_t& count : batches) count = rng.Below(5);
    const ClockSchedule schedule(seed, ranks, 3, batches);
    std::map<std::tuple<uint32_t, uint32_t, uint64_t>, int> seen;
    for (uint64_t clock = 1; clock <= schedule.clocks_total(); ++clock) {
      uint32_t active = 0;
      for (uint32_t r = 0; r < ranks; ++r) {
        const auto at = schedule.At(Rank(static_cast<uint16_t>(r)), clock);
        if (!at) continue;
        ++active;
        ++seen[{at->epoch, at->partition, at->batch}];
      }
      EXPECT_EQ(active, schedule.ActiveRanks(clock));
      EXPECT_GT(active, 0u) << "an idle clock: " << clock;
    }
    size_t expected = 0;
    for (const uint64_t count : batches) expected += 3 * count;
    EXPECT_EQ(seen.size(), expected);
    for (const auto& [position, times] : seen) EXPECT_EQ(times, 1);
  }
}

TEST(ClockScheduleTest, PartitionsAreSpreadEvenlyAndEpochsDiffer) {
  const ClockSchedule schedule(7, 2, 2, {10, 10, 10, 10});
  EXPECT_EQ(schedule.clocks_per_epoch(0), 20u);
  EXPECT_EQ(schedule.clocks_total(), 40u);
  bool differs = false;
  for (uint64_t clock = 1; clock <= 20; ++clock) {
    differs |=
        schedule.At(Rank(0), clock)->partition != schedule.At(Rank(0), clock + 20)->partition;
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace skybridge
