// SPDX-License-Identifier: Apache-2.0
#include "worker/lockstep_rank.h"

#include <set>

#include "tests/worker/training_work.h"

namespace skybridge::worker {
namespace {

constexpr uint64_t kSeed = 7;
constexpr uint32_t kEpochs = 2;

class LockstepRankTest : public TrainingWorkTest {
 protected:
  LockstepRankTest() { Deal(2); }
  void Deal(uint32_t ranks) {
    ranks_ = ranks;
    schedule_ = std::make_unique<ClockSchedule>(kSeed, ranks, kEpochs, Batches());
  }
  // Works as `rank` over all clocks.
  LeaseOutcome Work(uint32_t rank, uint32_t attempt = 1) {
    wire::TrainSpec spec = Spec(kEpochs);
    spec.set_rank(rank);
    spec.set_clock_end(schedule_->clocks_total());
    spec.set_clocks_total(schedule_->clocks_total());
    LockstepRank work({.owner = 4, .phase = 2, .attempt = attempt, .seed = kSeed, .ranks = ranks_},
                      spec, model(), dataset(), cache_, runner_.calls, runner_.cluster);
    runner_.Run(work);
    EXPECT_TRUE(work.outcome().has_value()) << "it hangs";
    return work.outcome().value_or(LeaseOutcome{});
  }
  // (shard, clock) of each push seen.
  std::multiset<std::pair<size_t, uint64_t>> Pushes() const {
    std::multiset<std::pair<size_t, uint64_t>> seen;
    for (const SeenPush& push : runner_.shards.pushes) {
      seen.emplace(push.shard, push.push.sequence());
    }
    return seen;
  }
  // What the pushes to one shard say that they were computed from.
  uint64_t ExamplesPushed() const {
    uint64_t examples = 0;
    for (const SeenPush& seen : runner_.shards.pushes) {
      if (seen.shard == 0) examples += seen.push.examples();
    }
    return examples;
  }
  // Every shard saw each clock of `rank` once, with the gradient of its batch. Returns examples.
  uint64_t ExpectEachClockOnce(uint16_t rank) const {
    uint64_t examples = 0;
    for (uint64_t clock = 1; clock <= schedule_->clocks_total(); ++clock) {
      for (const size_t shard : {0, 1}) EXPECT_EQ(Pushes().count({shard, clock}), 1u) << clock;
      const auto position = schedule_->At(Rank(rank), clock);
      if (!position) continue;
      const float scale = 1.0f / static_cast<float>(schedule_->ActiveRanks(clock));
      EXPECT_EQ(RowsPushed(clock), RowsOfGradient(*position, scale)) << clock;
      examples += Prepare(*position)->batch.positives.size();
    }
    return examples;
  }

