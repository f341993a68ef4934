// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/view_checkers.h"

#include <gtest/gtest.h>

#include "tests/sim/checkers/talk.h"

namespace skybridge::sim {
namespace {

TEST(CommittedTogetherTest, FiresWhenAShardGoesBackOrTooFarAhead) {
  for (const bool back : {true, false}) {
    std::vector<std::optional<uint64_t>> clocks = {3, std::nullopt};
    CommittedTogether checker(2, 2, [&](uint32_t shard) { return clocks[shard]; });
    Talk talk(checker);
    clocks = {0, 1};
    checker.Passed({});
    clocks = {1, std::nullopt};
    checker.Passed({});
    clocks = {2, 1};
    checker.Passed({});
    EXPECT_EQ(talk.broken(), "");
    if (back) {
      clocks = {2, 0};
    } else {
      clocks = {3, 1};
    }
    checker.Passed({});
    EXPECT_EQ(talk.broken(), "I4");
  }
}

TEST(CommittedTogetherTest, APowerCutTakesOnlyWhatNobodyWasTold) {
  for (const bool told : {false, true}) {
    std::vector<std::optional<uint64_t>> clocks = {1, 0};
    CommittedTogether checker(
        2, 2, [&](uint32_t shard) { return clocks[shard]; }, 0, true);
    Talk talk(checker);
    checker.Passed({});
    if (told) talk.Answer(0, Pull(0, 2), PullReply(1));
    checker.Started({NodeKind::kShard, 0});
    clocks = {0, 0};
    checker.Passed({});
    EXPECT_EQ(talk.broken(), told ? "I4" : "");
  }
}

TEST(CommittedTogetherTest, RestoredShardsBeginWhereTheCheckpointIs) {
  for (const uint64_t clock : {7, 9}) {
    CommittedTogether checker(
        2, 2, [&](uint32_t shard) { return shard == 0 ? clock : 7; }, 7);
    checker.Passed({});
    EXPECT_EQ(checker.violation().has_value(), clock == 9);
  }
}

TEST(PullsSeeTheirClockTest, FiresInLockstepUnlessThePullSeesTheClockBefore) {
  for (const uint64_t committed : {3, 5}) {
    PullsSeeTheirClock checker(0);
    Talk talk(checker);
    talk.Answer(0, Pull(1, 5), PullReply(4));
    talk.Answer(0, Pull(1, 5), Refusal());
    EXPECT_EQ(talk.broken(), "");
    talk.Answer(0, Pull(1, 5), PullReply(committed));
    EXPECT_EQ(talk.broken(), "I5");
  }
}

TEST(PullsSeeTheirClockTest, FiresWhenAReaderGetsAnotherClock) {
  PullsSeeTheirClock checker(-1);
  Talk talk(checker);
  wire::Header pull = Pull(0, 0);
  pull.mutable_pull()->set_read_only(true);
  pull.mutable_pull()->set_expect_committed(9);
  talk.Answer(0, pull, PullReply(9));
  EXPECT_EQ(talk.broken(), "");
  talk.Answer(0, pull, PullReply(8));
  EXPECT_EQ(talk.broken(), "I5");
}

wire::Header Open(uint32_t ranks) {
  wire::Header header;
  header.mutable_open_phase()->set_phase(2);
  header.mutable_open_phase()->set_ranks(ranks);
  return header;
}

wire::Header PhaseReply() {
  wire::Header header;
  header.mutable_phase_reply();
  return header;
}

wire::Header Retire(uint32_t rank, uint32_t changes) {
  wire::Header header;
  header.mutable_retire_rank()->set_phase(2);
  header.mutable_retire_rank()->set_rank(rank);
  header.mutable_retire_rank()->set_changes(changes);
  return header;
}

TEST(PullsSeeTheirClockTest, FiresWhenARankGetsFurtherAheadThanTheBound) {
  PullsSeeTheirClock checker(2);
  Talk talk(checker);
  talk.Answer(0, Open(2), PhaseReply());
  talk.Answer(0, Pull(0, 3, 1, 2), PullReply(0));  // Rank 1 has done nothing: 2 ahead.
  EXPECT_EQ(talk.broken(), "");
  talk.Answer(0, Pull(0, 4, 1, 3), PullReply(0));
  EXPECT_EQ(talk.broken(), "I5");
}

TEST(PullsSeeTheirClockTest, RetiredRanksHoldNobodyBack) {
  PullsSeeTheirClock checker(2);
  Talk talk(checker);
  talk.Answer(0, Open(2), PhaseReply());
  talk.Answer(0, Retire(1, 1), PhaseReply());
  talk.Answer(0, Pull(0, 9, 1, 8), PullReply(0));
  EXPECT_EQ(talk.broken(), "");
  talk.Answer(1, Pull(0, 9, 1, 8), PullReply(0));  // The other shard does not know yet.
  EXPECT_EQ(talk.broken(), "I5");
}

TEST(PullsSeeTheirClockTest, ARankThatCameBackCountsNoMoreButOthersDo) {
  PullsSeeTheirClock checker(2);
  Talk talk(checker);
  talk.Answer(0, Open(3), PhaseReply());
  for (const uint32_t changes : {1, 2, 1}) talk.Answer(0, Retire(1, changes), PhaseReply());
  talk.Answer(0, Pull(2, 7, 1, 6), Refusal());
  talk.Answer(0, Pull(0, 9, 1, 8), PullReply(0));
  EXPECT_EQ(talk.broken(), "");
  talk.Answer(0, Pull(0, 10, 1, 9), PullReply(0));
  EXPECT_EQ(talk.broken(), "I5");
}

TEST(PullsSeeTheirClockTest, AFormerLifeMayHaveLoggedTheRetirementsItHeard) {
  for (const bool refused : {false, true}) {
    PullsSeeTheirClock checker(2);
    Talk talk(checker);
    talk.Answer(0, Open(2), PhaseReply());
    if (refused) {
      talk.Answer(0, Retire(1, 1), Refusal());
    } else {
      checker.Heard({.node = {NodeKind::kShard, 0}, .peer = "", .header = Retire(1, 1)});
    }
    checker.Started({NodeKind::kShard, 0});
    talk.Answer(0, Pull(0, 9, 1, 8), PullReply(0));
    EXPECT_EQ(talk.broken(), refused ? "I5" : "");
  }
}

TEST(MemoryBoundedTest, FiresAboveTheBudget) {
  MemoryBounded checker(1000);
  Talk talk(checker);
  wire::Header beat;
  beat.mutable_heartbeat()->set_memory_bytes(1000);
  talk.Answer(0, {}, beat);
  EXPECT_EQ(talk.broken(), "");
  beat.mutable_heartbeat()->set_memory_bytes(1001);
  talk.Answer(0, {}, beat);
  EXPECT_EQ(talk.broken(), "I10");
}

// What a trainer asks, and how the shard signs its answer.
struct Exchange {
  wire::Header request = Push(1, 1);
  wire::Header answer = PushReply(true);

