// SPDX-License-Identifier: Apache-2.0
#include "scheduler/phase_plan.h"

#include <numeric>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/clock_schedule.h"
#include "common/rng.h"

namespace skybridge::scheduler {
namespace {

using testing::ElementsAre;

SchedulerNodeOptions Options(int32_t staleness) {
  SchedulerNodeOptions options;
  options.staleness = staleness;
  options.ranks = 2;
  options.epochs = 3;
  options.training_partitions = 2;
  options.candidate_partitions = 1;
  options.temp_folder = std::string("/temp");
  options.export_folder = std::string("/export");
  return options;
}

std::string Describe(const PhaseStep& step) {
  std::string text = fmt::format("{} {}", Number(step.phase), PhaseName(step.kind));
  if (step.kind == PhaseKind::kTrain) {
    text += fmt::format(" clocks {}..{} epochs {}..{}", step.clock_begin, step.clock_end,
                        step.epoch_begin, step.epoch_end);
  }
  text += fmt::format(" step {}", step.step);
  for (const uint32_t evaluation : step.evaluations) text += fmt::format(" e{}", evaluation);
  if (!step.folder.empty()) text += " " + step.folder;
  return text;
}

std::vector<std::string> Walk(PhasePlan& plan, const std::vector<uint64_t>& batches) {
  std::vector<std::string> steps = {Describe(plan.step())};
  plan.Prepared(batches);
  while (plan.Advance()) steps.push_back(Describe(plan.step()));
  return steps;
}

TEST(PhasePlanTest, JobWithoutEvaluationsTrainsInOnePiece) {
  PhasePlan plan(Options(0));
  EXPECT_THAT(Walk(plan, {4, 4}),
              ElementsAre("1 prepare step 0", "2 train clocks 0..12 epochs 0..3 step 12",
                          "3 export step 12 /export", "4 index step 12 /export",
                          "5 commit step 12 /export"));
  EXPECT_EQ(plan.steps_total(), 12u);
}

TEST(PhasePlanTest, WithoutExportFolderTheJobEndsWithItsEvaluations) {
  SchedulerNodeOptions options = Options(0);
  options.export_folder.clear();
  options.evaluations = {{.name = "test", .partitions = 1}};
  PhasePlan plan(options);
  EXPECT_THAT(Walk(plan, {4, 4}),
              ElementsAre("1 prepare step 0", "2 train clocks 0..12 epochs 0..3 step 12",
                          "3 vectors step 12 e0 /temp/vectors-12",
                          "4 evaluate step 12 e0 /temp/vectors-12"));
}

TEST(PhasePlanTest, WithoutIndexTheExportIsCommittedAtOnce) {
  SchedulerNodeOptions options = Options(0);
  options.build_index = false;
  PhasePlan plan(options);
  const std::vector<std::string> steps = Walk(plan, {4, 4});
  EXPECT_EQ(steps.back(), "4 commit step 12 /export");
  EXPECT_EQ(steps.size(), 4u);
}

TEST(PhasePlanTest, EvaluationsCutTrainingAndShareVectors) {
  SchedulerNodeOptions options = Options(0);
  options.export_folder.clear();
  options.evaluations = {{.name = "by epochs", .every_epochs = 2},
                         {.name = "by clocks", .every_clocks = 8},
                         {.name = "at the end"}};
  PhasePlan plan(options);
  EXPECT_THAT(Walk(plan, {4, 4}),
              ElementsAre("1 prepare step 0", "2 train clocks 0..8 epochs 0..2 step 8",
                          "3 vectors step 8 e0 e1 /temp/vectors-8",
                          "4 evaluate step 8 e0 e1 /temp/vectors-8",
                          "5 train clocks 8..12 epochs 2..3 step 12",
                          "6 vectors step 12 e0 e1 e2 /temp/vectors-12",
                          "7 evaluate step 12 e0 e1 e2 /temp/vectors-12"));
}

TEST(PhasePlanTest, ClocksMayCutAnEpoch) {
  SchedulerNodeOptions options = Options(0);
  options.epochs = 2;
  options.export_folder.clear();
  options.evaluations = {{.name = "by clocks", .every_clocks = 3}};
  PhasePlan plan(options);
  const std::vector<std::string> steps = Walk(plan, {4, 4});
  EXPECT_EQ(steps[1], "2 train clocks 0..3 epochs 0..1 step 3");
  EXPECT_EQ(steps[4], "5 train clocks 3..6 epochs 0..2 step 6");
  EXPECT_EQ(steps[7], "8 train clocks 6..8 epochs 1..2 step 8");
}

TEST(PhasePlanTest, OutsideLockstepSegmentsAreWholeEpochs) {
  SchedulerNodeOptions options = Options(-1);
  options.export_folder.clear();
  options.evaluations = {{.name = "test", .every_epochs = 2}};
  PhasePlan plan(options);
  EXPECT_THAT(
      Walk(plan, {4, 3}),
      ElementsAre("1 prepare step 0", "2 train clocks 0..0 epochs 0..2 step 14",
                  "3 vectors step 14 e0 /temp/vectors-14", "4 evaluate step 14 e0 /temp/vectors-14",
                  "5 train clocks 0..0 epochs 2..3 step 21",
                  "6 vectors step 21 e0 /temp/vectors-21",
                  "7 evaluate step 21 e0 /temp/vectors-21"));
  EXPECT_EQ(plan.steps_total(), 21u);
}

TEST(PhasePlanTest, NoEpochsMeansEvaluationAndExportOfFirstValues) {
  SchedulerNodeOptions options = Options(0);
  options.epochs = 0;
  options.build_index = false;
  options.evaluations = {{.name = "test"}};
  PhasePlan plan(options);
  EXPECT_THAT(Walk(plan, {4, 4}),
              ElementsAre("1 prepare step 0", "2 vectors step 0 e0 /temp/vectors-0",
                          "3 evaluate step 0 e0 /temp/vectors-0", "4 export step 0 /export",
                          "5 commit step 0 /export"));
}

TEST(PhasePlanTest, EarlyStopRunsTheRestOnTheSameVectorsAndExports) {
  SchedulerNodeOptions options = Options(0);
  options.build_index = false;
  options.evaluations = {{.name = "often", .every_epochs = 1}, {.name = "at the end"}};
  PhasePlan plan(options);
  plan.Prepared({4, 4});
  while (plan.step().kind != PhaseKind::kEvaluate) ASSERT_TRUE(plan.Advance());
  EXPECT_FALSE(plan.trained());
  EXPECT_TRUE(plan.StopTraining());
  std::vector<std::string> steps;
  while (plan.Advance()) {
    steps.push_back(Describe(plan.step()));
    if (plan.step().kind == PhaseKind::kEvaluate) {
      EXPECT_TRUE(plan.trained());
      EXPECT_FALSE(plan.StopTraining());
    }
    EXPECT_EQ(plan.step().clock_end, 4u);
    EXPECT_EQ(plan.step().clock_begin, 4u);
  }
  EXPECT_THAT(steps, ElementsAre("5 evaluate step 4 e1 /temp/vectors-4", "6 export step 4 /export",
                                 "7 commit step 4 /export"));
}

// For any job: training covers every step once, in order; each evaluation runs at the end.
TEST(PhasePlanTest, SegmentsCoverTheTrainingForAnyJob) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    SchedulerNodeOptions options = Options(rng.Below(2) == 0 ? 0 : -1);
    options.seed = seed;
    options.epochs = static_cast<uint32_t>(rng.Below(5));
    for (uint64_t i = rng.Below(3); i > 0; --i) {
      options.evaluations.push_back({.every_epochs = static_cast<uint32_t>(rng.Below(4)),
                                     .every_clocks = options.lockstep() ? rng.Below(7) : 0});
    }
    std::vector<uint64_t> batches(1 + rng.Below(4));
    for (uint64_t& count : batches) count = rng.Below(5);
    PhasePlan plan(options);
    plan.Prepared(batches);
    uint64_t step = 0;
    uint64_t clock = 0;
    std::vector<uint64_t> last(options.evaluations.size(), ~uint64_t{0});
    while (plan.Advance()) {
      const PhaseStep& now = plan.step();
      if (now.kind == PhaseKind::kTrain) {
        EXPECT_GT(now.step, step);
        EXPECT_EQ(now.clock_begin, clock);
        step = now.step;
        clock = now.clock_end;
      }
      EXPECT_EQ(now.step, step);
      EXPECT_EQ(now.clock_end, clock);
      if (now.kind != PhaseKind::kEvaluate) continue;
      for (const uint32_t evaluation : now.evaluations) last[evaluation] = step;
    }
    const uint64_t sum = std::accumulate(batches.begin(), batches.end(), uint64_t{0});
    const ClockSchedule schedule(seed, options.ranks, options.epochs, batches);
    EXPECT_EQ(step, options.lockstep() ? schedule.clocks_total() : options.epochs * sum);
    EXPECT_EQ(step, plan.steps_total());
    for (const uint64_t at : last) EXPECT_EQ(at, step);
  }
}

}  // namespace
}  // namespace skybridge::scheduler
