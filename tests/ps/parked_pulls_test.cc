// SPDX-License-Identifier: Apache-2.0
#include "ps/parked_pulls.h"

#include <gtest/gtest.h>

namespace skybridge::ps {
namespace {

constexpr Instant kStart{std::chrono::seconds(1)};
constexpr Instant kLater{std::chrono::seconds(2)};

ParkedPull Pull(const std::string& peer, uint64_t request, Instant since = kStart,
                uint64_t clock = 0) {
  return {.peer = peer, .request = request, .pull = {.clock = clock}, .since = since};
}

TEST(ParkedPullsTest, PullsLeaveInTheOrderTheyCame) {
  MemoryBudget budget(10000);
  ParkedPulls parked(budget);
  for (const uint64_t request : {3, 1, 2}) ASSERT_TRUE(parked.Park(Pull("a", request)).ok());
  const auto taken = parked.TakeIf([](const ParkedPull& pull) { return pull.request != 1; });
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].request, 3u);
  EXPECT_EQ(taken[1].request, 2u);
  EXPECT_EQ(parked.size(), 1u);
}

TEST(ParkedPullsTest, ARepeatTakesThePlaceAndKeepsTheTime) {
  MemoryBudget budget(10000);
  ParkedPulls parked(budget);
  ASSERT_TRUE(parked.Park(Pull("a", 1)).ok());
  ASSERT_TRUE(parked.Park(Pull("b", 1)).ok());  // Somebody else's.
  const uint64_t used = budget.used();
  ASSERT_TRUE(parked.Park(Pull("a", 1, kLater, 7)).ok());
  EXPECT_EQ(budget.used(), used);
  const auto taken = parked.TakeIf([](const ParkedPull& pull) { return pull.peer == "a"; });
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].since, kStart);
  EXPECT_EQ(taken[0].pull.clock, 7u);
}

TEST(ParkedPullsTest, PullsWaitWithinTheBudget) {
  MemoryBudget budget(sizeof(ParkedPull) + 1);
  {
    ParkedPulls parked(budget);
    ASSERT_TRUE(parked.Park(Pull("a", 1)).ok());
    EXPECT_EQ(parked.Park(Pull("a", 2)).code(), StatusCode::kResourceExhausted);
    EXPECT_EQ(parked.size(), 1u);
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST(ParkedPullsTest, TheirNumberIsBounded) {
  MemoryBudget budget(1 << 30);
  ParkedPulls parked(budget);
  for (size_t i = 0; i < ParkedPulls::kMax; ++i) ASSERT_TRUE(parked.Park(Pull("a", i)).ok());
  EXPECT_EQ(parked.Park(Pull("a", ParkedPulls::kMax)).code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace skybridge::ps
