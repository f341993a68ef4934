// SPDX-License-Identifier: Apache-2.0
#include "scheduler/log_begin.h"

#include <functional>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/durable_job.h"
#include "tests/scheduler/fake_cluster.h"

namespace skybridge::scheduler {
namespace {

using testing::HasSubstr;

// In the second phase of FakeOptions without lockstep: one epoch of 3 + 2 + 4 batches.
checkpoint::JobState State() {
  checkpoint::JobState state;
  state.set_phase(2);
  for (const uint64_t batches : {3, 2, 4}) {
    state.add_batches(batches);
  }
  checkpoint::DoneLease& done = *state.add_done();
  done.set_unit(UnitOf(0, 2));
  done.set_count(4);
  return state;
}

SchedulerNodeOptions Async() {
  SchedulerNodeOptions options = FakeOptions();
  options.staleness = -1;
  return options;
}

TEST(LogBeginTest, NumbersGoOnAboveThoseOfTheEarlierLife) {
  const auto log =
      RestoredLog(Async(), State(), {.generation = 3, .round = 17, .term = 5, .incarnation = 40});
  ASSERT_TRUE(log) << log.error();
  const auto job = DurableJob::Restore(Async(), *log);
  ASSERT_TRUE(job) << job.error();
  EXPECT_EQ((*job)->generation(), 4u);
  EXPECT_EQ((*job)->rounds(), 17u);
  EXPECT_EQ((*job)->term(), 6u);
  EXPECT_FALSE((*job)->round_began_at());
  const auto joined = (*job)->membership().Register({.key = {Role::kTrainer, 0},
                                                     .host = "host",
                                                     .pid = 1,
                                                     .instance = 1,
                                                     .version = "1",
                                                     .job_hash = 11,
                                                     .dataset_hash = 22},
                                                    {});
  ASSERT_TRUE(joined);
  EXPECT_EQ(**joined, Incarnation(41));
  EXPECT_EQ((*job)->membership().last_given(), Incarnation(41));
}

TEST(LogBeginTest, AStateThatThisJobCannotHaveBeenInIsRefused) {
  const auto refusal = [](const SchedulerNodeOptions& options,
                          const std::function<void(checkpoint::JobState&)>& change) {
    checkpoint::JobState state = State();
    change(state);
    const auto log = RestoredLog(options, state, {});
    if (log) return std::string("accepted");
    EXPECT_EQ(log.error().code(), StatusCode::kFailedPrecondition);
    return log.error().message();
  };
  EXPECT_EQ(refusal(Async(), [](auto&) {}), "accepted");
  EXPECT_EQ(refusal(Async(), [](auto& state) { state.add_batches(1); }),
            "the state counted 4 training partitions, this job has 3");
  EXPECT_EQ(refusal(Async(), [](auto& state) { state.set_phase(3); }),
            "phase 3: in this job it is vectors");
  EXPECT_EQ(refusal(Async(), [](auto& state) { state.set_phase(30); }),
            "phase 30: this job has 10");
  EXPECT_EQ(refusal(Async(), [](auto& state) { state.set_clock(1); }),
            "phase 2: clock 1 is outside of [0, 0]");
  EXPECT_THAT(refusal(Async(), [](auto& state) { state.mutable_done(0)->set_unit(UnitOf(1, 2)); }),
              HasSubstr("is no lease of this phase"));
  EXPECT_THAT(refusal(Async(), [](auto& state) { *state.add_done() = state.done(0); }),
              HasSubstr("is done"));
  EXPECT_THAT(refusal(Async(), [](auto& state) { state.mutable_done(0)->set_count(3); }),
              HasSubstr("is done with 3 batches of 4"));
  EXPECT_EQ(refusal(Async(), [](auto& state) { state.add_evaluation()->set_name("other"); }),
            "this job has no evaluation 0 'other'");
  EXPECT_THAT(refusal(FakeOptions(), [](auto&) {}), HasSubstr("is no lease of this phase"));
  EXPECT_THAT(refusal(FakeOptions(),
                      [](auto& state) {
                        state.clear_done();
                        state.set_clock(99);
                      }),
              HasSubstr("phase 2: clock 99 is outside of [0, "));
}

TEST(LogBeginTest, ARestoredJobIsSaidOnceAndFirst) {
  const std::vector<Record> log = *RestoredLog(Async(), State(), {});
  const auto refused = [](const std::vector<Record>& records) {
    const auto job = DurableJob::Restore(Async(), records);
    return job ? "accepted" : job.error().message();
  };
  EXPECT_EQ(refused(log), "accepted");
  EXPECT_EQ(refused({log[0], log[1], log[1]}),
            "scheduler log, record 3: it decided nothing where it stands");
  DurableJob other(Async());
  std::vector<Record> begun = other.TakeRecords();
  begun.push_back(log[1]);
  EXPECT_EQ(refused(begun), "scheduler log, record 3: it decided nothing where it stands");
}

}  // namespace
}  // namespace skybridge::scheduler
