// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/push_checkers.h"

#include <gtest/gtest.h>

#include "tests/sim/checkers/talk.h"

namespace skybridge::sim {
namespace {

TEST(AcceptedOnceTest, FiresWhenAPushIsNewTwice) {
  AcceptedOnce checker;
  Talk talk(checker);
  talk.Answer(0, Push(7, 1), PushReply(false));
  talk.Answer(1, Push(7, 1), PushReply(false));        // Another shard,
  talk.Answer(0, Push(7, 2), PushReply(false));        // sequence,
  talk.Answer(0, Push(8, 1), PushReply(false));        // stream,
  talk.Answer(0, Push(7, 1, 1, 3), PushReply(false));  // phase.
  talk.Answer(0, Push(7, 1), PushReply(true));
  talk.Answer(0, Push(7, 1), Refusal());
  EXPECT_EQ(talk.broken(), "");
  talk.Answer(0, Push(7, 1, 2), PushReply(false));
  EXPECT_EQ(talk.broken(), "I1");
}

TEST(AcknowledgedStaysTest, FiresWhenALedgerLacksWhatWasAcknowledged) {
  AcknowledgedStays checker;
  Talk talk(checker);
  talk.Answer(0, Push(7, 0), PushReply(false));
  talk.Answer(0, Push(7, 2), PushReply(false));
  talk.Answer(0, LedgerQuery(7, 2), LedgerReply(1, {2}));
  talk.Answer(0, LedgerQuery(7, 2), LedgerReply(3));
  talk.Answer(1, LedgerQuery(7, 2), LedgerReply(0));
  EXPECT_EQ(talk.broken(), "");
  talk.Answer(0, LedgerQuery(7, 3), LedgerReply(1));
  EXPECT_EQ(talk.broken(), "I6");
}

TEST(AcknowledgedStaysTest, FiresWhenARankLacksWhatWasAcknowledged) {
  AcknowledgedStays checker;
  Talk talk(checker);
  talk.Answer(0, Push(1, 5), PushReply(false));
  talk.Answer(0, RankQuery(1, 2), RankReply(4, 5));
  talk.Answer(0, RankQuery(2, 2), RankReply(4, 4));
  EXPECT_EQ(talk.broken(), "");
  talk.Answer(0, RankQuery(1, 3), RankReply(4, 4));
  EXPECT_EQ(talk.broken(), "I6");
}

TEST(FormerAttemptsTest, FiresWhenAPushPassesAFence) {
  FormerAttempts checker(false);
  Talk talk(checker);
  talk.Answer(0, LedgerQuery(7, 2), LedgerReply(0));
  talk.Answer(0, Push(7, 0, 1), PushReply(true));  // It was there: nothing changed.
  talk.Answer(0, Push(7, 0, 1), Refusal());
  talk.Answer(0, Push(7, 0, 2), PushReply(false));
  talk.Answer(1, Push(7, 0, 1), PushReply(false));
  EXPECT_EQ(talk.broken(), "");
  talk.Answer(0, Push(7, 1, 1), PushReply(false));
  EXPECT_EQ(talk.broken(), "I7");
}

TEST(FormerAttemptsTest, FiresInLockstepForPullsAndCertificatesToo) {
  for (const bool lockstep : {true, false}) {
    FormerAttempts pulls(lockstep);
    Talk talk(pulls);
    talk.Answer(0, RankQuery(1, 2), RankReply(0, 0));
    talk.Answer(0, Pull(1, 1, 1), PullReply(0));
    EXPECT_EQ(talk.broken(), lockstep ? "I7" : "");
  }
  FormerAttempts certificates(true);
  Talk talk(certificates);
  talk.Answer(0, RankQuery(1, 2), RankReply(0, 0));
  wire::Header done, answer;
  done.mutable_rank_done()->set_phase(2);
  done.mutable_rank_done()->set_rank(1);
  done.mutable_rank_done()->set_attempt(1);
  answer.mutable_rank_done_reply();
  talk.Answer(0, done, answer);
  EXPECT_EQ(talk.broken(), "I7");
}

TEST(LoggedFirstTest, FiresWhenAnAnswerLeavesNoRecord) {
  const auto broken = [](const wire::Header& request, const wire::Header& answer) {
    LoggedFirst checker;
    Talk talk(checker);
    talk.Answer(0, request, answer, true);
    talk.Answer(0, Push(7, 3), PushReply(true), false);
    talk.Answer(0, Push(7, 4), Refusal(), false);
    EXPECT_EQ(talk.broken(), "");
    LoggedFirst other;
    Talk again(other);
    again.Answer(0, request, answer, false);
    return again.broken();
  };
  wire::Header open, opened;
  open.mutable_open_phase()->set_phase(1);
  opened.mutable_phase_reply();
  EXPECT_EQ(broken(Push(7, 1), PushReply(false)), "I14");
  EXPECT_EQ(broken(RankQuery(1, 1), RankReply(0, 0)), "I14");
  EXPECT_EQ(broken(LedgerQuery(7, 1), LedgerReply(0, {1})), "I14");
  EXPECT_EQ(broken(open, opened), "I14");
}

TEST(LoggedFirstTest, WhatARestoredShardBeganWithIsNotLogged) {
  LoggedFirst checker(2);
  Talk talk(checker);
  wire::Header open, opened;
  opened.mutable_phase_reply();
  open.mutable_open_phase()->set_phase(2);
  talk.Answer(0, open, opened, false);
  EXPECT_EQ(talk.broken(), "");
  open.mutable_open_phase()->set_phase(3);
  talk.Answer(0, open, opened, false);
  EXPECT_EQ(talk.broken(), "I14");
}

TEST(LoggedFirstTest, AFormerLifeMayHaveLoggedWhatItHeard) {
  LoggedFirst checker;
  Talk talk(checker);
  talk.Answer(0, RankQuery(1, 2), Refusal(), true);
  checker.Started({NodeKind::kShard, 0});
  talk.Answer(0, RankQuery(1, 2), RankReply(0, 0), false);
  EXPECT_EQ(talk.broken(), "");
  talk.Answer(0, RankQuery(1, 3), RankReply(0, 0), false);
  EXPECT_EQ(talk.broken(), "I14");
}

}  // namespace
}  // namespace skybridge::sim
