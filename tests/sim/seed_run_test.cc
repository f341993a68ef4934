// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/seed_run.h"

#include <gtest/gtest.h>

#include "tests/sim/campaign.h"
#include "tests/sim/operations.h"
#include "tests/sim/workload.h"

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const auto kForever = [] { return true; };
const auto kQuietly = [](const SeedReport&) {};

std::string Folder() {
  return testing::TempDir() + "skybridge_" +
         testing::UnitTest::GetInstance()->current_test_info()->name();
}

Swarm Calm() {
  return {.seed = 1,
          .shards = 2,
          .trainers = 2,
          .ranks = 2,
          .epochs = 1,
          .image_log_bytes = 1 << 30,
          .tick = milliseconds(20),
          .links = {.delay_min = Duration(1000), .delay_max = milliseconds(2)},
          .heal_at = {seconds(100)},
          .deadline = {seconds(200)}};
}

// No progress is possible while no message arrives, and nothing else is wrong.
Swarm Hopeless() {
  Swarm swarm = Calm();
  swarm.links.drop = 1;
  swarm.heal_at = swarm.deadline = {seconds(20)};
  return swarm;
}

TEST(SeedRunTest, CalmRunsEndWellInEveryKindOfTraining) {
  SeedRunner runner(Folder());
  for (const int32_t staleness : {0, 2, -1}) {
    for (const bool tight : {false, true}) {
      Swarm swarm = Calm();
      swarm.staleness = staleness;
      swarm.tight_memory = tight;
      const SeedOutcome outcome = runner.Run(swarm);
      EXPECT_FALSE(outcome.violation) << outcome.violation->what;
      EXPECT_EQ(outcome.stats.spilled > 0, tight);
      EXPECT_EQ(outcome.stats.crashes, 0u);
    }
  }
}

TEST(SeedRunTest, ARunThatCannotEndIsAViolation) {
  SeedRunner runner(Folder());
  const SeedOutcome outcome = runner.Run(Hopeless());
  ASSERT_TRUE(outcome.violation);
  EXPECT_EQ(outcome.violation->invariant, "I11");
}

TEST(SeedRunTest, TheSameRunHasTheSameTraceAndAnotherAnother) {
  SeedRunner runner(Folder());
  Swarm other = Calm();
  other.seed = 2;
  const uint64_t hash = runner.RunOnce(Calm()).trace_hash;
  EXPECT_EQ(runner.RunOnce(Calm()).trace_hash, hash);
  EXPECT_NE(runner.RunOnce(other).trace_hash, hash);
}

// I12, whoever runs it, wherever, and after whatever.
TEST(SeedRunTest, ARunHasTheSameTraceInEveryProcess) {
  Swarm swarm = Calm();
  swarm.exports = true;
  Swarm other = Calm();
  other.seed = 2;
  other.epochs = 2;
  std::vector<uint64_t> traces;
  for (const std::vector<Swarm>& swarms : {std::vector{swarm}, std::vector{other, swarm}}) {
    const CampaignResult result =
        RunCampaign({.swarms = swarms, .folder = Folder() + std::string(traces.size() * 3, 'x')},
                    kForever, [&](const SeedReport& report) {
                      if (report.seed == swarm.seed) traces.push_back(report.outcome.trace_hash);
                    });
    ASSERT_FALSE(result.failure) << result.failure->outcome.violation->what;
  }
  ASSERT_EQ(traces.size(), 2u);
  EXPECT_EQ(traces[0], traces[1]);
}

// R3: training goes on without a scheduler, to its last clock if there is time.
TEST(OperationsTest, LockstepTrainingDoesNotMissItsScheduler) {
  Swarm swarm = Calm();
  swarm.epochs = 6;
  swarm.links.delay_max = milliseconds(20);
  swarm.scheduler_outage = seconds(60);
  SeedRunner runner(Folder());
  EXPECT_FALSE(runner.RunOnce(swarm).violation);

  const auto job = TinyJob::Create({.epochs = 6}, Folder() + "/job");
  TrainingCluster cluster(*job, {.swarm = swarm});
  PlanOperations(cluster);
  const auto away = [&] { return cluster.cluster().node(kSchedulerName) == nullptr; };
  ASSERT_TRUE(cluster.cluster().Run(away, {seconds(20)}));
  const uint64_t before = cluster.committed(0).value();
  EXPECT_FALSE(cluster.cluster().Run([] { return false; }, cluster.cluster().now() + seconds(50)));
  EXPECT_TRUE(away());
  EXPECT_GT(cluster.committed(0).value(), before + 10);
}

