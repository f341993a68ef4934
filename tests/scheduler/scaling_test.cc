// SPDX-License-Identifier: Apache-2.0
//
// The scheduler's side of live moves: shards come and go while a job trains.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/durable_job.h"
#include "scheduler/move_driver.h"
#include "scheduler/part_options.h"
#include "tests/scheduler/fake_cluster.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

SchedulerNodeOptions Options() {
  SchedulerNodeOptions options = FakeOptions();
  options.timings.move_backoff = milliseconds(100);
  return options;
}

class ScalingTest : public testing::Test {
 protected:
  // Trains long enough for a few moves.
  explicit ScalingTest(const SchedulerNodeOptions& options = Options()) : cluster_(options) {
    for (auto& trainer : cluster_.trainers) trainer->work = seconds(20);
  }
  void RunUntil(const std::function<bool()>& done) {
    for (int i = 0; i < 2000 && !done() && !cluster_.scheduler().finished(); ++i) {
      cluster_.Run(milliseconds(50));
    }
  }
  JobProgress progress() { return cluster_.scheduler().progress(cluster_.scheduler_now()); }
  bool training() { return progress().phase == "train"; }
  Status Want(uint32_t shards) {
    return cluster_.scheduler().RequestShards(shards, cluster_.scheduler_now());
  }
  uint32_t shards() { return progress().shards; }
  void Begin() {
    for (auto& trainer : cluster_.trainers) trainer->work = milliseconds(40);
    RunUntil([&] { return training(); });
    for (auto& trainer : cluster_.trainers) trainer->work = seconds(20);
    ASSERT_EQ(shards(), 2u);
  }

  FakeCluster cluster_;
};

TEST_F(ScalingTest, AShardThatComesGetsSlotsAndOneThatIsTooManyIsSentAway) {
  Begin();
  ASSERT_TRUE(Want(3).ok());
  cluster_.Run(milliseconds(500));
  EXPECT_EQ(progress().moving, "");  // Nobody is there to take slots.
  FakeShard& third = cluster_.AddShard(2, 150);
  RunUntil([&] { return shards() == 3 && progress().moving.empty(); });
  ASSERT_EQ(shards(), 3u);
  EXPECT_FALSE(third.left);
  ASSERT_TRUE(Want(1).ok());
  RunUntil([&] { return third.left && cluster_.shards[1]->left; });
  EXPECT_EQ(shards(), 1u);
  EXPECT_TRUE(third.left);
  EXPECT_TRUE(cluster_.shards[1]->left);
  EXPECT_FALSE(cluster_.shards[0]->left);
  for (auto& trainer : cluster_.trainers) trainer->work = milliseconds(10);
  cluster_.Run(seconds(200));
  ASSERT_TRUE(cluster_.scheduler().finished());
  EXPECT_TRUE(cluster_.scheduler().result().status.ok()) << cluster_.scheduler().result().status;
}

TEST_F(ScalingTest, WhereverTheSchedulerDiesTheMoveIsMadeOrGivenUp) {
  // Without deaths: how many effects there are.
  uint64_t effects = 0;
  for (uint64_t crash_at = 0; crash_at <= effects; crash_at += 7) {
    SCOPED_TRACE(crash_at);
    FakeCluster cluster(Options());
    for (auto& trainer : cluster.trainers) trainer->work = milliseconds(40);
    bool asked = false;
    if (crash_at > 0) {
      cluster.crash = [crash_at](uint64_t n, size_t parts) -> std::optional<size_t> {
        if (n != crash_at) return std::nullopt;
        return parts / 2;
      };
    }
    cluster.script = [&](Instant) {
      SchedulerNode& scheduler = cluster.scheduler();
      const JobProgress progress = scheduler.progress(cluster.scheduler_now());
      if (progress.phase != "train" || asked) return;
      asked = scheduler.RequestShards(3, cluster.scheduler_now()).ok();
      cluster.AddShard(2, 150);
      for (auto& trainer : cluster.trainers) trainer->work = seconds(4);
    };
    uint32_t most = 0;
    for (int i = 0; i < 3000 && !cluster.scheduler().finished(); ++i) {
      cluster.Run(milliseconds(50));
      const JobProgress progress = cluster.scheduler().progress(cluster.scheduler_now());
      // The wish may be lost with a scheduler that had not written it down.
      if (asked && progress.shards_wanted == 2) asked = false;
      most = std::max(most, progress.shards);
    }
    ASSERT_TRUE(cluster.scheduler().finished());
    EXPECT_TRUE(cluster.scheduler().result().status.ok()) << cluster.scheduler().result().status;
    EXPECT_EQ(most, 3u);
    if (crash_at == 0) effects = cluster.effects();
    // What it has written leads to the same job.
    EXPECT_TRUE(DurableJob::Restore(Options(), cluster.log()).has_value());
  }
}