  uint32_t ranks_ = 0;
  std::unique_ptr<ClockSchedule> schedule_;
};

TEST_F(LockstepRankTest, EachClockIsPushedOnceToEveryShardWithTheGradientOfItsBatch) {
  const LeaseOutcome outcome = Work(1);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(ExamplesPushed(), ExpectEachClockOnce(1));
  EXPECT_EQ(outcome.done.count(), schedule_->clocks_total());
}

TEST_F(LockstepRankTest, PullCertifiesTheClockBeforeAndTheEndIsCertifiedAlone) {
  Work(0);
  for (const auto& [shard, pull] : runner_.shards.pulls) {
    EXPECT_EQ(pull.done(), pull.clock() - 1);
    EXPECT_FALSE(pull.read_only());
  }
  EXPECT_EQ(runner_.shards.pulls.size(), 2 * schedule_->clocks_total());
  ASSERT_EQ(runner_.shards.leaves.size(), 2u);
  for (const auto& [shard, leave] : runner_.shards.leaves) {
    EXPECT_EQ(leave.done(), schedule_->clocks_total());
  }
}

TEST_F(LockstepRankTest, RankThatRanOutPushesEmpty) {
  Deal(4);  // Three partitions: one rank has none.
  for (uint32_t rank = 0; rank < 4; ++rank) {
    const uint64_t clocks = schedule_->clocks_total();
    bool idle = true;
    for (uint64_t clock = 1; clock <= clocks; ++clock) {
      idle &= !schedule_->At(Rank(static_cast<uint16_t>(rank)), clock).has_value();
    }
    if (!idle) continue;
    ASSERT_TRUE(Work(rank).status.ok());
    EXPECT_EQ(Pushes().size(), 2 * clocks);
    for (const SeenPush& push : runner_.shards.pushes) EXPECT_TRUE(push.gradients.empty());
    return;
  }
  GTEST_SKIP() << "every rank has a partition in some epoch";
}

TEST_F(LockstepRankTest, SuccessorGoesOnWhereEveryShardAccepted) {
  runner_.shards.ranks[0].set_committed(1);
  runner_.shards.ranks[0].set_accepted(3);
  runner_.shards.ranks[0].set_done(2);
  runner_.shards.ranks[1].set_committed(2);
  runner_.shards.ranks[1].set_accepted(2);
  runner_.shards.ranks[1].set_done(1);
  ASSERT_TRUE(Work(0, 2).status.ok());
  EXPECT_EQ(Pushes().begin()->second, 3u);
  for (const SeenPush& push : runner_.shards.pushes) EXPECT_EQ(push.push.attempt(), 2u);
}

TEST_F(LockstepRankTest, CertifiedClockThatAShardLacksIsLostState) {
  runner_.shards.ranks[0].set_done(2);
  runner_.shards.ranks[0].set_accepted(2);
  runner_.shards.ranks[1].set_accepted(1);
  const LeaseOutcome outcome = Work(0, 2);
  EXPECT_EQ(outcome.status.code(), StatusCode::kStateLost) << outcome.status;
  EXPECT_TRUE(runner_.shards.pushes.empty());
}

TEST_F(LockstepRankTest, ClockBehindTheLeasesEndIsRefused) {
  for (const size_t shard : {0, 1}) {
    runner_.shards.ranks[shard].set_accepted(1000);
    runner_.shards.ranks[shard].set_done(1000);
  }
  const LeaseOutcome outcome = Work(0, 2);
  EXPECT_EQ(outcome.status.code(), StatusCode::kInternal) << outcome.status;
  EXPECT_NE(outcome.status.message().find("1000"), std::string::npos) << outcome.status;
}

TEST_F(LockstepRankTest, LeaseThatTheDataDoNotHoldGoesBack) {
  const LeaseOutcome no_rank = Work(ranks_);
  EXPECT_EQ(no_rank.status.code(), StatusCode::kInvalidArgument) << no_rank.status;
  schedule_ = std::make_unique<ClockSchedule>(kSeed, ranks_, kEpochs + 1, Batches());
  const LeaseOutcome no_clock = Work(0);
  EXPECT_EQ(no_clock.status.code(), StatusCode::kInvalidArgument) << no_clock.status;
  EXPECT_TRUE(runner_.shards.requests.empty());
}

TEST_F(LockstepRankTest, BatchThatIsReadLateIsWaitedFor) {
  runner_.tasks_first = false;
  ASSERT_TRUE(Work(1).status.ok());
  ExpectEachClockOnce(1);
}

TEST_F(LockstepRankTest, RefusalEndsTheLeaseByRankAndClock) {
  runner_.shards.refuse = [](size_t shard, const wire::Header& request) {
    const bool second = request.has_push() && request.push().sequence() == 2 && shard == 1;
    return second ? Status(StatusCode::kFenced, "attempt 2 is at work") : Status();
  };
  const LeaseOutcome outcome = Work(0);
  EXPECT_EQ(outcome.status.code(), StatusCode::kFenced);
  EXPECT_NE(outcome.status.message().find("rank 0 at clock 2"), std::string::npos)
      << outcome.status;
  EXPECT_TRUE(runner_.shards.leaves.empty());
}

TEST_F(LockstepRankTest, FileThatIsGoneEndsTheLeaseByName) {
  std::filesystem::remove(scratch_.path() + "/train.tsv");
  const LeaseOutcome outcome = Work(0);
  EXPECT_EQ(outcome.status.code(), StatusCode::kNotFound) << outcome.status;
  EXPECT_NE(outcome.status.message().find("train.tsv"), std::string::npos) << outcome.status;
}

TEST(LinearDecayTest, FallsFromOneToNothing) {
  EXPECT_EQ(LinearDecay(0, 8), 1.0f);
  EXPECT_EQ(LinearDecay(2, 8), 0.75f);
  EXPECT_EQ(LinearDecay(7, 8), 0.125f);
  EXPECT_EQ(LinearDecay(5, 0), 1.0f);
}

TEST_F(LockstepRankTest, WhereverSlotsMoveTheClockIsAskedOfAllShardsAgain) {
  for (size_t n = 0; n < 12; ++n) {
    SCOPED_TRACE(n);
    runner_.cluster = TestCluster(2);
    runner_.shards = {};
    MoveSlotsBefore(n, 4);
    const LeaseOutcome outcome = Work(0);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    ASSERT_EQ(runner_.cluster.map.shards().size(), 3u);
    const uint64_t last = schedule_->clocks_total();
    const auto position = schedule_->At(Rank(0), last);
    const float scale = 1.0f / static_cast<float>(schedule_->ActiveRanks(last));
    EXPECT_EQ(RowsPushed(last), position ? RowsOfGradient(*position, scale) : SeenRows());
    EXPECT_EQ(runner_.shards.leaves.size(), 3u);
    std::set<size_t> shards;
    for (const auto& [shard, pull] : runner_.shards.pulls) {
      if (pull.clock() == last) shards.insert(shard);
    }
    EXPECT_EQ(shards.size(), 3u);
  }
}

}  // namespace
}  // namespace skybridge::worker
