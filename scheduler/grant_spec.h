// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/lease.h"
#include "scheduler/phase_plan.h"
#include "scheduler/scheduler_options.h"

namespace skybridge::scheduler {

// What prepare counted.
struct JobFacts {
  std::vector<uint64_t> batches;  // Of each training partition, per epoch.
  uint64_t training_pairs = 0;
  uint64_t candidates = 0;
};

// See wire.TrainSpec.
struct TrainSpec {
  uint32_t rank = 0;
  uint64_t clock_begin = 0;
  uint64_t clock_end = 0;
  uint64_t clocks_total = 0;
  std::vector<uint64_t> batches;
  uint64_t examples_total = 0;
  uint64_t candidates_total = 0;
  uint32_t epoch = 0;
  uint32_t partition = 0;
  uint64_t partition_batches = 0;
  uint32_t epochs = 0;
};

// See wire.ExportSpec.
struct ExportSpec {
  std::string folder;
  uint64_t expect_committed = 0;
  bool vectors_only = false;
  std::vector<PartFile> parts;
  uint64_t step = 0;
  double index_recall = 0;
  uint64_t candidates_total = 0;
};

// See wire.EvaluateSpec.
struct EvaluateSpec {
  std::string folder;
  std::vector<PartFile> parts;
  uint32_t evaluation = 0;
  uint64_t expect_committed = 0;
  uint64_t candidates_total = 0;
};

// What a grant says beyond the lease's name. At most one is set; prepare needs none.
struct GrantSpec {
  std::optional<TrainSpec> train;
  std::optional<ExportSpec> export_spec;
  std::optional<EvaluateSpec> evaluate;
};

// What a grant's content is made from.
struct GrantInput {
  const SchedulerNodeOptions& options;
  const PhasePlan& plan;
  const JobFacts& facts;
  const std::vector<PartFile>& parts;  // Collected so far for the step's folder.
  uint32_t rank = 0;                   // kTrainPartition.
  double index_recall = 0;             // kExportCommit.
};

// The content of a grant of `lease`, which belongs to the plan's current step. Pure.
GrantSpec MakeGrantSpec(const LeaseId& lease, const GrantInput& input);

// The leases of the plan's current step, in grant order. Pure.
std::vector<LeaseId> MakeLeases(const SchedulerNodeOptions& options, const PhaseStep& step,
                                const JobFacts& facts);

}  // namespace skybridge::scheduler
