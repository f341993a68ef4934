// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "model/two_tower.h"
#include "worker/binding.h"
#include "worker/lease_work.h"
#include "worker/row_reader.h"
#include "worker/row_writer.h"

namespace skybridge::worker {

// A batch and the rows it needs, made off the node's thread.
struct PreparedStep {
  PreparedStep(const model::TwoTower& model, data::TrainBatch made)
      : batch(std::move(made)), binding(Binding::OfStep(model, batch)) {}
  PreparedStep(const PreparedStep&) = delete;  // The binding refers to the batch.

  const data::TrainBatch batch;
  const Binding binding;
};

// What is the same for every step of a lease.
struct StepTotals {
  uint64_t candidates = 0;  // Parameters::candidates_total.
  uint64_t examples = 0;    // Parameters::examples_total.
};

// The arithmetic of one step, off the node's thread: it may take longer than a node may be silent.
class ComputeTask : public WorkTask {
 public:
  ComputeTask(uint64_t owner, const model::TwoTower& model) : WorkTask(owner), model_(model) {}
  void Run() override;

  // In.
  std::shared_ptr<const PreparedStep> prepared;
  PulledRows rows;
  StepTotals totals;
  float scale = 1;
  // Out; what is in it before is only room.
  model::Gradients gradients;
  model::StepResult result;

 private:
  const model::TwoTower& model_;
};

// One step: pull the rows of a batch, compute, push the gradients; or, without a batch, the empty
// pull and push that keep the clock going.
class TrainStep {
 public:
  TrainStep(uint64_t owner, const model::TwoTower& model, Calls& calls, const ClusterView& cluster,
            StepTotals totals);

  // Begins; the one before must be complete. `prepared` may be null. `scale` multiplies the
  // gradient of the batch's mean loss.
  void Start(std::shared_ptr<const PreparedStep> prepared, const wire::Pull& pull,
             const wire::Push& push, float scale, Instant now, Effects* out);
  // The rows lie elsewhere now, and the step's calls were dropped: pulls, or pushes, again, from
  // and to every shard. What a shard has of the push it drops by its name.
  Status Restart(Instant now, Effects* out);
  // Takes an answer to one of the step's calls.
  Status Take(const Answer& answer, Instant now, Effects* out);
  // Takes back the step's task.
  Status Take(ComputeTask& task, Instant now, Effects* out);

  // True between the pull's last answer and the end: time to prepare the next batch.
  bool pulled() const { return stage_ == Stage::kCompute || stage_ == Stage::kPush; }
  bool complete() const { return stage_ == Stage::kIdle; }
  // Of the step that was completed last.
  const model::StepResult& result() const { return result_; }

 private:
  enum class Stage { kIdle, kPull, kCompute, kPush };
  Status Compute(Instant now, Effects* out);
  Status Push(Instant now, Effects* out);
  const TableIds& ids() const { return prepared_ ? prepared_->binding.ids() : no_ids_; }

  const uint64_t owner_;
  const model::TwoTower& model_;
  const ClusterView& cluster_;
  const StepTotals totals_;
  RowReader reader_;
  RowWriter writer_;
  Stage stage_ = Stage::kIdle;
  std::shared_ptr<const PreparedStep> prepared_;
  wire::Pull pull_;
  wire::Push push_;
  float scale_ = 1;
  ShardSplit split_;
  TableIds no_ids_;
  model::Gradients gradients_;
  model::StepResult result_;
};

// Views of pulled rows, for the model. `rows` must outlive them.
model::Parameters ParametersOf(const PulledRows& rows, StepTotals totals);

}  // namespace skybridge::worker
