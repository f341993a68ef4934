// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/batch.h"
#include "data/feature_encoder.h"
#include "data/options.h"
#include "data/partition.h"

namespace skybridge::data {

// Inverse cloze (Lee, Chang, Toutanova 2019): one sentence of a record's text is the query, the
// text without it is the document. Which one, and whether it stays in the document all the same,
// is a pure function of (seed, epoch, partition, record).
struct ClozePair {
  std::string_view sentence;
  std::string document;
};

ClozePair MakeCloze(const DatasetOptions& options, const Partition& partition, uint32_t epoch,
                    uint32_t record);

// Adds the examples of inverse cloze partitions to towers: features of the made columns from the
// pair, the others as they were loaded. Not thread-safe.
class ClozeMaker {
 public:
  explicit ClozeMaker(const DatasetOptions& options);

  void AppendQuery(const Partition& partition, uint32_t record, const ClozePair& pair,
                   TowerBatch* out);
  void AppendCandidate(const Partition& partition, uint32_t candidate, const ClozePair& pair,
                       TowerBatch* out);

 private:
  const DatasetOptions& options_;
  std::vector<FeatureEncoder> query_;
  std::vector<FeatureEncoder> candidate_;
};

}  // namespace skybridge::data
