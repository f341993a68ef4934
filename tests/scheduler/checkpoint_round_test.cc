// SPDX-License-Identifier: Apache-2.0
#include "scheduler/checkpoint_round.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using Kind = ShardRequest::Kind;
using State = wire::RoundReply;

constexpr uint64_t kFirst = 1000;

class CheckpointRoundTest : public testing::Test {
 protected:
  // Moves on; the questions that are put now.
  std::vector<ShardCall> After(Duration passed) {
    now = now + passed;
    return round.DueCalls(now);
  }
  void Answer(const ShardCall& call, State::State state, uint64_t committed = 0) {
    wire::Header reply;
    reply.set_request(call.request);
    Fill(reply, call.what.round, call.shard, state, committed);
    round.Answered(call.shard, reply, now);
  }
  static void Fill(wire::Header& reply, uint32_t number, uint32_t shard, State::State state,
                   uint64_t committed) {
    State& answer = *reply.mutable_round_reply();
    answer.set_round(number);
    answer.set_state(state);
    answer.set_committed(committed);
    if (state == State::FAILED) answer.set_failure("disk full");
    if (state != State::UPLOADED) return;
    answer.mutable_fragment()->set_shard(shard);
    answer.mutable_fragment()->set_slot_begin(1 - shard);
    answer.mutable_fragment()->set_new_bytes(50);
  }
  void Begin() {
    now = now + minutes(10);
    const auto due = round.Due(view, now);
    ASSERT_TRUE(due);
    round.Begin(*due, view, now);
  }
  void Prepare(uint64_t committed = 0) {
    for (const ShardCall& call : After(seconds(0))) {
      ASSERT_EQ(call.what.kind, Kind::kPrepareRound);
      Answer(call, State::PREPARED, committed);
    }
  }
  void AskCut() {
    const auto clock = round.CutDue(view);
    ASSERT_TRUE(clock);
    checkpoint::JobState state;
    state.set_clock(*clock);
    state.set_steps(77);
    round.CutAsked(*clock, state);
    cut = {.kind = Kind::kCutRound, .round = round.round(), .clock = *clock};
  }
  void CutAnswer(uint32_t shard, State::State state, uint64_t committed = 0) {
    wire::Header reply;
    Fill(reply, cut.round, shard, state, committed);
    round.CutAnswered(shard, cut, reply, now);
  }
  void Cut() {
    AskCut();
    for (const uint32_t shard : {0, 1}) CutAnswer(shard, State::CUT);
  }
  void Collect() {
    for (const ShardCall& call : After(seconds(0))) {
      ASSERT_EQ(call.what.kind, Kind::kCollectRound);
      Answer(call, State::UPLOADED);
    }
  }
  // Expects that the round is over, and that the shards hear of it.
  Status Ended() {
    const auto end = round.TakeEnd();
    EXPECT_TRUE(end);
    EXPECT_FALSE(round.active());
    const std::vector<ShardCall> calls = round.DueCalls(now);
    EXPECT_EQ(calls.size(), 2u);
    for (const ShardCall& call : calls) {
      EXPECT_EQ(call.what.kind, Kind::kEndRound);
      EXPECT_EQ(call.what.committed, end && end->status.ok());
      Answer(call, call.shard == 0 ? State::ENDED : State::NO_ROUND);
    }
    EXPECT_TRUE(round.DueCalls(now + minutes(1)).empty()) << "once is enough";
    return end ? end->status : Status();
  }

  CheckpointRound round{{.shards = 2, .every = minutes(10), .first_request = kFirst}};
  RoundView view{.training = true, .map = MapVersion(1)};
  Instant now;
  ShardRequest cut;
};

