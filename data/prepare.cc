// SPDX-License-Identifier: Apache-2.0
#include "data/prepare.h"

#include <algorithm>

#include "data/batch_builder.h"

namespace skybridge::data {
namespace {

IdCounts CountIds(std::vector<uint64_t> ids) {
  std::ranges::sort(ids);
  IdCounts counts;
  for (const uint64_t id : ids) {
    if (counts.empty() || counts.back().first != id) counts.emplace_back(id, 0);
    ++counts.back().second;
  }
  return counts;
}

}  // namespace

TrainingCounts CountTraining(const DatasetOptions& options, const Partition& partition) {
  TrainingCounts counts;
  counts.batches = BatchCount(options, partition);
  counts.pairs = partition.pairs();
  std::vector<uint32_t> sightings(partition.candidate_keys.size());
  for (const uint32_t candidate : partition.positives) ++sightings[candidate];
  for (size_t i = 0; i < sightings.size(); ++i) {
    counts.candidates.emplace_back(partition.candidate_keys[i], sightings[i]);
  }
  return counts;
}

CandidateCounts CountCandidates(const DatasetOptions& options,
                                const CandidatePartition& partition) {
  CandidateCounts counts;
  counts.candidates = partition.keys.size();
  for (size_t i = 0; i < options.candidate.features.size(); ++i) {
    // Ids are distinct within a candidate, so each one stands for one document.
    counts.documents.push_back(options.candidate.features[i].count_documents
                                   ? CountIds(partition.features.features[i].ids)
                                   : IdCounts());
  }
  return counts;
}

}  // namespace skybridge::data
