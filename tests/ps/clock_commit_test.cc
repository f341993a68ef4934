// SPDX-License-Identifier: Apache-2.0
#include "ps/clock_commit.h"

#include <utility>

#include <gtest/gtest.h>

namespace skybridge::ps {
namespace {

constexpr Rank kA = Rank(0);
constexpr Rank kB = Rank(1);
constexpr Attempt kFirst = Attempt(1);
constexpr Attempt kSecond = Attempt(2);

PushRequest Request(Rank rank, uint64_t clock, uint32_t crc = 9, Attempt attempt = kFirst) {
  return {.sequence = clock, .rank = rank, .attempt = attempt, .crc = crc};
}

class ClockCommitTest : public testing::Test {
 protected:
  ClockCommitTest() { commit_.Open(2); }

  void Push(Rank rank, uint64_t clock, float rate = 1) {
    const auto is_new = commit_.IsNew(Request(rank, clock));
    ASSERT_TRUE(is_new.has_value()) << is_new.error();
    ASSERT_TRUE(*is_new);
    ASSERT_TRUE(budget_.TryTake(10));
    ASSERT_TRUE(commit_.CheckRate(rank, rate).ok());
    AssembledPush push{.rows = {.rate = rate}, .crcs = {9}, .bytes = 10};
    ASSERT_TRUE(commit_.Accept(rank, kFirst, clock, std::move(push), ++lsn_).ok());
  }
  void CommitNext() {
    const uint64_t clock = commit_.committed() + 1;
    for (const Rank rank : {kA, kB}) Push(rank, clock);
    for (const Rank rank : {kA, kB}) ASSERT_TRUE(commit_.SetDone(rank, kFirst, clock).ok());
    ASSERT_TRUE(commit_.ready());
    ASSERT_TRUE(commit_.Commit(clock).has_value());
  }

