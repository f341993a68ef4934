// SPDX-License-Identifier: Apache-2.0
#include "worker/evaluate_partition.h"

#include <algorithm>
#include <utility>

#include "retrieval/exact_search.h"
#include "retrieval/metrics.h"

namespace skybridge::worker {
namespace {

// Positions of those keys that the catalogue has, ascending.
std::vector<uint32_t> PositionsOf(const CandidateVectors& candidates,
                                  std::span<const uint64_t> keys) {
  std::vector<uint32_t> positions;
  for (const uint64_t key : keys) {
    if (const auto position = candidates.Find(key)) positions.push_back(*position);
  }
  std::ranges::sort(positions);
  return positions;
}

}  // namespace

void RankTask::Run() {
  const uint32_t count = queries->queries.count;
  const auto dim = static_cast<uint32_t>(count == 0 ? 1 : vectors.size() / count);
  std::vector<uint64_t> offsets{0};
  std::vector<uint32_t> seen;
  for (size_t q = 0; q < count; ++q) {
    const auto positions = PositionsOf(*candidates, queries->seen.of(q));
    seen.insert(seen.end(), positions.begin(), positions.end());
    offsets.push_back(seen.size());
  }
  std::vector<retrieval::MetricSums> at;
  for (const uint32_t k : cutoffs) at.push_back({.k = k});
  const uint32_t depth = std::max(1u, std::ranges::max(cutoffs));
  auto hits = retrieval::SearchExact(vectors, candidates->vectors(), dim, depth, {offsets, seen});
  if (!hits.has_value()) {
    status = hits.error();
    return;
  }
  for (size_t q = 0; q < count; ++q) {
    std::vector<uint32_t> ranked;
    for (const retrieval::Hit& hit : (*hits)[q]) ranked.push_back(hit.position);
    const auto relevant = queries->relevant.of(q);
    retrieval::AddQuery(ranked, PositionsOf(*candidates, relevant), relevant.size(), at);
  }
  sums.set_queries(count);
  for (const retrieval::MetricSums& sum : at) {
    wire::MetricAtK& out = *sums.add_at();
    out.set_k(sum.k);
    out.set_recall(sum.recall);
    out.set_ndcg(sum.ndcg);
    out.set_mrr(sum.mrr);
    out.set_hit(sum.hit);
  }
}

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
  if (auto* embedded = dynamic_cast<EmbedTask*>(&task)) {
    embedder_.Take(*embedded, now, out);
    progress_.set_done(embedder_.embedded());
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

void EvaluatePartition::OnAnswer(const Answer& answer, Instant, Effects* out) {
  if (const Status status = embedder_.Take(answer, out); !status.ok()) {
    Fail(status.WithContext("evaluate share " + std::to_string(options_.partition)));
  }
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