  Exchange() {
    wire::Identity& asked = *request.mutable_identity();
    asked.set_target_incarnation(5);
    asked.set_map_version(3);
    asked.set_generation(1);
    asked.set_term(2);
    wire::Identity& self = *answer.mutable_identity();
    self.set_sender_incarnation(5);
    self.set_map_version(3);
    self.set_generation(1);
    self.set_term(2);
  }
  std::string broken(const std::string& peer = "trainer-0#1") const {
    FormerTimes checker;
    Talk talk(checker);
    talk.Answer(0, request, Refusal(), true, peer);
    EXPECT_EQ(talk.broken(), "");
    talk.Answer(0, request, answer, true, peer);
    return talk.broken();
  }
};

TEST(FormerTimesTest, FiresWhenARequestOfFormerTimesIsServed) {
  EXPECT_EQ(Exchange().broken(), "");
  Exchange incarnation;
  incarnation.request.mutable_identity()->set_target_incarnation(4);
  EXPECT_EQ(incarnation.broken(), "I17");
  Exchange map;
  map.request.mutable_identity()->set_map_version(2);
  EXPECT_EQ(map.broken(), "I17");
  Exchange generation;
  generation.request.mutable_identity()->set_generation(0);
  EXPECT_EQ(generation.broken(), "I17");
  Exchange term;
  term.request.mutable_identity()->set_term(1);
  EXPECT_EQ(term.broken(), "");  // Trainers may have heard of fewer.
  EXPECT_EQ(term.broken(kSchedulerName), "I17");
}

}  // namespace
}  // namespace skybridge::sim
