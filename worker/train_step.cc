// SPDX-License-Identifier: Apache-2.0
#include "worker/train_step.h"

#include <utility>

#include <glog/logging.h>

namespace skybridge::worker {
namespace {

// The model has its own pair type, since it may not know data/.
std::vector<model::PositivePair> PairsOf(const data::TrainBatch& batch) {
  std::vector<model::PositivePair> pairs;
  pairs.reserve(batch.positives.size());
  for (const data::Positive& positive : batch.positives) {
    pairs.push_back({positive.query, positive.candidate});
  }
  return pairs;
}

}  // namespace

model::Parameters ParametersOf(const PulledRows& rows, StepTotals totals) {
  model::Parameters parameters{.candidates_total = totals.candidates,
                               .examples_total = totals.examples};
  for (size_t table = 0; table < rows.values.size(); ++table) {
    parameters.tables.push_back({rows.values[table], rows.counts[table]});
  }
  return parameters;
}

void ComputeTask::Run() {
  const data::TrainBatch& batch = prepared->batch;
  const Binding& binding = prepared->binding;
  const std::vector<model::PositivePair> pairs = PairsOf(batch);
  const model::StepInput input{.queries = binding.Input(model::Side::kQuery),
                               .candidates = binding.Input(model::Side::kCandidate),
                               .positives = pairs,
                               .excluded_offsets = batch.excluded_offsets,
                               .excluded = batch.excluded,
                               .sampled_negative = batch.sampled_negative,
                               .in_batch = batch.in_batch,
                               .uniform_drawn = batch.uniform_drawn,
                               .candidate_count_rows = binding.candidate_count_rows()};
  result = model_.Step(input, ParametersOf(rows, totals), scale, &gradients);
}

TrainStep::TrainStep(uint64_t owner, const model::TwoTower& model, Calls& calls,
                     const ClusterView& cluster, StepTotals totals)
    : owner_(owner),
      model_(model),
      cluster_(cluster),
      totals_(totals),
      reader_(owner, model.tables(), calls, cluster),
      writer_(owner, model.tables(), calls, cluster),
      no_ids_(model.tables().size()) {}

void TrainStep::Start(std::shared_ptr<const PreparedStep> prepared, const wire::Pull& pull,
                      const wire::Push& push, float scale, Instant now, Effects* out) {
  CHECK(complete());
  prepared_ = std::move(prepared);
  pull_ = pull;
  push_ = push;
  scale_ = scale;
  split_ = ShardSplit(cluster_.map, ids());
  stage_ = Stage::kPull;
  reader_.Start(pull_, ids(), split_, now, out);
}

Status TrainStep::Restart(Instant now, Effects* out) {
  reader_.Cancel();
  writer_.Cancel();
  split_ = ShardSplit(cluster_.map, ids());
  if (stage_ == Stage::kPull) reader_.Start(pull_, ids(), split_, now, out);
  return stage_ == Stage::kPush ? Push(now, out) : Status();
}

Status TrainStep::Take(const Answer& answer, Instant now, Effects* out) {
  if (stage_ == Stage::kPull) {
    SKY_ASSIGN_OR_RETURN(const bool mine, reader_.Take(answer));
    CHECK(mine) << "an answer to a call that nobody made";
    return reader_.complete() ? Compute(now, out) : Status();
  }
  CHECK(stage_ == Stage::kPush);
  SKY_ASSIGN_OR_RETURN(const bool mine, writer_.Take(answer));
  CHECK(mine) << "an answer to a call that nobody made";
  if (writer_.complete()) stage_ = Stage::kIdle;
  return Status();
}

Status TrainStep::Take(ComputeTask& task, Instant now, Effects* out) {
  CHECK(stage_ == Stage::kCompute);
  stage_ = Stage::kPush;
  reader_.rows() = std::move(task.rows);
  gradients_ = std::move(task.gradients);
  result_ = task.result;
  push_.set_examples(result_.positives);
  return Push(now, out);
}

Status TrainStep::Push(Instant now, Effects* out) {
  const auto* gradients = prepared_ ? &gradients_.tables : nullptr;
  return writer_.Start(push_, {.ids = &ids(), .gradients = gradients}, split_, now, out);
}

Status TrainStep::Compute(Instant now, Effects* out) {
  result_ = {};
  if (!prepared_) {
    stage_ = Stage::kPush;
    return Push(now, out);
  }
  stage_ = Stage::kCompute;
  auto task = std::make_unique<ComputeTask>(owner_, model_);
  task->prepared = prepared_;
  task->rows = std::move(reader_.rows());
  task->totals = totals_;
  task->scale = scale_;
  task->gradients = std::move(gradients_);
  out->start.push_back(std::move(task));
  return Status();
}

}  // namespace skybridge::worker
