// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "common/status.h"
#include "data/candidate_source.h"
#include "data/options.h"
#include "data/partition.h"

namespace skybridge::data {

// How often each id occurs: (id, count), by ascending id, counts > 0.
using IdCounts = std::vector<std::pair<uint64_t, uint32_t>>;

// What preparation learns from a training partition.
struct TrainingCounts {
  uint64_t batches = 0;  // Per epoch.
  uint64_t pairs = 0;    // Per epoch.
  IdCounts candidates;   // Pairs by candidate key.
};

// What preparation learns from a candidate partition.
struct CandidateCounts {
  uint64_t candidates = 0;
  // By feature of the candidate tower: candidates in which each of its rows occurs; empty unless
  // FeatureOptions.count_documents.
  std::vector<IdCounts> documents;
};

TrainingCounts CountTraining(const DatasetOptions& options, const Partition& partition);
CandidateCounts CountCandidates(const DatasetOptions& options, const CandidatePartition& partition);

}  // namespace skybridge::data
