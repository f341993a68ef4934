// SPDX-License-Identifier: Apache-2.0
#include "scheduler/grant_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class GrantSpecTest : public testing::Test {
 protected:
  GrantSpecTest() {
    options.staleness = -1;
    options.ranks = 2;
    options.epochs = 2;
    options.shards = 2;
    options.training_partitions = 2;
    options.candidate_partitions = 2;
    options.evaluations = {{.name = "a", .partitions = 1}, {.name = "b", .partitions = 2}};
    options.export_tables = {4, 6};
    options.export_folder = std::string("/export");
    options.temp_folder = std::string("/temp");
    facts = {.batches = {3, 5}, .training_pairs = 70, .candidates = 9};
  }
  std::vector<uint64_t> Units(PhaseStep step) {
    std::vector<uint64_t> units;
    for (const LeaseId& lease : MakeLeases(options, step, facts)) units.push_back(lease.unit);
    return units;
  }
  // The spec of a lease of that kind in the first phase of its kind.
  GrantSpec Spec(PhaseKind kind, LeaseKind lease, uint64_t unit) {
    PhasePlan plan(options);
    plan.Prepared(facts.batches);
    while (plan.step().kind != kind) EXPECT_TRUE(plan.Advance());
    return MakeGrantSpec({plan.step().phase, lease, unit}, {.options = options,
                                                            .plan = plan,
                                                            .facts = facts,
                                                            .parts = parts,
                                                            .rank = 1,
                                                            .index_recall = 0.9});
  }

  SchedulerNodeOptions options;
  JobFacts facts;
  const std::vector<PartFile> parts = {{.name = "v"}};
};

TEST_F(GrantSpecTest, EachPhaseHasItsLeases) {
  EXPECT_THAT(Units({.kind = PhaseKind::kPrepare}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Units({.kind = PhaseKind::kTrain, .epoch_end = 2}).size(), 4u);
  EXPECT_THAT(Units({.kind = PhaseKind::kVectors}), ElementsAre(0, 1));
  EXPECT_THAT(Units({.kind = PhaseKind::kEvaluate, .evaluations = {1}}),
              ElementsAre(UnitOf(1, 0), UnitOf(1, 1)));
  EXPECT_THAT(Units({.kind = PhaseKind::kExport}),
              ElementsAre(0, 1, UnitOf(4, 0), UnitOf(4, 1), UnitOf(6, 0), UnitOf(6, 1)));
  EXPECT_THAT(Units({.kind = PhaseKind::kIndex}), ElementsAre(0));
  EXPECT_THAT(Units({.kind = PhaseKind::kCommit}), ElementsAre(0));
  options.staleness = 0;
  EXPECT_THAT(Units({.kind = PhaseKind::kTrain, .clock_end = 1}), ElementsAre(0, 1));
}

TEST_F(GrantSpecTest, PrepareNeedsNoSpec) {
  PhasePlan plan(options);
  const GrantSpec spec =
      MakeGrantSpec({Phase(1), LeaseKind::kPreparePartition, 0},
                    {.options = options, .plan = plan, .facts = facts, .parts = parts});
  EXPECT_FALSE(spec.train || spec.export_spec || spec.evaluate);
}

TEST_F(GrantSpecTest, PartitionLeaseNamesRankEpochAndBatches) {
  const TrainSpec spec = *Spec(PhaseKind::kTrain, LeaseKind::kTrainPartition, UnitOf(1, 1)).train;
  EXPECT_EQ(spec.rank, 1u);
  EXPECT_EQ(spec.epoch, 1u);
  EXPECT_EQ(spec.partition, 1u);
  EXPECT_EQ(spec.partition_batches, 5u);
  EXPECT_EQ(spec.clocks_total, 16u) << "batches of both epochs";
  EXPECT_EQ(spec.epochs, 2u);
  EXPECT_THAT(spec.batches, ElementsAre(3, 5));
  EXPECT_EQ(spec.examples_total, 70u);
  EXPECT_EQ(spec.candidates_total, 9u);
}

TEST_F(GrantSpecTest, OutsideLockstepNoCommittedClockIsExpected) {
  const ExportSpec spec = *Spec(PhaseKind::kExport, LeaseKind::kExportPartition, 0).export_spec;
  EXPECT_EQ(spec.expect_committed, 0u);
  EXPECT_EQ(spec.step, 16u);
  EXPECT_EQ(spec.folder, "/export");
  EXPECT_EQ(spec.candidates_total, 9u);
  EXPECT_FALSE(spec.vectors_only);
  EXPECT_THAT(spec.parts, IsEmpty());
}

TEST_F(GrantSpecTest, EvaluationsGetTemporaryVectorsAndTheirParts) {
  EXPECT_TRUE(Spec(PhaseKind::kVectors, LeaseKind::kExportPartition, 0).export_spec->vectors_only);
  const EvaluateSpec spec =
      *Spec(PhaseKind::kEvaluate, LeaseKind::kEvaluatePartition, UnitOf(1, 0)).evaluate;
  EXPECT_EQ(spec.folder, "/temp/vectors-16");
  EXPECT_EQ(spec.evaluation, 1u);
  EXPECT_EQ(spec.candidates_total, 9u);
  EXPECT_EQ(spec.parts, parts);
}

TEST_F(GrantSpecTest, OnlyTheCommitKnowsTheIndexRecall) {
  const ExportSpec index = *Spec(PhaseKind::kIndex, LeaseKind::kBuildIndex, 0).export_spec;
  EXPECT_EQ(index.parts, parts);
  EXPECT_EQ(index.index_recall, 0);
  const ExportSpec commit = *Spec(PhaseKind::kCommit, LeaseKind::kExportCommit, 0).export_spec;
  EXPECT_EQ(commit.parts, parts);
  EXPECT_EQ(commit.index_recall, 0.9);
}

}  // namespace
}  // namespace skybridge::scheduler
