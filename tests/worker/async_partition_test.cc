// SPDX-License-Identifier: Apache-2.0
#include "worker/async_partition.h"

#include <map>
#include <set>

#include "tests/worker/training_work.h"

namespace skybridge::worker {
namespace {

constexpr uint64_t kStream = 1ull << 32 | 2;

class AsyncPartitionTest : public TrainingWorkTest {
 protected:
  // Works on partition 2 in epoch 1 of 4.
  LeaseOutcome Work() { return Work(Batches().at(2)); }
  LeaseOutcome Work(uint64_t batches) {
    wire::TrainSpec spec = Spec(4);
    spec.set_rank(3);
    spec.set_epoch(1);
    spec.set_partition(2);
    spec.set_partition_batches(batches);
    spec.set_clocks_total(40);
    AsyncPartition work({.owner = 4, .phase = 2, .stream = kStream, .attempt = 1}, spec, model(),
                        dataset(), cache_, runner_.calls, runner_.cluster, rank_clock_);
    runner_.Run(work);
    EXPECT_TRUE(work.outcome().has_value()) << "it hangs";
    return work.outcome().value_or(LeaseOutcome{});
  }

  uint64_t rank_clock_ = 6;
};

TEST_F(AsyncPartitionTest, EachBatchIsPushedUnderItsPlaceInTheData) {
  const LeaseOutcome outcome = Work();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  ASSERT_EQ(Batches()[2], 2u);
  EXPECT_EQ(runner_.shards.pushes.size(), 4u);
  for (const SeenPush& push : runner_.shards.pushes) {
    EXPECT_EQ(push.push.stream(), kStream);
    EXPECT_EQ(push.push.rank(), 3u);
    EXPECT_EQ(push.push.rate(), 0.75f) << "an epoch of four is over";
  }
  for (const uint64_t batch : {0, 1}) {
    EXPECT_EQ(RowsPushed(batch), RowsOfGradient({1, 2, batch}, 1)) << batch;
  }
  EXPECT_EQ(outcome.done.count(), 2u);
}

TEST_F(AsyncPartitionTest, PullsSayHowFarTheRankIs) {
  Work();
  EXPECT_EQ(rank_clock_, 8u);
  std::vector<uint64_t> clocks;
  for (const auto& [shard, pull] : runner_.shards.pulls) {
    if (shard == 0) clocks.push_back(pull.clock());
    EXPECT_EQ(pull.done(), pull.clock() - 1);
  }
  EXPECT_EQ(clocks, (std::vector<uint64_t>{7, 8}));
}

// Else the shard that has it furthest would hold back others until it got there.
TEST_F(AsyncPartitionTest, TheRankGoesOnFromWhereAnyShardHasIt) {
  runner_.shards.stands = {{0, 4}, {1, 20}};
  Work();
  EXPECT_EQ(rank_clock_, 22u);
  EXPECT_EQ(runner_.shards.pulls.front().second.clock(), 7u);
  EXPECT_EQ(runner_.shards.pulls.back().second.clock(), 22u);
  EXPECT_EQ(runner_.shards.pulls.back().second.done(), 21u);
}

TEST_F(AsyncPartitionTest, SuccessorComputesOnlyWhatSomeShardLacks) {
  runner_.shards.ledgers[0].set_next(1);  // Batch 0.
  runner_.shards.ledgers[1].set_next(0);
  runner_.shards.ledgers[1].add_window(0);  // Batch 0 too.
  ASSERT_TRUE(Work().status.ok());
  EXPECT_TRUE(RowsPushed(0).empty());
  EXPECT_EQ(RowsPushed(1), RowsOfGradient({1, 2, 1}, 1));
}

TEST_F(AsyncPartitionTest, WhatOneShardLacksGoesToBoth) {
  runner_.shards.ledgers[0].set_next(2);
  runner_.shards.ledgers[1].set_next(1);
  ASSERT_TRUE(Work().status.ok());
  EXPECT_EQ(runner_.shards.pushes.size(), 2u);
  EXPECT_EQ(RowsPushed(1), RowsOfGradient({1, 2, 1}, 1));
}

TEST_F(AsyncPartitionTest, NothingIsLeftOfAFinishedPartition) {
  for (const size_t shard : {0, 1}) runner_.shards.ledgers[shard].set_next(2);
  ASSERT_TRUE(Work().status.ok());
  EXPECT_TRUE(runner_.shards.pulls.empty());
  EXPECT_EQ(runner_.tasks, 0u);
}

TEST_F(AsyncPartitionTest, RefusalEndsTheLeaseByPartitionAndBatch) {
  runner_.shards.refuse = [](size_t, const wire::Header& request) {
    return request.has_pull() ? Status(StatusCode::kFenced, "taken over") : Status();
  };
  const LeaseOutcome outcome = Work();
  EXPECT_EQ(outcome.status.code(), StatusCode::kFenced);
  EXPECT_NE(outcome.status.message().find("partition 2 of epoch 1 at batch 0"), std::string::npos)
      << outcome.status;
}

TEST_F(AsyncPartitionTest, WhatShardsHaveInOnePieceIsNotCounted) {
  for (const size_t shard : {0, 1}) runner_.shards.ledgers[shard].set_next(~uint64_t{0});
  EXPECT_EQ(Work(~uint64_t{0}).done.count(), ~uint64_t{0}) << "and comes back within our lives";
}

TEST_F(AsyncPartitionTest, WhereverSlotsMoveEveryBatchThatIsNotOverGoesToAllShardsAgain) {
  for (size_t n = 0; n < 14; ++n) {
    SCOPED_TRACE(n);
    runner_.cluster = TestCluster(2);
    runner_.shards = {};
    MoveSlotsBefore(n, 4);
    const LeaseOutcome outcome = Work();
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.done.count(), 2u);
    if (runner_.cluster.map.shards().size() == 2) continue;  // It was over before.
    const SeenRows last = RowsPushed(1);
    EXPECT_TRUE(last.empty() || last == RowsOfGradient({1, 2, 1}, 1));
    std::map<uint64_t, std::set<size_t>> reached;
    for (const SeenPush& push : runner_.shards.pushes) {
      if (push.map_version == 2) reached[push.push.sequence()].insert(push.shard);
    }
    for (const auto& [sequence, shards] : reached) EXPECT_EQ(shards.size(), 3u) << sequence;
  }
}

}  // namespace
}  // namespace skybridge::worker
