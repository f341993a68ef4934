// SPDX-License-Identifier: Apache-2.0
#include "scheduler/membership.h"

#include <chrono>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/rng.h"
#include "tests/support/transcript.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr Instant kStart;

MembershipOptions Options() {
  return {.shards = 2, .trainers = 2, .version = "v1", .job_hash = 1, .dataset_hash = 2};
}

Registration Trainer(uint32_t index, uint32_t pid) {
  return {.key = {Role::kTrainer, index},
          .host = "a",
          .pid = pid,
          .instance = pid + 1,
          .version = "v1",
          .job_hash = 1,
          .dataset_hash = 2};
}

Registration Shard(uint32_t index, uint32_t pid) {
  return {.key = {Role::kShard, index},
          .host = "b",
          .pid = pid,
          .instance = pid + 1,
          .version = "v1",
          .job_hash = 1,
          .endpoint = "tcp://b:1"};
}

NodeExit Exit(NodeKey place, const std::string& how, std::optional<uint32_t> pid = {}) {
  return {.place = place, .pid = pid, .how = {StatusCode::kUnavailable, how}};
}

std::string StateName(NodeState state) {
  switch (state) {
    case NodeState::kLive: return "LIVE";
    case NodeState::kSuspect: return "SUSPECT";
    case NodeState::kDead: return "DEAD";
    case NodeState::kLeft: return "LEFT";
  }
  return "?";
}

// Speaks for a Membership in a transcript.
std::string Play(Membership& membership, const TranscriptCommand& command) {
  const Instant now = kStart + seconds(command.Number("t"));
  const auto incarnation = Incarnation(command.Number("incarnation"));
  const auto index = static_cast<uint32_t>(command.Number("index"));
  const bool shard = command.Text("role") == "shard";
  std::string said;
  if (command.name == "register") {
    const auto pid = static_cast<uint32_t>(command.Number("pid"));
    const auto given = membership.Register(shard ? Shard(index, pid) : Trainer(index, pid), now);
    if (!given) said = given.error().ToString() + "\n";
    if (given && *given) said = "welcome " + std::to_string(Number(**given)) + "\n";
    if (given && !*given) said = "no answer\n";
  } else if (command.name == "beat") {
    const Status status = membership.Hear(incarnation, now);
    if (!status.ok()) said = status.ToString() + "\n";
  } else if (command.name == "leave") {
    membership.Leave(incarnation, "left: " + command.Text("reason"));
  } else if (command.name == "exited") {
    membership.Exited(Exit({shard ? Role::kShard : Role::kTrainer, index}, command.Text("reason")));
  } else if (command.name == "tick") {
    const Duration moved = membership.Tick(now);
    if (moved > Duration{0}) {
      said = "deadlines move by " + std::to_string(moved / seconds(1)) + " s\n";
    }
  } else {
    ADD_FAILURE() << "no command " << command.name;
  }
  for (const MemberEvent& event : membership.TakeEvents()) {
    said += StateName(event.state) + " " + event.text + "\n";
  }
  return said;
}

void PlayFile(const std::string& file) {
  Membership membership(Options());
  PlayTranscript(file, [&](const TranscriptCommand& command) { return Play(membership, command); });
}

TEST(MembershipTest, SilentNodeIsSuspectedThenDead) { PlayFile("membership_silence.txt"); }

TEST(MembershipTest, PlaceIsTakenOverOnlyFromTheSilent) { PlayFile("membership_replacement.txt"); }

TEST(MembershipTest, OwnPauseKillsNobody) { PlayFile("membership_pause.txt"); }