TEST_F(CheckpointRoundTest, GoesThroughItsStagesAndCommits) {
  Begin();
  std::vector<ShardCall> asked = After(seconds(0));
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].what.round, 1u);
  EXPECT_EQ(asked[0].request, kFirst);
  Answer(asked[0], State::PREPARED);
  Answer(asked[1], State::PREPARING);
  EXPECT_FALSE(round.CutDue(view));
  EXPECT_TRUE(After(milliseconds(199)).empty());
  asked = After(milliseconds(1));
  ASSERT_EQ(asked.size(), 1u) << "a shard that is not prepared is asked again";
  Answer(asked[0], State::PREPARED);
  EXPECT_EQ(round.CutDue(view), 0u);

  AskCut();
  EXPECT_FALSE(round.CutDue(view));
  CutAnswer(0, State::CUT);
  CutAnswer(0, State::CUT);
  EXPECT_TRUE(After(seconds(0)).empty()) << "one shard has not cut";
  CutAnswer(1, State::CUT);
  asked = After(seconds(0));
  ASSERT_EQ(asked.size(), 2u);
  Answer(asked[1], State::CUT);
  Answer(asked[0], State::UPLOADED);
  EXPECT_FALSE(round.TakeUploaded());
  asked = After(milliseconds(200));
  ASSERT_EQ(asked.size(), 1u);
  Answer(asked[0], State::UPLOADED);
  EXPECT_TRUE(round.TakeUploaded());
  EXPECT_FALSE(round.TakeUploaded()) << "one manifest";
  EXPECT_EQ(round.state().steps(), 77u);
  ASSERT_EQ(round.fragments().size(), 2u);
  EXPECT_EQ(round.fragments()[0].shard(), 1u) << "by slots";

  round.Committed(now);
  const auto end = *round.TakeEnd();
  EXPECT_EQ(end.round, 1u);
  EXPECT_EQ(end.took, milliseconds(400));
  EXPECT_EQ(end.new_bytes, 100u);
  EXPECT_FALSE(round.TakeEnd());
}

TEST_F(CheckpointRoundTest, RoundsAreDueWhileTrainingAndCountedFromTheirBegin) {
  EXPECT_FALSE(round.Due(view, Instant{minutes(10) - seconds(1)}));
  view.training = false;
  EXPECT_FALSE(round.Due(view, Instant{minutes(10)})) << "training pauses";
  view.training = true;
  EXPECT_EQ(round.Due(view, Instant{minutes(10)}), 1u);
  Begin();
  EXPECT_FALSE(round.Due(view, now)) << "it is under way";
  Prepare();
  Cut();
  After(minutes(3));
  for (uint32_t shard = 0; shard < 2; ++shard) {
    Answer({.shard = shard, .request = kFirst + 2 + shard, .what = {.round = 1}}, State::UPLOADED);
  }
  ASSERT_TRUE(round.TakeUploaded());
  round.Committed(now);
  EXPECT_TRUE(Ended().ok());
  EXPECT_FALSE(round.Due(view, Instant{minutes(20) - seconds(1)}));
  EXPECT_EQ(round.Due(view, Instant{minutes(20)}), 2u);
}

TEST_F(CheckpointRoundTest, AbortsBackOffUpToTheInterval) {
  Begin();
  for (const int wait : {60, 120, 240, 480, 600, 600}) {
    round.Abort({StatusCode::kUnavailable, "x"}, now);
    EXPECT_EQ(Ended().message(), "x");
    EXPECT_FALSE(round.Due(view, now + seconds(wait - 1))) << wait;
    now = now + seconds(wait);
    const auto due = round.Due(view, now);
    ASSERT_TRUE(due) << wait;
    round.Begin(*due, view, now);
  }
  EXPECT_EQ(round.round(), 7u) << "no number twice";
  Prepare();
  Cut();
  Collect();
  ASSERT_TRUE(round.TakeUploaded());
  round.Committed(now);
  EXPECT_TRUE(Ended().ok());
  Begin();
  round.Abort({StatusCode::kUnavailable, "x"}, now);
  EXPECT_TRUE(round.Due(view, now + seconds(60))) << "a good round begins the count anew";
}