  MemoryBudget budget_{1000};
  ClockCommit commit_{budget_};
  uint64_t lsn_ = 0;
};

// The naive rule, "all pushes arrived here", is wrong: see the class.
TEST_F(ClockCommitTest, ArrivalOfAllPushesDoesNotCommit) {
  Push(kA, 1);
  Push(kB, 1);
  EXPECT_FALSE(commit_.ready());
  ASSERT_TRUE(commit_.SetDone(kA, kFirst, 1).ok());
  EXPECT_FALSE(commit_.ready());
  ASSERT_TRUE(commit_.SetDone(kB, kFirst, 1).ok());
  EXPECT_TRUE(commit_.ready());
}

TEST_F(ClockCommitTest, ACommitHandsOutPushesByRankAndFreesThem) {
  Push(kB, 1, 0.5f);
  Push(kA, 1, 0.5f);
  EXPECT_EQ(budget_.used(), 20u);
  for (const Rank rank : {kB, kA}) ASSERT_TRUE(commit_.SetDone(rank, kFirst, 1).ok());
  EXPECT_EQ(commit_.Commit(1)->size(), 2u);
  EXPECT_EQ(commit_.committed(), 1u);
  EXPECT_EQ(budget_.used(), 0u);
  EXPECT_FALSE(commit_.ready());
}

TEST_F(ClockCommitTest, ARepeatedPushIsKnownBeforeAndAfterTheCommit) {
  Push(kA, 1);
  EXPECT_FALSE(*commit_.IsNew(Request(kA, 1)));
  Push(kB, 1);
  for (const Rank rank : {kA, kB}) ASSERT_TRUE(commit_.SetDone(rank, kFirst, 1).ok());
  ASSERT_TRUE(commit_.Commit(1).has_value());
  EXPECT_FALSE(*commit_.IsNew(Request(kA, 1)));
  CommitNext();
  EXPECT_FALSE(*commit_.IsNew(Request(kA, 1, 12345)));  // Long gone; its checksum is too.
}

TEST_F(ClockCommitTest, ARepeatWithOtherBytesIsNondeterminism) {
  CommitNext();
  Push(kA, 2);
  EXPECT_EQ(commit_.IsNew(Request(kA, 2, 10)).status().code(), StatusCode::kNondeterminism);
  EXPECT_EQ(commit_.IsNew(Request(kB, 1, 10)).status().code(), StatusCode::kNondeterminism);
  PushRequest cut_otherwise = Request(kA, 2);
  cut_otherwise.chunks = 2;
  EXPECT_EQ(commit_.IsNew(cut_otherwise).status().code(), StatusCode::kNondeterminism);
}

TEST_F(ClockCommitTest, OnlyTheNextClockIsTaken) {
  EXPECT_EQ(commit_.IsNew(Request(kA, 2)).status().code(), StatusCode::kOutOfRange);
  EXPECT_FALSE(*commit_.IsNew(Request(kA, 0)));
}

TEST_F(ClockCommitTest, PullsWaitForTheClockBefore) {
  EXPECT_TRUE(*commit_.MayServe(kA, kFirst, 1));
  EXPECT_FALSE(*commit_.MayServe(kA, kFirst, 2));
  EXPECT_EQ(commit_.MayServe(kA, kFirst, 3).status().code(), StatusCode::kOutOfRange);
  CommitNext();
  EXPECT_TRUE(*commit_.MayServe(kA, kFirst, 2));
  EXPECT_EQ(commit_.MayServe(kA, kFirst, 1).status().code(), StatusCode::kGone);
  EXPECT_EQ(commit_.MayServe(kA, kFirst, 1).status().detail(), 1u);
}

TEST_F(ClockCommitTest, ACertificateForAPushThatIsNotHereIsDataLoss) {
  EXPECT_EQ(commit_.SetDone(kA, kFirst, 1).code(), StatusCode::kDataLoss);
  Push(kA, 1);
  EXPECT_EQ(commit_.SetDone(kA, kFirst, 2).code(), StatusCode::kDataLoss);
  EXPECT_TRUE(commit_.SetDone(kA, kFirst, 1).ok());
  EXPECT_TRUE(commit_.SetDone(kA, kFirst, 0).ok());  // Late news.
  EXPECT_EQ(commit_.Query(kA, kFirst)->done, 1u);
}

TEST_F(ClockCommitTest, ASuccessorLearnsWhereToGoOnAndFencesItsPredecessor) {
  CommitNext();
  Push(kA, 2);
  EXPECT_EQ(*commit_.Query(kA, kSecond), (RankProgress{.committed = 1, .accepted = 2, .done = 1}));
  EXPECT_EQ(*commit_.Query(kB, kSecond), (RankProgress{.committed = 1, .accepted = 1, .done = 1}));
  EXPECT_EQ(commit_.IsNew(Request(kA, 2)).status().code(), StatusCode::kFenced);
  EXPECT_EQ(commit_.IsNew(Request(kA, 2)).status().detail(), 2u);
  EXPECT_EQ(commit_.SetDone(kA, kFirst, 2).code(), StatusCode::kFenced);
  EXPECT_EQ(commit_.MayServe(kA, kFirst, 2).status().code(), StatusCode::kFenced);
  EXPECT_EQ(commit_.Query(kA, kFirst).status().code(), StatusCode::kFenced);
  EXPECT_FALSE(*commit_.IsNew(Request(kA, 2, 9, kSecond)));
  EXPECT_TRUE(commit_.SetDone(kA, kSecond, 2).ok());
}

TEST_F(ClockCommitTest, ANewPhaseGoesOnFromTheClockWithFreshAttempts) {
  CommitNext();
  ASSERT_TRUE(commit_.Query(kA, kSecond).has_value());
  Push(kB, 2);
  commit_.Open(3);
  EXPECT_EQ(budget_.used(), 0u);
  EXPECT_EQ(commit_.committed(), 1u);
  EXPECT_EQ(*commit_.Query(kA, kFirst), (RankProgress{.committed = 1, .accepted = 1, .done = 1}));
  EXPECT_TRUE(*commit_.IsNew(Request(Rank(2), 2)));
}

TEST_F(ClockCommitTest, RanksMustAgreeOnTheRate) {
  Push(kA, 1, 0.5f);
  EXPECT_EQ(commit_.CheckRate(kB, 1).code(), StatusCode::kInvalidArgument);
  Push(kB, 1, 0.5f);
}

TEST_F(ClockCommitTest, ARankThatDoesNotExistIsRefused) {
  EXPECT_EQ(commit_.Query(Rank(2), kFirst).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(commit_.SetDone(Rank(2), kFirst, 0).code(), StatusCode::kInvalidArgument);
}

TEST_F(ClockCommitTest, WhatCannotComeNextIsDataLoss) {
  Push(kA, 1);
  EXPECT_EQ(commit_.Commit(1).status().code(), StatusCode::kDataLoss);  // B's push is not here.
  ASSERT_TRUE(budget_.TryTake(20));
  EXPECT_EQ(commit_.Accept(kA, kFirst, 1, {.bytes = 10}, 7).code(), StatusCode::kDataLoss);
  EXPECT_EQ(commit_.Accept(kB, kFirst, 2, {.bytes = 10}, 7).code(), StatusCode::kDataLoss);
  EXPECT_EQ(budget_.used(), 10u);
  Push(kB, 1);
  EXPECT_EQ(commit_.Commit(2).status().code(), StatusCode::kDataLoss);
}

TEST_F(ClockCommitTest, ASnapshotGoesOnOnceItsPendingPushesAreBack) {
  CommitNext();
  Push(kB, 2);
  ASSERT_TRUE(commit_.Query(kA, kSecond).has_value());
  ASSERT_EQ(commit_.oldest_pending(), lsn_);
  const ClockCommit::Snapshot snapshot = commit_.Take();

  MemoryBudget budget(1000);
  ClockCommit other(budget);
  other.Restore(snapshot);
  EXPECT_EQ(other.CheckComplete().code(), StatusCode::kDataLoss);
  EXPECT_FALSE(other.Awaits(kA, lsn_));
  EXPECT_FALSE(other.Awaits(kB, lsn_ - 1));
  ASSERT_TRUE(other.Awaits(kB, lsn_));
  ASSERT_TRUE(budget.TryTake(10));
  other.Refill(kB, {.rows = {.rate = 1}, .crcs = {9}, .bytes = 10});
  EXPECT_TRUE(other.CheckComplete().ok());
  EXPECT_EQ(other.Take(), snapshot);
  EXPECT_EQ(other.MayServe(kA, kFirst, 2).status().code(), StatusCode::kFenced);
  EXPECT_FALSE(*other.IsNew(Request(kB, 2)));
  EXPECT_FALSE(*other.IsNew(Request(kA, 1, 9, kSecond)));
  EXPECT_TRUE(*other.IsNew(Request(kA, 2, 9, kSecond)));
}

TEST_F(ClockCommitTest, WithoutRanksNothingIsEverReady) {
  commit_.Open(0);
  EXPECT_FALSE(commit_.ready());
}

}  // namespace
}  // namespace skybridge::ps
