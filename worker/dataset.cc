// SPDX-License-Identifier: Apache-2.0
#include "worker/dataset.h"

#include <map>
#include <utility>

#include "data/prepare.h"

namespace skybridge::worker {
namespace {

Status NoSuchPartition(const char* kind, uint64_t partition, size_t count) {
  return Status(StatusCode::kOutOfRange, std::string("load ") + kind + " partition " +
                                             std::to_string(partition) + ": there are " +
                                             std::to_string(count));
}

void Store(const data::IdCounts& counts, TableId table, PartitionCounts* out) {
  for (const auto& [id, sightings] : counts) {
    out->ids[Number(table)].push_back(id);
    out->sightings[Number(table)].push_back(sightings);
  }
}

// Several features may count into one table: a row's sightings are the sum.
void StoreDocuments(const model::TwoTower& model, const std::vector<data::IdCounts>& documents,
                    PartitionCounts* out) {
  std::map<TableId, std::map<uint64_t, uint32_t>> sums;
  for (size_t feature = 0; feature < documents.size(); ++feature) {
    if (documents[feature].empty()) continue;
    const auto table = model.feature_tables(model::Side::kCandidate, feature).counts;
    if (!table) continue;
    for (const auto& [id, sightings] : documents[feature]) sums[*table][id] += sightings;
  }
  for (const auto& [table, counts] : sums) {
    Store(data::IdCounts(counts.begin(), counts.end()), table, out);
  }
}

}  // namespace

Result<const data::Catalogue*> Dataset::catalogue() const {
  // Each thread asks a copy of its own, as the standard wants it.
  const std::shared_future<Result<SharedCatalogue>> shared = catalogue_;
  const Result<SharedCatalogue>& loaded = shared.get();
  if (!loaded.has_value()) return loaded.error();
  return loaded->get();
}

Result<std::shared_ptr<const data::Partition>> Dataset::LoadTraining(uint32_t partition) const {
  if (partition >= plan_.train.size()) {
    return NoSuchPartition("training", partition, plan_.train.size());
  }
  SKY_ASSIGN_OR_RETURN(const data::Catalogue* all, catalogue());
  SKY_ASSIGN_OR_RETURN(auto loaded, data::LoadPartition(options_, plan_.train[partition], all));
  return std::make_shared<const data::Partition>(std::move(loaded));
}

Result<PartitionCounts> Dataset::Count(const model::TwoTower& model, uint64_t unit) const {
  PartitionCounts counts;
  counts.ids.resize(model.tables().size());
  counts.sightings.resize(model.tables().size());
  if (unit < plan_.train.size()) {
    SKY_ASSIGN_OR_RETURN(const auto partition, LoadTraining(static_cast<uint32_t>(unit)));
    const data::TrainingCounts training = data::CountTraining(options_, *partition);
    counts.batches = training.batches;
    counts.examples = training.pairs;
    if (const auto table = model.candidate_counts()) Store(training.candidates, *table, &counts);
    return counts;
  }
  SKY_ASSIGN_OR_RETURN(const auto candidates,
                       LoadCandidates(static_cast<uint32_t>(unit - plan_.train.size())));
  const data::CandidateCounts counted = data::CountCandidates(options_, *candidates);
  counts.examples = counted.candidates;
  StoreDocuments(model, counted.documents, &counts);
  return counts;
}

Result<std::shared_ptr<const data::CandidatePartition>> Dataset::LoadCandidates(
    uint32_t partition) const {
  if (partition >= plan_.candidates.size()) {
    return NoSuchPartition("candidate", partition, plan_.candidates.size());
  }
  SKY_ASSIGN_OR_RETURN(const data::Catalogue* all, catalogue());
  SKY_ASSIGN_OR_RETURN(auto loaded,
                       data::LoadCandidates(options_, plan_.candidates[partition], all));
  return std::make_shared<const data::CandidatePartition>(std::move(loaded));
}

Result<data::EvaluationQueries> Dataset::LoadEvaluation(uint32_t evaluation, uint32_t share) const {
  const size_t shares =
      evaluation < plan_.evaluation.size() ? plan_.evaluation[evaluation].size() : 0;
  if (share >= shares) return NoSuchPartition("evaluation", share, shares);
  return data::LoadEvaluation(options_, plan_, evaluation, share);
}

}  // namespace skybridge::worker