// A silent one may hang, with its locks and its port, until somebody kills it.
TEST(MembershipTest, DeadOneWhoseEndNobodySawIsLostUntilItsPlaceIsTaken) {
  Membership membership(Options());
  const auto lost = [&membership] {
    std::vector<uint32_t> pids;
    for (const Member* member : membership.Lost()) pids.push_back(member->self.pid);
    return pids;
  };
  using Pids = std::vector<uint32_t>;
  const Incarnation left = **membership.Register(Trainer(1, 3), kStart);
  (void)membership.Register(Trainer(0, 1), kStart);
  (void)membership.Register(Shard(0, 2), kStart);
  (void)membership.Register(Shard(1, 4), kStart);
  membership.Leave(left, "left");
  membership.Exited(Exit({Role::kShard, 1}, "exited"));
  EXPECT_EQ(lost(), Pids());
  for (int second = 1; second <= 16; ++second) membership.Tick(kStart + seconds(second));
  EXPECT_EQ(lost(), (Pids{2, 1}));
  membership.Exited(Exit({Role::kShard, 0}, "killed"));
  EXPECT_EQ(lost(), Pids{1});
  (void)membership.Register(Trainer(0, 5), kStart + seconds(17));
  EXPECT_EQ(lost(), Pids());
}

TEST(MembershipTest, RefusalNamesTheFieldAndBothValues) {
  Membership membership(Options());
  Registration other = Trainer(0, 1);
  other.version = "v2";
  EXPECT_EQ(membership.Register(other, kStart).error().message(), "version v2 != v1");
  other = Trainer(0, 1);
  other.job_hash = 0xab;
  EXPECT_EQ(membership.Register(other, kStart).error().message(),
            "job hash (its job file or --set is another) 00000000000000ab != 0000000000000001");
  other = Trainer(0, 1);
  other.dataset_hash = 3;
  EXPECT_EQ(membership.Register(other, kStart).error().message(),
            "dataset hash (names, sizes, first or last MiB of the data files that it sees are "
            "others) 0000000000000003 != 0000000000000002");
  EXPECT_EQ(membership.Refusal({Role::kTrainer, 0}),
            "dataset hash (names, sizes, first or last MiB of the data files that it sees are "
            "others) 0000000000000003 != 0000000000000002");
  other = Shard(0, 1);
  other.endpoint.clear();
  EXPECT_EQ(membership.Register(other, kStart).error().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(membership.Register(Trainer(2, 1), kStart).error().message(),
            "trainer index 2: the job has 2, numbered from 0");
  EXPECT_TRUE(membership.Live(Role::kTrainer).empty());

  ASSERT_TRUE(membership.Register(Trainer(0, 1), kStart).has_value());
  EXPECT_EQ(membership.Refusal({Role::kTrainer, 0}), "");
}

TEST(MembershipTest, ShardsNeedNoDatasetHash) {
  Membership membership(Options());
  EXPECT_TRUE(membership.Register(Shard(0, 1), kStart).has_value());
}

TEST(MembershipTest, DuplicateIsToldWhoHoldsThePlace) {
  Membership membership(Options());
  const Incarnation first = **membership.Register(Trainer(0, 1), kStart);
  EXPECT_EQ(*membership.Register(Trainer(0, 5), kStart + seconds(1)), std::nullopt);
  ASSERT_TRUE(membership.Hear(first, kStart + seconds(4)).ok());
  const auto second = membership.Register(Trainer(0, 5), kStart + seconds(4));
  EXPECT_EQ(second.status().code(), StatusCode::kFenced);
  EXPECT_THAT(second.status().message(), HasSubstr("process 1 on host a"));
  EXPECT_EQ(membership.Refusal({Role::kTrainer, 0}), second.status().message());
}

// A scheduler that starts again hears at once what waited for it: of a worker that died meanwhile,
// of its successor, and last that it died.
TEST(MembershipTest, ASuccessorIsNotRefusedForWhatTheDeadSaidBefore) {
  Membership membership(Options());
  const Incarnation dead = **membership.Register(Trainer(0, 1), kStart);
  membership.Resume(kStart + seconds(9), seconds(60));
  ASSERT_TRUE(membership.Hear(dead, kStart + seconds(9)).ok());
  EXPECT_EQ(*membership.Register(Trainer(0, 5), kStart + seconds(9)), std::nullopt);
  membership.Exited(Exit({Role::kTrainer, 0}, "killed"));
  EXPECT_NE(*membership.Register(Trainer(0, 5), kStart + seconds(9)), std::nullopt);
}

// Time for which the scheduler itself was stopped is nobody's.
TEST(MembershipTest, AStopOfTheSchedulerIsNoLifeOfTheHolder) {
  Membership membership(Options());
  const Incarnation dead = **membership.Register(Trainer(0, 1), kStart);
  membership.Tick(kStart);
  EXPECT_EQ(*membership.Register(Trainer(0, 5), kStart), std::nullopt);
  membership.Tick(kStart + seconds(10));
  ASSERT_TRUE(membership.Hear(dead, kStart + seconds(10)).ok());
  EXPECT_EQ(*membership.Register(Trainer(0, 5), kStart + seconds(10)), std::nullopt);
}

TEST(MembershipTest, AfterARestartNobodyDiesBeforeTheGraceIsOver) {
  Membership membership(Options());
  const Incarnation first = **membership.Register(Trainer(0, 1), kStart);
  const Incarnation second = **membership.Register(Trainer(1, 2), kStart);
  ASSERT_TRUE(membership.Hear(first, kStart).ok());
  membership.Resume(kStart + seconds(100), seconds(60));
  membership.Tick(kStart + seconds(100));
  // In steps that are no pause.
  for (int s = 102; s < 160; s += 2) membership.Tick(kStart + seconds(s));
  EXPECT_EQ(membership.Live(Role::kTrainer).size(), 2u);
  EXPECT_TRUE(membership.Hear(second, kStart + seconds(159)).ok());
  membership.Tick(kStart + seconds(161));
  ASSERT_EQ(membership.Live(Role::kTrainer).size(), 1u);
  EXPECT_EQ(membership.Live(Role::kTrainer)[0]->incarnation, second);
}

TEST(MembershipTest, AfterARestartAPlaceIsLeftToSilenceAndNoProcessIsTakenForItsSuccessor) {
  Membership membership(Options());
  const Incarnation old = **membership.Register(Trainer(0, 1), kStart);
  membership.Resume(kStart + seconds(100), seconds(15));
  // The number of a process that has died may be another's by now.
  Registration namesake = Trainer(0, 1);
  namesake.instance = 7;
  for (const Registration& asking : {namesake, Trainer(0, 2)}) {
    const auto early = membership.Register(asking, kStart + seconds(102));
    ASSERT_TRUE(early.has_value()) << early.error();
    EXPECT_FALSE(early->has_value());
  }
  EXPECT_EQ(**membership.Register(Trainer(0, 1), kStart + seconds(102)), old);
  const auto given = membership.Register(namesake, kStart + seconds(103));
  ASSERT_TRUE(given && *given);
  EXPECT_NE(**given, old);
}

TEST(MembershipTest, ALateRepeatOfARegistrationIsNoSuccessor) {
  Membership membership(Options());
  const Incarnation first = **membership.Register(Trainer(0, 1), kStart);
  ASSERT_TRUE(membership.Hear(first, kStart + seconds(1)).ok());
  EXPECT_EQ(**membership.Register(Trainer(0, 1), kStart + seconds(9)), first);
  EXPECT_TRUE(membership.Hear(first, kStart + seconds(10)).ok());
  membership.Exited(Exit({Role::kTrainer, 0}, "killed", 1));
  EXPECT_EQ(membership.Register(Trainer(0, 1), kStart + seconds(11)).status().code(),
            StatusCode::kFenced);
  const Incarnation second = **membership.Register(Trainer(0, 2), kStart + seconds(11));
  // The place was the first one's once, and is not again, though the second is silent.
  EXPECT_EQ(membership.Register(Trainer(0, 1), kStart + seconds(20)).status().code(),
            StatusCode::kFenced);
  EXPECT_TRUE(membership.Hear(second, kStart + seconds(21)).ok());
}

TEST(MembershipTest, AProcessWithoutAnInstanceIsOfAnotherBuild) {
  Membership membership(Options());
  Registration old = Trainer(0, 1);
  old.instance = 0;
  const auto refused = membership.Register(old, kStart);
  EXPECT_EQ(refused.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("another build"));
}

// A supervisor tells a new scheduler again what it may have told the one before.
TEST(MembershipTest, AnEndThatIsToldAgainDoesNotEndTheSuccessor) {
  Membership membership(Options());
  (void)membership.Register(Trainer(0, 1), kStart);
  membership.Exited(Exit({Role::kTrainer, 0}, "killed", 1));
  const Incarnation second = **membership.Register(Trainer(0, 2), kStart);
  for (const uint32_t pid : {1u, 0u}) {  // 0: one that could not be started.
    membership.Exited(Exit({Role::kTrainer, 0}, "killed", pid));
    EXPECT_TRUE(membership.Hear(second, kStart).ok());
  }
  membership.Exited(Exit({Role::kTrainer, 0}, "killed", 2));
  EXPECT_FALSE(membership.Hear(second, kStart).ok());
}

TEST(MembershipTest, WhatItDecidedIsReadBack) {
  Membership membership(Options());
  ASSERT_TRUE(membership.Readmit(Trainer(0, 1), Incarnation(1), kStart).ok());
  EXPECT_EQ(membership.Readmit(Trainer(0, 2), Incarnation(2), kStart).code(), StatusCode::kDataLoss)
      << "the place is held";
  EXPECT_EQ(membership.Readmit(Trainer(1, 2), Incarnation(3), kStart).code(), StatusCode::kDataLoss)
      << "no number is left out";
  EXPECT_EQ(membership.Readmit(Trainer(9, 2), Incarnation(2), kStart).code(), StatusCode::kDataLoss)
      << "no such place";
  EXPECT_TRUE(membership.Remove(Incarnation(1), NodeState::kLeft, "left: tired").ok());
  EXPECT_EQ(membership.Remove(Incarnation(1), NodeState::kDead, "x").code(), StatusCode::kDataLoss);
  const std::vector<MemberEvent> events = membership.TakeEvents();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_TRUE(events[0].joined);
  EXPECT_THAT(events[1].text, HasSubstr("left: tired"));
  EXPECT_EQ(**membership.Register(Trainer(0, 2), kStart), Incarnation(2));
}

// Random histories against four properties: incarnations are never reused; a dead or left one
// stays so; at most one live process per place; nobody heard within dead_after is dead by silence.
TEST(MembershipTest, RandomHistoriesNeverReviveTheDead) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    Membership membership(Options());
    std::set<Incarnation> given;
    std::set<Incarnation> over;
    std::map<Incarnation, Instant> heard;
    Instant now = kStart;
    for (int event = 0; event < 400; ++event) {
      now = now + std::chrono::milliseconds(rng.Below(3000));
      const auto index = static_cast<uint32_t>(rng.Below(2));
      const auto pid = static_cast<uint32_t>(rng.Below(3));
      const auto incarnation = Incarnation(1 + rng.Below(given.size() + 1));
      switch (rng.Below(6)) {
        case 0: {
          const auto joined = membership.Register(Trainer(index, pid), now);
          if (joined && *joined && given.insert(**joined).second) heard[**joined] = now;
          break;
        }
        case 1: membership.Leave(incarnation, "left"); break;
        case 2: membership.Exited(Exit({Role::kTrainer, index}, "exited")); break;
        case 3: membership.Tick(now); break;
        default:
          if (membership.Hear(incarnation, now).ok()) heard[incarnation] = now;
          EXPECT_EQ(membership.Hear(incarnation, now).ok(),
                    given.contains(incarnation) && !over.contains(incarnation));
      }
      for (const MemberEvent& change : membership.TakeEvents()) {
        const bool out = change.state == NodeState::kDead || change.state == NodeState::kLeft;
        EXPECT_FALSE(over.contains(change.incarnation)) << change.text;
        if (out) over.insert(change.incarnation);
        if (out && change.text.find("silent") != std::string::npos) {
          EXPECT_GT(now - heard[change.incarnation], seconds(15)) << change.text;
        }
      }
      EXPECT_LE(membership.Live(Role::kTrainer).size(), 2u);
      EXPECT_EQ(membership.Live(Role::kTrainer).size(), given.size() - over.size());
    }
  }
}

}  // namespace
}  // namespace skybridge::scheduler