TEST_F(CheckpointRoundTest, LockstepCutsAheadOfTheFastestShardWithinThePhase) {
  view.lockstep = true;
  view.clock_begin = 40;
  view.clock_end = 100;
  Begin();
  const std::vector<ShardCall> asked = After(seconds(0));
  Answer(asked[0], State::PREPARED, 50);
  Answer(asked[1], State::PREPARED, 52);
  EXPECT_EQ(round.CutDue(view), 56u);
  AskCut();
  CutAnswer(0, State::CUT, 51);
  CutAnswer(1, State::TOO_LATE, 60);
  EXPECT_EQ(round.CutDue(view), 68u) << "twice the margin";
  AskCut();
  CutAnswer(0, State::TOO_LATE, 90);
  EXPECT_FALSE(round.CutDue(view)) << "all shards answer before another clock is named";
  CutAnswer(1, State::CUT, 61);
  EXPECT_EQ(round.CutDue(view), 100u) << "not beyond the phase";
  view.training = false;
  EXPECT_FALSE(round.CutDue(view)) << "the phase ends: the next one will do";
  view = {
      .training = true, .map = view.map, .lockstep = true, .clock_begin = 100, .clock_end = 300};
  EXPECT_EQ(round.CutDue(view), 116u);
  AskCut();
  for (const uint32_t shard : {0, 1}) CutAnswer(shard, State::CUT, 101);
  EXPECT_EQ(round.state().clock(), 116u);
  Collect();
  EXPECT_TRUE(round.TakeUploaded());
}

TEST_F(CheckpointRoundTest, AnAnswerToAnEarlierCutCountsForNothing) {
  view.lockstep = true;
  view.clock_end = 100;
  Begin();
  Prepare();
  AskCut();
  const ShardRequest first = cut;
  CutAnswer(0, State::TOO_LATE, 5);
  CutAnswer(1, State::TOO_LATE, 5);
  AskCut();
  const ShardRequest second = cut;
  cut = first;
  for (const uint32_t shard : {0, 1}) CutAnswer(shard, State::CUT);
  cut.round = 9;
  for (const uint32_t shard : {0, 1}) CutAnswer(shard, State::NO_ROUND);
  EXPECT_TRUE(After(seconds(0)).empty());
  cut = second;
  for (const uint32_t shard : {0, 1}) CutAnswer(shard, State::CUT);
  EXPECT_EQ(After(seconds(0)).size(), 2u);
}

TEST_F(CheckpointRoundTest, WhateverAShardSaysElseEndsTheRound) {
  for (const State::State state : {State::NO_ROUND, State::FAILED, State::CUT, State::UPLOADED}) {
    Begin();
    Answer(After(seconds(0))[0], state);
    EXPECT_THAT(Ended().message(), HasSubstr("shard 0 answered PrepareRound with"));
  }
  for (const State::State state :
       {State::NO_ROUND, State::FAILED, State::PREPARED, State::TOO_LATE}) {
    Begin();
    Prepare();
    AskCut();
    CutAnswer(1, state);
    EXPECT_THAT(Ended().message(), HasSubstr("shard 1 answered CutRound with"));
  }
  for (const State::State state : {State::NO_ROUND, State::FAILED, State::TOO_LATE}) {
    Begin();
    Prepare();
    Cut();
    Answer(After(seconds(0))[1], state);
    EXPECT_THAT(Ended().message(), HasSubstr("shard 1 answered CollectRound with"));
  }
  Begin();
  Answer(After(seconds(0))[0], State::FAILED);
  EXPECT_THAT(Ended().message(), HasSubstr("FAILED: disk full"));
}

TEST_F(CheckpointRoundTest, RefusalsThatTimeMendsAreAskedAgainOthersEndTheRound) {
  const auto refuse = [&](const ShardCall& call, StatusCode code) {
    wire::Header reply;
    reply.set_request(call.request);
    reply.mutable_error()->set_code(static_cast<uint32_t>(code));
    round.Answered(call.shard, reply, now);
  };
  Begin();
  const std::vector<ShardCall> asked = After(seconds(0));
  refuse(asked[0], StatusCode::kNotReady);
  EXPECT_TRUE(round.active());
  EXPECT_EQ(After(milliseconds(500)).size(), 2u);
  refuse(asked[0], StatusCode::kInternal);
  EXPECT_EQ(Ended().code(), StatusCode::kInternal);

  Begin();
  Prepare();
  AskCut();
  wire::Header reply;
  reply.mutable_error()->set_code(static_cast<uint32_t>(StatusCode::kResourceExhausted));
  round.CutAnswered(1, cut, reply, now);
  EXPECT_THAT(Ended().ToString(), HasSubstr("shard 1 refused CutRound"));
}

