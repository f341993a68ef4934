// SPDX-License-Identifier: Apache-2.0
#include "scheduler/job_run.h"

#include <algorithm>
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scheduler/fake_cluster.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr Instant kStart;

// Two trainers; shards that say yes to everything.
class JobRunTest : public testing::Test {
 protected:
  void AnswerShards() {
    for (int round = 0; round < 100; ++round) {
      run.Advance(trainers, kStart);
      const std::vector<ShardCall> asked = run.DueCalls(kStart);
      if (asked.empty()) return;
      for (const ShardCall& call : asked) {
        run.ShardAnswered(call.shard, call.request,
                          {.closed = true, .committed = call.what.clock_end}, kStart);
      }
    }
    FAIL() << "shards are asked for ever";
  }
  void FinishPrepare(const LeaseOutcome& outcome) {
    run.Begin(kStart);
    AnswerShards();
    while (!run.granted().empty() && run.granted()[0].lease.kind == LeaseKind::kPreparePartition) {
      ASSERT_EQ(*run.Report(run.granted()[0], outcome), LeaseTable::Report::kFirst);
      AnswerShards();
      if (!run.failure().ok()) return;
    }
  }

  const SchedulerNodeOptions options = FakeOptions();
  JobRun run{options};
  const std::vector<Incarnation> trainers = {Incarnation(1), Incarnation(2)};
  const LeaseOutcome counted{.examples = 7, .progress = {.total = 2}};
};

TEST_F(JobRunTest, NoLeaseIsGrantedBeforeEveryShardIsOpen) {
  run.Begin(kStart);
  run.Advance(trainers, kStart);
  EXPECT_TRUE(run.granted().empty());
  AnswerShards();
  EXPECT_EQ(run.granted().size(), 4u) << "two a node";
}

TEST_F(JobRunTest, LockstepRanksAreSpreadEvenlyAndAllGranted) {
  FinishPrepare(counted);
  std::vector<Granted> ranks = run.granted();
  ASSERT_EQ(ranks.size(), 3u);
  EXPECT_EQ(ranks[0].lease.kind, LeaseKind::kTrainRank);
  run.NodeGone(Incarnation(1));
  run.Advance(std::vector{Incarnation(2)}, kStart);
  ranks = run.granted();
  ASSERT_EQ(ranks.size(), 3u);
  for (const Granted& rank : ranks) EXPECT_EQ(rank.node, Incarnation(2));
}

