// SPDX-License-Identifier: Apache-2.0
#include "scheduler/shard_calls.h"

#include <chrono>

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using Kind = ShardRequest::Kind;

constexpr Instant kStart;
constexpr Duration kRepeat = milliseconds(500);
constexpr Duration kPoll = milliseconds(20);

TEST(ShardCallsTest, UnansweredQuestionIsRepeatedUnderTheSameNumber) {
  ShardCalls calls(1, kRepeat, kPoll);
  calls.AskAll({.kind = Kind::kTableHash});
  const std::vector<ShardCall> first = calls.Due(kStart);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_TRUE(calls.Due(kStart + kRepeat - milliseconds(1)).empty());
  const std::vector<ShardCall> second = calls.Due(kStart + kRepeat);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].request, first[0].request);
  EXPECT_FALSE(calls.idle());
  EXPECT_TRUE(calls.Answered(0, first[0].request).has_value());
  EXPECT_TRUE(calls.idle());
  EXPECT_FALSE(calls.Answered(0, first[0].request).has_value()) << "a repeat";
}

TEST(ShardCallsTest, StrayAnswersChangeNothing) {
  ShardCalls calls(2, kRepeat, kPoll);
  calls.AskAll({.kind = Kind::kTableHash});
  EXPECT_FALSE(calls.Answered(0, 1).has_value()) << "never sent";
  const std::vector<ShardCall> asked = calls.Due(kStart);
  EXPECT_FALSE(calls.Answered(1, asked[0].request).has_value()) << "another shard's number";
  EXPECT_FALSE(calls.Answered(7, asked[0].request).has_value());
  calls.NotYet(0, 999, kStart);
  EXPECT_TRUE(calls.Due(kStart + kPoll).empty());
}

TEST(ShardCallsTest, AHeldShardIsNotAskedAndAReleasedOneIsAskedAtOnce) {
  ShardCalls calls(2, kRepeat, kPoll);
  calls.AskAll({.kind = Kind::kTableHash});
  const uint64_t asked = calls.Due(kStart)[0].request;
  calls.Hold(0);
  const std::vector<ShardCall> other = calls.Due(kStart + kRepeat);
  ASSERT_EQ(other.size(), 1u);
  EXPECT_EQ(other[0].shard, 1u);
  calls.Release(0);
  EXPECT_FALSE(calls.Answered(0, asked).has_value()) << "nobody was asked yet";
  const std::vector<ShardCall> again = calls.Due(kStart + kRepeat);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].request, asked);
  EXPECT_TRUE(calls.Answered(0, asked).has_value());
}

TEST(ShardCallsTest, QuestionsReachAShardOneAtATimeInOrder) {
  ShardCalls calls(1, kRepeat, kPoll);
  calls.AskAll({.kind = Kind::kRetireRank, .rank = 1, .changes = 1});
  calls.AskAll({.kind = Kind::kRetireRank, .rank = 1, .changes = 2});
  std::vector<ShardCall> asked = calls.Due(kStart);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].what.changes, 1u);
  ASSERT_TRUE(calls.Answered(0, asked[0].request));
  asked = calls.Due(kStart);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].what.changes, 2u);
}

TEST(ShardCallsTest, NotYetIsAskedAgainSoon) {
  ShardCalls calls(1, kRepeat, kPoll);
  calls.AskAll({.kind = Kind::kClosePhase});
  const uint64_t request = calls.Due(kStart)[0].request;
  calls.NotYet(0, request, kStart);
  EXPECT_TRUE(calls.Due(kStart + kPoll - milliseconds(1)).empty());
  ASSERT_EQ(calls.Due(kStart + kPoll).size(), 1u);
}

TEST(ShardCallsTest, NumbersBeginWhereToldAndGoOnAfterAClear) {
  ShardCalls calls(2, milliseconds(9), milliseconds(9), 500);
  calls.AskAll({.kind = ShardRequest::Kind::kPrepareRound, .round = 1});
  const std::vector<ShardCall> first = calls.Due(Instant{});
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[1].request, 501u);
  calls.Clear();
  EXPECT_TRUE(calls.idle());
  EXPECT_FALSE(calls.Answered(0, 500));
  calls.AskAll({.kind = ShardRequest::Kind::kEndRound, .round = 1});
  EXPECT_EQ(calls.Due(Instant{})[0].request, 502u);
}

}  // namespace
}  // namespace skybridge::scheduler