TEST(OperationsTest, EveryNodeIsRestartedInTurn) {
  Swarm swarm = Calm();
  swarm.epochs = 6;
  swarm.links.delay_max = milliseconds(50);
  swarm.rolling_pause = milliseconds(500);
  SeedRunner runner(Folder());
  const SeedOutcome outcome = runner.RunOnce(swarm);
  EXPECT_FALSE(outcome.violation);
  EXPECT_GE(outcome.stats.crashes, 5u);
}

TEST(OperationsTest, AllNodesMayDieAtOnce) {
  Swarm swarm = Calm();
  swarm.epochs = 6;
  swarm.links.delay_max = milliseconds(50);
  swarm.mass_kills_per_minute = 10;
  SeedRunner runner(Folder());
  const SeedOutcome outcome = runner.RunOnce(swarm);
  EXPECT_FALSE(outcome.violation);
  EXPECT_GE(outcome.stats.crashes, 5u);
}

TEST(SeedRunTest, CheckpointsAreMadeAndLookedAt) {
  SeedRunner runner(Folder());
  for (const int32_t staleness : {0, 2, -1}) {
    Swarm swarm = Calm();
    swarm.epochs = 6;
    swarm.staleness = staleness;
    swarm.links.delay_max = milliseconds(50);
    swarm.checkpoint_every = milliseconds(500);
    swarm.restored_shards = 3;
    const SeedOutcome outcome = runner.Run(swarm);
    EXPECT_FALSE(outcome.violation) << outcome.violation->what;
    EXPECT_GE(outcome.stats.checkpoints, 3u);
    EXPECT_EQ(outcome.stats.restores, 1u);  // Of one that was left.
  }
}

TEST(SeedRunTest, ClustersAreThrownAwayAndRestored) {
  SeedRunner runner(Folder());
  for (const int32_t staleness : {0, 2, -1}) {
    Swarm swarm = Calm();
    swarm.epochs = 12;
    swarm.staleness = staleness;
    swarm.links.delay_max = milliseconds(50);
    swarm.checkpoint_every = milliseconds(200);
    swarm.restores = 2;
    swarm.restored_shards = 3;
    const SeedOutcome outcome = runner.Run(swarm);
    EXPECT_FALSE(outcome.violation) << outcome.violation->what;
    EXPECT_EQ(outcome.stats.restores, 3u);
    EXPECT_GT(outcome.stats.crashes, 4u);
  }
}

TEST(CampaignTest, RunsAllSeedsInSeveralProcesses) {
  CampaignOptions options{.jobs = 2, .folder = Folder()};
  for (uint64_t seed = 0; seed < 5; ++seed) {
    options.swarms.push_back(Calm());
    options.swarms.back().seed = seed;
  }
  uint64_t told = 0;
  const CampaignResult result = RunCampaign(options, kForever, [&](const SeedReport&) { ++told; });
  EXPECT_FALSE(result.failure);
  EXPECT_EQ(result.runs, 5u);
  EXPECT_EQ(told, 5u);
  EXPECT_GT(result.sum.events, 1000u);
  SeedRunner here(Folder() + "/here");
  uint64_t events = 0;
  for (const Swarm& swarm : options.swarms) events += here.RunOnce(swarm).stats.events;
  EXPECT_EQ(result.sum.events, events);
}

TEST(CampaignTest, EndsWithTheFirstFailure) {
  const CampaignResult result = RunCampaign(
      {.swarms = {Calm(), Hopeless(), Calm()}, .jobs = 1, .folder = Folder()}, kForever, kQuietly);
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->outcome.violation->invariant, "I11");
  EXPECT_EQ(result.runs, 1u);
}

TEST(CampaignTest, AProcessThatDiesOfARunIsItsFailure) {
  Swarm deadly = Calm();
  deadly.shards = 0;  // Nobody meant this to run.
  const CampaignResult result =
      RunCampaign({.swarms = {Calm(), deadly}, .folder = Folder()}, kForever, kQuietly);
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->outcome.violation->invariant, "crash");
  EXPECT_EQ(result.runs, 1u);
  EXPECT_TRUE(FailsAlike(deadly, *result.failure->outcome.violation, Folder(), kForever));
  EXPECT_FALSE(FailsAlike(Hopeless(), *result.failure->outcome.violation, Folder(), kForever));
  EXPECT_FALSE(FailsAlike(Calm(), *result.failure->outcome.violation, Folder(), kForever));
}

TEST(CampaignTest, AnInterruptEndsIt) {
  const CampaignResult result = RunCampaign(
      {.swarms = {Calm(), Calm()}, .folder = Folder()}, [] { return false; }, kQuietly);
  EXPECT_TRUE(result.interrupted);
  EXPECT_FALSE(result.failure);
}

}  // namespace
}  // namespace skybridge::sim
