// SPDX-License-Identifier: Apache-2.0
#include "scheduler/start_barrier.h"

#include <chrono>

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using std::chrono::seconds;

constexpr Instant kStart;

class StartBarrierTest : public testing::Test {
 protected:
  void Join(Role role, uint32_t index) {
    const auto joined = membership.Register(
        {.key = {role, index}, .host = "a", .pid = 1, .instance = 1, .endpoint = "tcp://a:1"},
        kStart);
    ASSERT_TRUE(joined && *joined);
  }
  Result<std::optional<std::string>> TickAt(int t) {
    return barrier.Tick(membership, kStart + seconds(t));
  }

  Membership membership{{.shards = 4, .trainers = 2}};
  StartBarrier barrier{{.servers = 2, .shards = 4, .workers = 2, .trainers = 2}};
};

TEST_F(StartBarrierTest, NamesTheMissingEveryFiveSeconds) {
  for (uint32_t shard = 0; shard < 3; ++shard) Join(Role::kShard, shard);
  Join(Role::kTrainer, 1);
  membership.Exited({.place = {Role::kTrainer, 1}, .how = {StatusCode::kUnavailable, "signal 9"}});
  Join(Role::kTrainer, 0);
  ASSERT_EQ(*TickAt(0), std::nullopt);
  EXPECT_EQ(*TickAt(4), std::nullopt);
  EXPECT_EQ(**TickAt(5),
            "waiting 5 s for 2 of 6: server 1 (shard 3, never heard), "
            "worker 1 (host a, exited: signal 9)");
  EXPECT_EQ(*TickAt(9), std::nullopt);
  EXPECT_TRUE(TickAt(10)->has_value());
  EXPECT_FALSE(barrier.open());
}

TEST_F(StartBarrierTest, NamesWhyOneWasRefused) {
  for (uint32_t shard = 0; shard < 4; ++shard) Join(Role::kShard, shard);
  Join(Role::kTrainer, 0);
  const auto refused =
      membership.Register({.key = {Role::kTrainer, 1}, .host = "a", .version = "2"}, kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(barrier.Missing(membership), "worker 1 (refused: version 2 != )");
}

TEST_F(StartBarrierTest, OfManyMissingSomeAreNamedAndAllCounted) {
  const Membership nobody({.shards = 1, .trainers = 64});
  const StartBarrier wide({.servers = 1, .shards = 1, .workers = 64, .trainers = 64});
  EXPECT_EQ(wide.Missing(nobody),
            "server 0 (never heard), worker 0 (never heard), worker 1 (never heard), "
            "worker 2 (never heard), worker 3 (never heard), and 60 more");
}

TEST_F(StartBarrierTest, FailsByNameAfterTheTimeout) {
  for (uint32_t shard = 0; shard < 4; ++shard) Join(Role::kShard, shard);
  Join(Role::kTrainer, 1);
  (void)TickAt(0);
  EXPECT_TRUE(TickAt(300));
  const auto late = TickAt(301);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error(), Status(StatusCode::kDeadlineExceeded,
                                 "start: waited 301 s in vain for 1 of 6: worker 0 (never heard)"));
}

TEST_F(StartBarrierTest, OwnPauseMovesTheTimeout) {
  (void)TickAt(0);
  barrier.Shift(seconds(400));
  EXPECT_TRUE(TickAt(600));
  EXPECT_FALSE(TickAt(701));
}

TEST_F(StartBarrierTest, StaysOpenOnceItWas) {
  for (uint32_t shard = 0; shard < 4; ++shard) Join(Role::kShard, shard);
  for (uint32_t trainer = 0; trainer < 2; ++trainer) Join(Role::kTrainer, trainer);
  ASSERT_TRUE(TickAt(0));
  EXPECT_TRUE(barrier.open());
  membership.Exited({.place = {Role::kTrainer, 1}});
  EXPECT_TRUE(TickAt(500));
  EXPECT_TRUE(barrier.open());
}

}  // namespace
}  // namespace skybridge::scheduler
