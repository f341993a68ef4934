// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/catalogue.h"
#include "data/dataset_plan.h"
#include "data/options.h"

namespace skybridge::data {

// The candidates of one candidate partition; N candidates with distinct keys.
struct CandidatePartition {
  std::vector<uint64_t> keys;                     // [N]
  std::vector<std::string> labels;                // [N] value of the key column
  TowerBatch features;                            // [N]
  std::vector<std::vector<std::string>> display;  // [columns of options.display][N]
  uint64_t duplicates = 0;                        // Rows left out: their key had come before.
};

// Reads one of plan.candidates: in file order, or, without a candidates source, the slice of the
// catalogue, by ascending key. A key may come again in another partition; the lowest one wins.
// `catalogue` may be null unless ExportNeedsCatalogue.
// Errors: as LoadPartition; kFailedPrecondition if the catalogue is needed and null.
Result<CandidatePartition> LoadCandidates(const DatasetOptions& options, const PartitionRef& ref,
                                          const Catalogue* catalogue);

}  // namespace skybridge::data
