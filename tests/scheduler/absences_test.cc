// SPDX-License-Identifier: Apache-2.0
#include "scheduler/absences.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr Instant kStart;
constexpr NodeKey kShard{Role::kShard, 1};
constexpr NodeKey kFirst{Role::kTrainer, 0};
constexpr NodeKey kSecond{Role::kTrainer, 1};

class AbsencesTest : public testing::Test {
 protected:
  AbsencesTest() { absences.Begin(1, 77); }
  void Return(NodeKey place, uint64_t store_id = 0) {
    absences.Back({.key = place, .host = "c", .store_id = store_id});
  }

  Absences absences{{.trainers = 2, .return_max = seconds(300)}};
};

TEST_F(AbsencesTest, AShardIsWaitedForAndThenNamed) {
  absences.Gone(kShard, "shard 1 exited: signal 9", kStart);
  EXPECT_TRUE(absences.Check(kStart + seconds(300)).ok());
  EXPECT_EQ(absences.Awaited(kStart + seconds(12)), "waiting 12 s for shard 1 exited: signal 9");
  const Status over = absences.Check(kStart + seconds(301));
  EXPECT_EQ(over.code(), StatusCode::kUnavailable);
  EXPECT_EQ(over.message(),
            "shard 1 exited: signal 9; it did not come back for 301 s, so the job ends");
  Return(kShard, 77);
  EXPECT_TRUE(absences.Check(kStart + seconds(301)).ok());
  EXPECT_EQ(absences.Awaited(kStart + seconds(301)), "");
}

TEST_F(AbsencesTest, AShardWithoutItsRowsEndsTheJob) {
  absences.Gone(kShard, "shard 1 exited", kStart);
  Return(kShard, 78);
  const Status lost = absences.Check(kStart);
  EXPECT_EQ(lost.code(), StatusCode::kStateLost);
  EXPECT_EQ(lost.message(),
            "shard 1 came back on host c with store 000000000000004e, the job began with store "
            "000000000000004d: its rows are lost, so the job ends");
}

TEST_F(AbsencesTest, AShardThatKeepsNoRowsCannotComeBack) {
  absences.Begin(0, 0);
  Return({Role::kShard, 0}, 0);
  EXPECT_EQ(absences.Check(kStart).code(), StatusCode::kStateLost);
}

TEST_F(AbsencesTest, AShardThatTheJobHasNoUseForIsForgotten) {
  absences.Gone(kShard, "shard 1 exited", kStart);
  absences.Forget(1);
  EXPECT_TRUE(absences.Check(kStart + seconds(400)).ok());
  EXPECT_EQ(absences.Awaited(kStart + seconds(12)), "");
  absences.GiveUp(kShard, Status(StatusCode::kUnavailable, "exit 3"));
  absences.Forget(1);
  Return(kShard, 78);  // Another one may come later, with nothing.
  EXPECT_TRUE(absences.Check(kStart).ok());
}

TEST_F(AbsencesTest, OnlyTheLastTrainerIsWaitedFor) {
  absences.Gone(kFirst, "trainer 0 left", kStart);
  EXPECT_EQ(absences.Awaited(kStart + seconds(1)), "");
  EXPECT_TRUE(absences.Check(kStart + seconds(1000)).ok());
  absences.Gone(kSecond, "trainer 1 died", kStart + seconds(1000));
  EXPECT_THAT(absences.Awaited(kStart + seconds(1001)), HasSubstr("1 s for trainer 1 died"));
  EXPECT_TRUE(absences.Check(kStart + seconds(1300)).ok());
  const Status over = absences.Check(kStart + seconds(1301));
  EXPECT_EQ(over.code(), StatusCode::kUnavailable);
  EXPECT_EQ(over.message(),
            "trainer 1 died; no trainer is left and none came back for 301 s, so the job ends");
  Return(kFirst);
  EXPECT_TRUE(absences.Check(kStart + seconds(1301)).ok());
}

TEST_F(AbsencesTest, WhoNobodyWillStartAgainIsNotWaitedFor) {
  const Status kExited(StatusCode::kUnavailable, "exited");
  absences.Gone(kFirst, "trainer 0 exited", kStart);
  absences.GiveUp(kFirst, kExited);
  absences.Gone(kSecond, "trainer 1 exited", kStart + seconds(1));
  EXPECT_TRUE(absences.Check(kStart + seconds(1)).ok()) << "somebody will start trainer 1 again";
  absences.GiveUp(kSecond, kExited);
  EXPECT_EQ(absences.Check(kStart + seconds(1)).message(),
            "trainer 1 exited; no trainer is left, so the job ends");
  Return(kSecond);
  absences.Gone(kSecond, "trainer 1 exited", kStart + seconds(2));
  EXPECT_TRUE(absences.Check(kStart + seconds(2)).ok()) << "it came back after all";

  absences.Gone(kShard, "shard 1 exited", kStart + seconds(2));
  absences.GiveUp(kShard, kExited);
  EXPECT_EQ(absences.Check(kStart + seconds(2)).message(),
            "shard 1 exited; nobody will start it again, so the job ends");
  absences.GiveUp(kShard, {StatusCode::kStateLost, "record 7 is damaged"});
  EXPECT_EQ(absences.Check(kStart + seconds(2)),
            Status(StatusCode::kStateLost,
                   "shard 1 exited, then: record 7 is damaged; nobody will "
                   "start it again, so the job ends"));
}

TEST_F(AbsencesTest, OwnPausesAndRestartsDoNotCount) {
  absences.Gone(kShard, "shard 1 exited", kStart);
  absences.Shift(seconds(100));
  EXPECT_TRUE(absences.Check(kStart + seconds(400)).ok());
  EXPECT_FALSE(absences.Check(kStart + seconds(401)).ok());
  absences.Resume(kStart + seconds(401));
  EXPECT_TRUE(absences.Check(kStart + seconds(701)).ok());
}

TEST_F(AbsencesTest, WaitingHasALineEveryFewSeconds) {
  EXPECT_FALSE(absences.TakeLine(kStart).has_value());
  absences.Gone(kShard, "shard 1 exited", kStart);
  EXPECT_FALSE(absences.TakeLine(kStart).has_value());
  EXPECT_FALSE(absences.TakeLine(kStart + seconds(4)).has_value());
  EXPECT_EQ(absences.TakeLine(kStart + seconds(5)), "waiting 5 s for shard 1 exited");
  EXPECT_FALSE(absences.TakeLine(kStart + seconds(6)).has_value());
  EXPECT_EQ(absences.TakeLine(kStart + seconds(10)), "waiting 10 s for shard 1 exited");
}

}  // namespace
}  // namespace skybridge::scheduler
