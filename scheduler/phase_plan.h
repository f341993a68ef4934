// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "scheduler/scheduler_options.h"

namespace skybridge::scheduler {

enum class PhaseKind : uint8_t {
  kPrepare,   // Count every partition.
  kTrain,     // One segment: from one due evaluation to the next.
  kVectors,   // Candidate vectors into a temporary folder, for the evaluations due.
  kEvaluate,  // Rank the queries of the evaluations due against them.
  kExport,    // Candidate vectors and the query tower's tables.
  kIndex,
  kCommit,
};

// "prepare", "train", ...
std::string PhaseName(PhaseKind kind);

// One phase of the job. Positions are those of the whole training.
struct PhaseStep {
  Phase phase{};
  PhaseKind kind = PhaseKind::kPrepare;
  uint64_t clock_begin = 0;  // Lockstep: committed when the phase begins ...
  uint64_t clock_end = 0;    // ... and when it ends; equal outside training. Not lockstep: 0.
  uint32_t epoch_begin = 0;  // Not lockstep: whole epochs. Lockstep: those that the clocks touch.
  uint32_t epoch_end = 0;
  uint64_t step = 0;  // Lockstep: clock_end. Otherwise: batches of all epochs until then.
  double epoch = 0;   // Epochs trained at the end of the phase, with a fraction.
  std::vector<uint32_t> evaluations;  // kVectors, kEvaluate: positions in the job's list.
  std::string folder;                 // kVectors, kEvaluate and on: where the parts lie.
  bool operator==(const PhaseStep&) const = default;
};

// The order of a job's phases: prepare; training, cut where an evaluation is due, with the
// evaluations between; export, index, commit. All due at one point share one set of vectors. When
// training is over, for whatever reason, every evaluation runs.
//
// A pure function of options, counted batches and the early stop; phases are numbered from 1 as
// they begin.
class PhasePlan {
 public:
  explicit PhasePlan(const SchedulerNodeOptions& options);

  const PhaseStep& step() const { return step_; }

  // What prepare found: batches of each training partition, in each epoch. Once, in kPrepare.
  void Prepared(const std::vector<uint64_t>& batches);
  // Instead: goes on with a training phase, from `clock` of it (not lockstep: 0).
  // Errors: kFailedPrecondition if this plan has no such phase or clock.
  Status Resume(const std::vector<uint64_t>& batches, Phase phase, uint64_t clock);
  // Training has gone on long enough: no more of it. At the end of an evaluation. False if it was
  // over anyway.
  bool StopTraining();
  // Moves on. False when the job is complete.
  bool Advance();

  // Nothing but the export is ahead.
  bool trained() const;
  // A training phase runs or is ahead.
  bool training_left() const;
  // Lockstep: clocks of the whole training. Otherwise: batches. 0 before Prepared.
  uint64_t steps_total() const { return steps_total_; }

 private:
  struct Boundary;
  std::vector<Boundary> Boundaries(const std::vector<uint64_t>& batches) const;
  void PlanEvaluations(const PhaseStep& position, std::vector<uint32_t> due);

  const SchedulerNodeOptions options_;
  PhaseStep step_;
  std::deque<PhaseStep> ahead_;
  uint64_t steps_total_ = 0;
};

}  // namespace skybridge::scheduler
