// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/event_queue.h"

#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "common/rng.h"

namespace skybridge::sim {
namespace {

Instant At(int64_t ns) { return {Duration(ns)}; }

TEST(EventQueueTest, EventsOfOneInstantLeaveInTheOrderOfPush) {
  EventQueue<int> queue;
  for (int i = 0; i < 100; ++i) queue.Push(At(7), i);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.Pop(), i);
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueueTest, HoldsEventsThatCanOnlyBeMoved) {
  EventQueue<std::unique_ptr<int>> queue;
  queue.Push(At(2), std::make_unique<int>(2));
  queue.Push(At(1), std::make_unique<int>(1));
  EXPECT_EQ(queue.next_at(), At(1));
  EXPECT_EQ(*queue.Pop(), 1);
  EXPECT_EQ(*queue.Pop(), 2);
}

// The naive twin: an ordered multimap, which keeps equal keys in the order of insertion.
TEST(EventQueueTest, RandomHistoriesAgreeWithAnOrderedMap) {
  Rng rng(1, Purpose::kTest);
  EventQueue<uint64_t> queue;
  std::multimap<Instant, uint64_t> twin;
  for (uint64_t i = 0; i < 20000; ++i) {
    if (twin.empty() || rng.Below(5) < 3) {
      const Instant at = At(static_cast<int64_t>(rng.Below(50)));
      queue.Push(at, i);
      twin.emplace(at, i);
      continue;
    }
    ASSERT_EQ(queue.next_at(), twin.begin()->first);
    ASSERT_EQ(queue.Pop(), twin.begin()->second);
    twin.erase(twin.begin());
    ASSERT_EQ(queue.size(), twin.size());
  }
}

}  // namespace
}  // namespace skybridge::sim
