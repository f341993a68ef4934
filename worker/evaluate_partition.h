// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/candidate_vectors.h"
#include "worker/dataset.h"
#include "worker/lease_work.h"
#include "worker/side_embedder.h"

namespace skybridge::worker {

// The queries of one share of an evaluation, and the catalogue's vectors.
class EvaluationTask : public WorkTask {
 public:
  EvaluationTask(uint64_t owner, const Dataset& dataset, const wire::EvaluateSpec& spec,
                 uint32_t share, uint32_t dim)
      : WorkTask(owner), dataset_(dataset), spec_(spec), share_(share), dim_(dim) {}
  void Run() override;

  Status status;
  std::shared_ptr<const data::EvaluationQueries> queries;
  std::shared_ptr<const CandidateVectors> candidates;

 private:
  const Dataset& dataset_;
  const wire::EvaluateSpec spec_;
  const uint32_t share_;
  const uint32_t dim_;
};

// Ranks the whole catalogue for each query and sums the metrics, in query order.
class RankTask : public WorkTask {
 public:
  using WorkTask::WorkTask;
  void Run() override;

  std::shared_ptr<const data::EvaluationQueries> queries;
  std::shared_ptr<const CandidateVectors> candidates;
  std::vector<float> vectors;  // Of the queries.
  std::vector<uint32_t> cutoffs;

  Status status;
  wire::MetricSums sums;
};

// Scores one share of an evaluation's queries against exported vectors, exactly.
class EvaluatePartition : public LeaseWork {
 public:
  struct Options {
    uint64_t owner = 0;
    uint32_t phase = 0;
    uint32_t partition = 0;
    std::vector<uint32_t> cutoffs;  // The K of Recall@K and the others.
  };
  EvaluatePartition(Options options, const wire::EvaluateSpec& spec, const model::TwoTower& model,
                    const Dataset& dataset, Calls& calls, const ClusterView& cluster);

  void Begin(Instant now, Effects* out) override;
  void OnAnswer(const Answer& answer, Instant now, Effects* out) override;
  void OnTask(WorkTask& task, Instant now, Effects* out) override;

 private:
  void StartRanking(Effects* out);

  const Options options_;
  const wire::EvaluateSpec spec_;
  const model::TwoTower& model_;
  const Dataset& dataset_;
  SideEmbedder embedder_;
  std::shared_ptr<const data::EvaluationQueries> queries_;
  std::shared_ptr<const CandidateVectors> candidates_;
};

}  // namespace skybridge::worker