// Promise: a job that goes on, or whose trainers all died, is not left to the first that is back.
TEST_F(JobRunTest, WhileTrainersComeEachHasItsShareOfTheRanksAlone) {
  FinishPrepare(counted);
  const Instant died = kStart + std::chrono::seconds(10);
  for (const Incarnation trainer : trainers) run.NodeGone(trainer);
  run.TrainersChanged(died);
  run.Advance({}, died);
  const std::vector<Incarnation> back = {Incarnation(3), Incarnation(4)};
  run.TrainersChanged(died + std::chrono::seconds(20));
  run.Advance(std::span(back).first(1), died + std::chrono::seconds(20));
  EXPECT_EQ(run.granted().size(), 2u) << "of three";
  run.TrainersChanged(died + std::chrono::milliseconds(20'900));
  run.Advance(back, died + std::chrono::milliseconds(20'900));
  const std::vector<Granted> ranks = run.granted();
  ASSERT_EQ(ranks.size(), 3u);
  EXPECT_EQ(std::ranges::count(ranks, back[1], &Granted::node), 1);
}

TEST_F(JobRunTest, TrainersThatDoNotComeAreNotWaitedFor) {
  FinishPrepare(counted);
  for (const Incarnation trainer : trainers) run.NodeGone(trainer);
  run.TrainersChanged(kStart);
  const std::vector<Incarnation> back = {Incarnation(3)};
  run.Advance(back, kStart + std::chrono::milliseconds(900));
  EXPECT_EQ(run.granted().size(), 2u);
  run.Advance(back, kStart + std::chrono::milliseconds(1000));
  EXPECT_EQ(run.granted().size(), 3u);
}

// Promise: what no other try can mend is not passed over, whatever was given up before.
TEST_F(JobRunTest, AFailureForGoodStaysThoughOneForNowWasBeforeIt) {
  run.Begin(kStart);
  AnswerShards();
  const Granted given_up = run.granted()[0];
  run.Return(given_up, {StatusCode::kDeadlineExceeded, "no room"}, kStart);
  ASSERT_EQ(run.failure().code(), StatusCode::kDeadlineExceeded);
  run.Reopen();
  ASSERT_TRUE(run.failure().ok());
  AnswerShards();
  const LeaseOutcome empty{.examples = 0, .progress = {.total = 0}};
  while (run.failure().ok() && !run.granted().empty()) {
    ASSERT_EQ(*run.Report(run.granted()[0], empty), LeaseTable::Report::kFirst);
    AnswerShards();
  }
  ASSERT_EQ(run.failure().code(), StatusCode::kInvalidArgument) << run.failure();
  run.Reopen();
  EXPECT_EQ(run.failure().code(), StatusCode::kInvalidArgument);
}

TEST_F(JobRunTest, LateReportOfAnEarlierPhaseCountsAsARepeat) {
  run.Begin(kStart);
  AnswerShards();
  const Granted early = run.granted()[0];
  while (run.granted()[0].lease.phase == early.lease.phase) {
    ASSERT_TRUE(run.Report(run.granted()[0], counted));
    AnswerShards();
  }
  EXPECT_EQ(*run.Report(early, counted), LeaseTable::Report::kRepeat)
      << "its node must not delete files";
  Granted future = early;
  future.lease.phase = Phase(99);
  EXPECT_EQ(run.Report(future, counted).error().code(), StatusCode::kNotFound);
}

TEST_F(JobRunTest, DataWithoutExamplesEndTheJob) {
  FinishPrepare({.examples = 0});
  EXPECT_EQ(run.failure().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(run.failure().message(), HasSubstr("no example to train on in 3 partitions"));
}

TEST_F(JobRunTest, FewerVectorsThanCandidatesEndTheJob) {
  FinishPrepare(counted);
  while (run.failure().ok() && !run.granted().empty()) {
    const Granted lease = run.granted()[0];
    LeaseOutcome outcome;
    if (lease.lease.kind == LeaseKind::kExportPartition) {
      outcome.parts = {{.name = "v", .rows = 6, .kind = "vectors"}};
    }
    ASSERT_TRUE(run.Report(lease, outcome));
    AnswerShards();
  }
  EXPECT_EQ(run.failure(),
            Status(StatusCode::kDataLoss,
                   "vectors: parts hold 12 vectors, but prepare counted 14 candidates: did the "
                   "data change?"));
}

TEST_F(JobRunTest, NothingMovesAfterAFailure) {
  run.Begin(kStart);
  AnswerShards();
  run.Return(run.granted()[0], {StatusCode::kInvalidArgument, "line 3"}, kStart);
  const Status failure = run.failure();
  EXPECT_EQ(failure.message(), "prepare partition 0: line 3");
  const size_t granted = run.granted().size();
  ASSERT_TRUE(run.Report(run.granted()[0], counted));
  run.Advance(trainers, kStart);
  EXPECT_LT(run.granted().size(), granted);
  EXPECT_FALSE(run.complete());
  EXPECT_EQ(run.failure(), failure);
}

TEST_F(JobRunTest, ProgressOfTrainingIsThatOfAllOfIt) {
  FinishPrepare(counted);
  run.Heartbeat(Incarnation(1), {.examples = 10, .loss_sum = 5, .done = 3}, kStart + seconds(1));
  run.Heartbeat(Incarnation(9), {.examples = 10, .done = 3}, kStart + seconds(1));
  const JobProgress progress = run.Progress(kStart + seconds(1));
  EXPECT_EQ(progress.phase, "train");
  EXPECT_EQ(progress.total, 4u) << "clocks of two epochs";
  EXPECT_EQ(progress.done, 1u) << "three ranks did one clock each";
  EXPECT_EQ(progress.examples, 10u) << "a node without leases has nothing to add";
  EXPECT_DOUBLE_EQ(progress.epoch, 0.5);
}

}  // namespace
}  // namespace skybridge::scheduler