TEST_F(ScalingTest, AShardThatFailsToTakeSlotsIsAskedAgainLater) {
  Begin();
  cluster_.AddShard(2, 150);
  int failures = 2;
  cluster_.world.move = [&](const wire::Header& header) -> std::optional<wire::MoveReply::State> {
    if (!header.has_take_slots() || failures == 0) return std::nullopt;
    --failures;
    return wire::MoveReply::FAILED;
  };
  ASSERT_TRUE(Want(3).ok());
  EXPECT_FALSE(progress().scaled);
  RunUntil([&] { return progress().scaled; });
  EXPECT_TRUE(progress().scaled);
  EXPECT_EQ(shards(), 3u);
  EXPECT_EQ(failures, 0);
}

TEST_F(ScalingTest, ADeathOfOneOfTheTwoEndsTheMoveAndTheMapIsNew) {
  Begin();
  FakeShard& third = cluster_.AddShard(2, 150);
  cluster_.world.move = [](const wire::Header& header) -> std::optional<wire::MoveReply::State> {
    if (header.has_install_slots()) return wire::MoveReply::COPYING;
    return std::nullopt;
  };
  ASSERT_TRUE(Want(3).ok());
  RunUntil([&] { return !progress().moving.empty(); });
  cluster_.Run(seconds(1));
  ASSERT_FALSE(progress().moving.empty());
  third.alive = false;
  cluster_.scheduler().NodeExited(
      {.place = {Role::kShard, 2}, .how = {StatusCode::kUnavailable, "killed"}});
  cluster_.Run(milliseconds(200));
  EXPECT_TRUE(progress().moving.empty());
  // It is not missed: it had nothing.
  EXPECT_EQ(progress().waiting_for, "");
  EXPECT_EQ(shards(), 2u);
}

SchedulerNodeOptions TwoServersOfTwo() {
  SchedulerNodeOptions options = Options();
  options.shards = 4;
  options.timings.move_backoff = seconds(2);
  return options;
}

class ScalingOfPairsTest : public ScalingTest {
 protected:
  ScalingOfPairsTest() : ScalingTest(TwoServersOfTwo()) {}
};

// Promise: a wish that is taken back half-way finds the shards that it needs.
TEST_F(ScalingOfPairsTest, ShardsOfOneServerAreSentAwayTogether) {
  for (auto& trainer : cluster_.trainers) trainer->work = milliseconds(40);
  RunUntil([&] { return training(); });
  for (auto& trainer : cluster_.trainers) trainer->work = seconds(20);
  cluster_.world.move = [&](const wire::Header& header) -> std::optional<wire::MoveReply::State> {
    if (!header.has_take_slots() || shards() > 3) return std::nullopt;
    return wire::MoveReply::FAILED;
  };
  ASSERT_TRUE(Want(2).ok());
  RunUntil([&] { return shards() == 3; });
  ASSERT_EQ(shards(), 3u);
  cluster_.Run(seconds(1));
  EXPECT_FALSE(cluster_.shards[3]->left) << "its server has rows";
  ASSERT_TRUE(Want(4).ok());
  cluster_.world.move = [](const wire::Header&) { return std::nullopt; };
  RunUntil([&] { return shards() == 4 && progress().scaled; });
  EXPECT_EQ(shards(), 4u);
  ASSERT_TRUE(Want(2).ok());
  RunUntil([&] { return cluster_.shards[2]->left && cluster_.shards[3]->left; });
  EXPECT_TRUE(cluster_.shards[2]->left && cluster_.shards[3]->left);
}

TEST(PartOptionsTest, PartsAreMadeWithWhatTheJobSays) {
  SchedulerNodeOptions options = Options();
  options.timings.dead_after = seconds(7);
  options.timings.start_timeout = seconds(8);
  options.timings.node_return_max = seconds(9);
  EXPECT_EQ(MembershipOf(options).shards, options.shards);
  EXPECT_EQ(MembershipOf(options).dead_after, seconds(7));
  EXPECT_EQ(BarrierOf(options).timeout, seconds(8));
  EXPECT_EQ(AbsencesOf(options).return_max, seconds(9));
}

TEST_F(ScalingTest, NumbersThatCannotBeAreRefused) {
  Begin();
  EXPECT_EQ(Want(0).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Want(kShardsMax + 1).code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Want(kShardsMax + 1).message(), HasSubstr(std::to_string(kShardsMax)));
  EXPECT_EQ(progress().shards_wanted, 2u);
}

}  // namespace
}  // namespace skybridge::scheduler