TEST_F(CheckpointRoundTest, AnotherProcessOfAShardEndsARoundThatNeedsIt) {
  RoundView moved = view;
  moved.map = MapVersion(2);
  for (int stage = 0; stage < 4; ++stage) {
    Begin();
    if (stage > 0) Prepare();
    if (stage > 1) AskCut();
    if (stage > 2) {
      for (const uint32_t shard : {0, 1}) CutAnswer(shard, State::CUT);
    }
    round.Watch(view, now);
    EXPECT_TRUE(round.active());
    round.Watch(moved, now);
    EXPECT_EQ(Ended().message(), "a shard went away and came back") << stage;
    round.DueCalls(now + minutes(1));
  }
  Begin();
  Prepare();
  Cut();
  Collect();
  round.Watch(moved, now);
  EXPECT_TRUE(round.TakeUploaded()) << "its part is in the store";
  round.Watch(moved, now + minutes(20));
  EXPECT_TRUE(round.active()) << "the manifest may be there already";
}

TEST_F(CheckpointRoundTest, ARoundWithoutAnEndIsAborted) {
  Begin();
  const std::vector<ShardCall> asked = After(seconds(0));
  Answer(asked[0], State::PREPARED);
  round.Watch(view, now + minutes(15) - seconds(1));
  EXPECT_TRUE(round.active());
  now = now + minutes(15);
  round.Watch(view, now);
  EXPECT_EQ(Ended(), Status(StatusCode::kDeadlineExceeded,
                            "no end after 900 s: 1 of 2 shards have not prepared, the first is "
                            "shard 1"));
}

TEST_F(CheckpointRoundTest, NoCutIsWaitedForWhenTrainingIsOver) {
  view.training = true;
  Begin();
  Prepare();
  view.training = false;
  round.Watch(view, now);
  EXPECT_TRUE(round.active()) << "an evaluation: training goes on after it";
  view.training_left = false;
  round.Watch(view, now);
  EXPECT_EQ(Ended().message(), "training has ended");

  view.training = view.training_left = true;
  Begin();
  Prepare();
  Cut();
  view.training = view.training_left = false;
  round.Watch(view, now);
  EXPECT_TRUE(round.active()) << "the cut is there";
}

TEST_F(CheckpointRoundTest, StraysAndRepeatsChangeNothing) {
  Begin();
  const std::vector<ShardCall> asked = After(seconds(0));
  ShardCall other = asked[0];
  other.what.round = 7;
  Answer(other, State::FAILED);
  other = asked[0];
  other.request = kFirst + 99;
  Answer(other, State::FAILED);
  EXPECT_TRUE(round.active());
  for (const ShardCall& call : asked) Answer(call, State::PREPARED);
  for (const ShardCall& call : asked) Answer(call, State::FAILED);
  EXPECT_TRUE(round.CutDue(view));
}

TEST_F(CheckpointRoundTest, AnotherSchedulerGoesOnAboveAndEndsWhatWasLeft) {
  const Instant began{minutes(30)};
  for (const bool committed : {true, false}) {
    CheckpointRound next({.shards = 2, .every = minutes(10), .first_request = kFirst});
    now = Instant{minutes(33)};
    next.Resume(5, committed, began, now);
    const std::vector<ShardCall> calls = next.DueCalls(now);
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].what.kind, Kind::kEndRound);
    EXPECT_EQ(calls[0].what.round, 5u);
    EXPECT_EQ(calls[0].what.committed, committed);
    const Instant due = committed ? Instant{minutes(40)} : Instant{minutes(34)};
    EXPECT_FALSE(next.Due(view, due - seconds(1)));
    EXPECT_EQ(next.Due(view, due), 6u);
    next.Begin(6, view, due);
    for (const ShardCall& call : next.DueCalls(due)) {
      EXPECT_EQ(call.what.kind, Kind::kPrepareRound) << "a higher number says it as well";
    }
  }
}

}  // namespace
}  // namespace skybridge::scheduler
