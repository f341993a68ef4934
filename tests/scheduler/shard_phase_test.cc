// SPDX-License-Identifier: Apache-2.0
#include "scheduler/shard_phase.h"

#include <chrono>

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using Kind = ShardRequest::Kind;

constexpr Instant kStart;
constexpr Duration kRepeat = milliseconds(500);
constexpr Duration kPoll = milliseconds(20);

class ShardPhaseTest : public testing::Test {
 protected:
  // Lets both shards answer everything that is asked now.
  void AnswerAll(const ShardReply& reply) {
    for (const ShardCall& call : calls.Due(now)) {
      ASSERT_TRUE(phase.Take(call.shard, call.request, call.what, reply, now).ok());
    }
  }

  Instant now = kStart;
  ShardCalls calls{2, kRepeat, kPoll};
  ShardPhase phase{2, calls};
  const PhaseRules rules{.phase = Phase(3), .lockstep = true, .clock_begin = 4};
};

TEST_F(ShardPhaseTest, OpensWhenEveryShardHasAnswered) {
  EXPECT_TRUE(phase.closed());
  phase.Open(rules);
  const std::vector<ShardCall> asked = calls.Due(now);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].what.kind, Kind::kOpenPhase);
  EXPECT_EQ(asked[0].what.rules.clock_begin, 4u);
  ASSERT_TRUE(phase.Take(0, asked[0].request, asked[0].what, {}, now).ok());
  ASSERT_TRUE(phase.Take(0, asked[0].request, asked[0].what, {}, now).ok()) << "a repeat";
  EXPECT_FALSE(phase.open());
  ASSERT_TRUE(phase.Take(1, asked[1].request, asked[1].what, {}, now).ok());
  EXPECT_TRUE(phase.open());
}

TEST_F(ShardPhaseTest, ClosesWhenEveryShardHasAllOfItAndAddsUp) {
  phase.Open(rules);
  AnswerAll({});
  phase.Close(9);
  AnswerAll({.closed = false});
  EXPECT_TRUE(calls.Due(now).empty()) << "not yet: soon";
  now = now + kPoll;
  AnswerAll({.closed = true, .committed = 9, .pushes = 5, .duplicates = 2, .examples = 70});
  EXPECT_TRUE(phase.closed());
  EXPECT_EQ(phase.pushes(), 10u);
  EXPECT_EQ(phase.examples(), 70u) << "each shard counts them all";
  EXPECT_EQ(phase.duplicates(), 4u);
}

TEST_F(ShardPhaseTest, AShardThatClosedAtAnotherClockLostData) {
  phase.Open(rules);
  AnswerAll({});
  phase.Close(9);
  const std::vector<ShardCall> asked = calls.Due(now);
  const Status status =
      phase.Take(1, asked[1].request, asked[1].what, {.closed = true, .committed = 8}, now);
  EXPECT_EQ(status,
            Status(StatusCode::kStateLost, "shard 1 closed phase 3 at clock 8 instead of 9"));
}

TEST_F(ShardPhaseTest, CloseWaitsBehindStreamsAndRanks) {
  phase.Open({.phase = Phase(3)});
  AnswerAll({});
  phase.CloseStream(77, 5);
  phase.Retire({.rank = 1, .changes = 1});
  phase.Close(0);
  for (const Kind kind : {Kind::kCloseStream, Kind::kRetireRank, Kind::kClosePhase}) {
    EXPECT_FALSE(phase.closed());
    const std::vector<ShardCall> asked = calls.Due(now);
    ASSERT_EQ(asked.size(), 2u) << "one question at a time and shard";
    for (const ShardCall& call : asked) {
      EXPECT_EQ(call.what.kind, kind) << RequestName(call.what.kind);
      ASSERT_TRUE(phase.Take(call.shard, call.request, call.what, {.closed = true}, now).ok());
    }
  }
  EXPECT_TRUE(phase.closed());
}

TEST_F(ShardPhaseTest, RefusalsThatTimeMendsAreAskedAgainOthersEndTheJob) {
  const ShardRequest close{.kind = Kind::kCloseStream, .stream = 4};
  for (const StatusCode code :
       {StatusCode::kNotReady, StatusCode::kUnavailable, StatusCode::kResourceExhausted,
        StatusCode::kCorrupt, StatusCode::kStaleMap, StatusCode::kWrongIncarnation}) {
    EXPECT_TRUE(JudgeRefusal(1, close, {code, "x"}).ok()) << StatusCodeName(code);
  }
  EXPECT_EQ(JudgeRefusal(1, close, {StatusCode::kDataLoss, "next is 3"}),
            Status(StatusCode::kStateLost, "shard 1 refused CloseStream 4: next is 3"));
  EXPECT_EQ(JudgeRefusal(0, {}, {StatusCode::kGone, "x"}).code(), StatusCode::kGone);
  const ShardRequest cut{.kind = Kind::kCutRound};
  EXPECT_TRUE(JudgeRefusal(0, cut, {StatusCode::kNotReady, "x"}).ok());
  EXPECT_EQ(JudgeRefusal(0, cut, {StatusCode::kResourceExhausted, "x"}).code(),
            StatusCode::kResourceExhausted)
      << "the phase's questions wait behind it";
}

}  // namespace
}  // namespace skybridge::scheduler
