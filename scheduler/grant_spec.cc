// SPDX-License-Identifier: Apache-2.0
#include "scheduler/grant_spec.h"

#include "scheduler/training_dealer.h"

namespace skybridge::scheduler {
namespace {

TrainSpec MakeTrainSpec(const LeaseId& lease, const GrantInput& input) {
  const PhaseStep& step = input.plan.step();
  TrainSpec spec{.clocks_total = input.plan.steps_total(),
                 .batches = input.facts.batches,
                 .examples_total = input.facts.training_pairs,
                 .candidates_total = input.facts.candidates,
                 .epochs = input.options.epochs};
  if (lease.kind == LeaseKind::kTrainRank) {
    spec.rank = static_cast<uint32_t>(lease.unit);
    spec.clock_begin = step.clock_begin;
    spec.clock_end = step.clock_end;
    return spec;
  }
  spec.rank = input.rank;
  spec.epoch = UnitHigh(lease.unit);
  spec.partition = UnitLow(lease.unit);
  spec.partition_batches = input.facts.batches[spec.partition];
  return spec;
}

ExportSpec MakeExportSpec(const LeaseId& lease, const GrantInput& input) {
  const PhaseStep& step = input.plan.step();
  ExportSpec spec{.folder = step.folder,
                  .expect_committed = step.clock_end,
                  .vectors_only = step.kind == PhaseKind::kVectors,
                  .step = step.step,
                  .candidates_total = input.facts.candidates};
  if (lease.kind == LeaseKind::kBuildIndex || lease.kind == LeaseKind::kExportCommit) {
    spec.parts = input.parts;
  }
  if (lease.kind == LeaseKind::kExportCommit) spec.index_recall = input.index_recall;
  return spec;
}

EvaluateSpec MakeEvaluateSpec(const LeaseId& lease, const GrantInput& input) {
  const PhaseStep& step = input.plan.step();
  return {.folder = step.folder,
          .parts = input.parts,
          .evaluation = UnitHigh(lease.unit),
          .expect_committed = step.clock_end,
          .candidates_total = input.facts.candidates};
}

void AddRange(std::vector<LeaseId>& leases, const PhaseStep& step, LeaseKind kind, uint32_t count) {
  for (uint32_t unit = 0; unit < count; ++unit) leases.push_back({step.phase, kind, unit});
}

}  // namespace

GrantSpec MakeGrantSpec(const LeaseId& lease, const GrantInput& input) {
  switch (lease.kind) {
    case LeaseKind::kPreparePartition: return {};
    case LeaseKind::kTrainRank:
    case LeaseKind::kTrainPartition: return {.train = MakeTrainSpec(lease, input)};
    case LeaseKind::kEvaluatePartition: return {.evaluate = MakeEvaluateSpec(lease, input)};
    case LeaseKind::kExportPartition:
    case LeaseKind::kExportTable:
    case LeaseKind::kBuildIndex:
    case LeaseKind::kExportCommit: return {.export_spec = MakeExportSpec(lease, input)};
  }
  return {};
}

std::vector<LeaseId> MakeLeases(const SchedulerNodeOptions& options, const PhaseStep& step,
                                const JobFacts& facts) {
  std::vector<LeaseId> leases;
  switch (step.kind) {
    case PhaseKind::kPrepare:
      AddRange(leases, step, LeaseKind::kPreparePartition,
               options.training_partitions + options.candidate_partitions);
      break;
    case PhaseKind::kTrain:
      // A job that was restored at the end of its phase has nothing to do in it.
      if (options.lockstep() && step.clock_begin == step.clock_end) break;
      return options.lockstep() ? RankLeases(step.phase, options.ranks)
                                : PartitionLeases(step, options.seed, facts.batches);
    case PhaseKind::kVectors:
      AddRange(leases, step, LeaseKind::kExportPartition, options.candidate_partitions);
      break;
    case PhaseKind::kEvaluate:
      for (const uint32_t evaluation : step.evaluations) {
        for (uint32_t p = 0; p < options.evaluations[evaluation].partitions; ++p) {
          leases.push_back({step.phase, LeaseKind::kEvaluatePartition, UnitOf(evaluation, p)});
        }
      }
      break;
    case PhaseKind::kExport:
      AddRange(leases, step, LeaseKind::kExportPartition, options.candidate_partitions);
      for (const uint32_t table : options.export_tables) {
        for (uint32_t shard = 0; shard < options.shards; ++shard) {
          leases.push_back({step.phase, LeaseKind::kExportTable, UnitOf(table, shard)});
        }
      }
      break;
    case PhaseKind::kIndex: AddRange(leases, step, LeaseKind::kBuildIndex, 1); break;
    case PhaseKind::kCommit: AddRange(leases, step, LeaseKind::kExportCommit, 1); break;
  }
  return leases;
}

}  // namespace skybridge::scheduler
