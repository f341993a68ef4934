// SPDX-License-Identifier: Apache-2.0
#include "worker/evaluate_partition.h"

#include <utility>

namespace skybridge::worker {

void EvaluationTask::Run() {
  auto loaded = dataset_.LoadEvaluation(spec_.evaluation(), share_);
  if (!loaded.has_value()) {
    status = loaded.error();
    return;
  }
  queries = std::make_shared<const data::EvaluationQueries>(*std::move(loaded));
  auto vectors =
      CandidateVectors::Load(spec_.folder(), {spec_.part().begin(), spec_.part().end()}, dim_);
  if (!vectors.has_value()) {
    status = vectors.error();
    return;
  }
  candidates = std::make_shared<const CandidateVectors>(*std::move(vectors));
}

EvaluatePartition::EvaluatePartition(Options options, const wire::EvaluateSpec& spec,
                                     const model::TwoTower& model, const Dataset& dataset,
                                     Calls& calls, const ClusterView& cluster)
    : options_(std::move(options)),
      spec_(spec),
      model_(model),
      dataset_(dataset),
      embedder_({.owner = options_.owner,
                 .phase = options_.phase,
                 .expect_committed = spec.expect_committed(),
                 .totals = {.candidates = spec.candidates_total()}},
                model::Side::kQuery, model, calls, cluster) {}

void EvaluatePartition::Begin(Instant, Effects* out) {
  out->start.push_back(std::make_unique<EvaluationTask>(options_.owner, dataset_, spec_,
                                                        options_.partition, model_.dim()));
}

void EvaluatePartition::OnTask(WorkTask& task, Instant now, Effects* out) {
  if (auto* read = dynamic_cast<EvaluationTask*>(&task)) {
    if (!read->status.ok()) return Fail(read->status);
    queries_ = read->queries;
    candidates_ = read->candidates;
    progress_.set_total(queries_->queries.count);
    embedder_.Start(queries_->queries, now, out);
    if (embedder_.complete()) StartRanking(out);
    return;
  }
  auto& ranked = dynamic_cast<RankTask&>(task);
  if (!ranked.status.ok()) return Fail(ranked.status);
  wire::LeaseDone done;
  done.set_count(ranked.sums.queries());
  *done.mutable_metrics() = std::move(ranked.sums);
  Complete(std::move(done));
}

void EvaluatePartition::OnAnswer(const Answer& answer, Instant now, Effects* out) {
  if (Status status = embedder_.Take(answer, now, out); !status.ok()) {
    return Fail(status.WithContext("evaluate share " + std::to_string(options_.partition)));
  }
  progress_.set_done(embedder_.embedded());
  if (embedder_.complete()) StartRanking(out);
}

void EvaluatePartition::StartRanking(Effects* out) {
  auto task = std::make_unique<RankTask>(options_.owner);
  task->queries = queries_;
  task->candidates = candidates_;
  task->vectors = std::move(embedder_.vectors());
  task->cutoffs = options_.cutoffs;
  out->start.push_back(std::move(task));
}

}  // namespace skybridge::worker
