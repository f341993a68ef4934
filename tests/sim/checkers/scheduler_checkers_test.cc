// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/scheduler_checkers.h"

#include <gtest/gtest.h>

#include "scheduler/scheduler_node.h"
#include "tests/sim/checkers/talk.h"

namespace skybridge::sim {
namespace {

using std::chrono::seconds;

wire::Header Grant(uint64_t unit, uint32_t attempt) {
  wire::Header header;
  wire::Grant& grant = *header.mutable_grant();
  grant.mutable_lease()->set_phase(1);
  grant.mutable_lease()->set_kind(wire::PREPARE_PARTITION);
  grant.mutable_lease()->set_unit(unit);
  grant.set_attempt(attempt);
  return header;
}

history::Entry Joined(uint64_t node) {
  history::Entry entry;
  entry.mutable_node_joined()->set_incarnation(node);
  return entry;
}

history::Entry Done(uint64_t unit, uint64_t node) {
  history::Entry entry;
  entry.mutable_lease_done()->set_node(node);
  *entry.mutable_lease_done()->mutable_done()->mutable_lease() = Grant(unit, 1).grant().lease();
  return entry;
}

history::Entry Gone(uint64_t node) {
  history::Entry entry;
  entry.mutable_node_gone()->set_incarnation(node);
  return entry;
}

TEST(LeasesDoneOnceTest, FiresWhenAnAttemptHasTwoHolders) {
  LeasesDoneOnce checker;
  Talk talk(checker);
  talk.Say(Grant(1, 1), 8);
  talk.Say(Grant(1, 1), 8);  // A repeat.
  talk.Say(Grant(2, 1), 9);
  talk.Say(Grant(1, 2), 9);
  EXPECT_EQ(talk.broken(), "");
  talk.Say(Grant(1, 2), 8);
  EXPECT_EQ(talk.broken(), "I15");
}

TEST(LeasesDoneOnceTest, FiresWhenAnAttemptFollowsALaterOne) {
  LeasesDoneOnce checker;
  Talk talk(checker);
  talk.Say(Grant(1, 2), 8);
  talk.Say(Grant(1, 1), 8);
  EXPECT_EQ(talk.broken(), "I15");
}

TEST(LeasesDoneOnceTest, FiresWhenALeaseIsDoneTwice) {
  LeasesDoneOnce checker;
  Talk talk(checker);
  checker.Kept(Joined(8), {});
  checker.Kept(Done(1, 8), {});
  checker.Kept(Done(2, 8), {});
  EXPECT_EQ(talk.broken(), "");
  checker.Kept(Done(1, 8), {});
  EXPECT_EQ(talk.broken(), "I15");
}

TEST(LeasesDoneOnceTest, FiresWhenOneWhoIsOutReports) {
  LeasesDoneOnce checker;
  Talk talk(checker);
  checker.Kept(Joined(8), {});
  checker.Kept(Gone(8), {});
  checker.Kept(Done(1, 8), {});
  EXPECT_EQ(talk.broken(), "I15");
}

TEST(LeasesDoneOnceTest, FiresWhenTheJobGoesOnAfterItsEnd) {
  LeasesDoneOnce checker;
  Talk talk(checker);
  history::Entry ended, advanced;
  ended.mutable_job_ended();
  advanced.mutable_advanced();
  checker.Kept(Joined(8), {});
  checker.Kept(advanced, {});
  checker.Kept(ended, {});
  checker.Kept(Gone(8), {});  // It leaves.
  EXPECT_EQ(talk.broken(), "");
  checker.Kept(advanced, {});
  EXPECT_EQ(talk.broken(), "I15");
}

scheduler::SchedulerNodeOptions Options() {
  return {.job = {.high = 1, .low = 2}, .version = "v", .training_partitions = 1};
}

TEST(HistoryReplaysTest, FiresForALogThatDoesNotReplay) {
  std::vector<Record> records = {{"garbage"}};
  HistoryReplays checker(1, Options(), records);
  Talk talk(checker);
  checker.Ended();
  EXPECT_EQ(talk.broken(), "I18");
}

// The log of a job that has only begun: nothing was granted.
TEST(HistoryReplaysTest, FiresForAGrantThatTheLogDoesNotExplain) {
  std::vector<Record> records = scheduler::SchedulerNode(Options()).Tick({}).persist;
  ASSERT_FALSE(records.empty());
  HistoryReplays checker(1, Options(), records);
  Talk talk(checker);
  checker.Ended();
  EXPECT_EQ(talk.broken(), "");
  for (uint64_t unit = 0; unit < 100; ++unit) talk.Say(Grant(unit, 1), 8);  // Some are looked up.
  EXPECT_EQ(talk.broken(), "I18");
}

TEST(ProgressTest, FiresWhenNothingIsDoneInCalmTimes) {
  Progress checker({seconds(100)}, seconds(10));
  Talk talk(checker);
  checker.Passed({seconds(110)});
  history::Entry entry;
  entry.mutable_advanced();
  checker.Kept(entry, {seconds(111)});
  checker.Passed({seconds(120)});
  checker.Kept(Joined(8), {seconds(120)});
  EXPECT_EQ(talk.broken(), "");
  checker.Passed({seconds(122)});
  EXPECT_EQ(talk.broken(), "I11");
}

}  // namespace
}  // namespace skybridge::sim
