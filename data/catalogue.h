// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/dataset_plan.h"
#include "data/options.h"

namespace skybridge::data {

// All candidates with their features, in memory, by ascending key: what uniform negatives are
// drawn from and where the features of a bare key are found. Immutable: threads may share one.
class Catalogue {
 public:
  // Reads the candidates source, or, without one, the distinct candidates of the training sources
  // (held-out pairs included). The first of several candidates with one key wins.
  // Errors: as of reading (kInvalidArgument with file, line or byte, and column); a training
  // source without the candidate tower's columns where no candidates source has them; no
  // candidate at all.
  static Result<Catalogue> Load(const DatasetOptions& options, const DatasetPlan& plan);

  size_t size() const { return keys_.size(); }
  std::span<const uint64_t> keys() const { return keys_; }  // Ascending, distinct.
  const TowerBatch& features() const { return features_; }  // [size()], in the order of keys().
  // What the user calls the candidate: the value of its key column.
  std::string_view label(size_t position) const;
  std::optional<uint32_t> Find(uint64_t key) const;
  // Rows of the candidates source whose key had come before. 0 if training gave the catalogue,
  // where keys are expected to repeat.
  uint64_t duplicates() const { return duplicates_; }

 private:
  class Loader;

  std::vector<uint64_t> keys_;
  TowerBatch features_;
  std::string label_bytes_;
  std::vector<uint64_t> label_offsets_;  // [size() + 1]
  uint64_t duplicates_ = 0;
};

// Whether batches need the catalogue: for uniform negatives, or because some training source
// lacks columns of the candidate tower. Errors: as of reading the files' first lines.
Result<bool> TrainingNeedsCatalogue(const DatasetOptions& options, const DatasetPlan& plan);

// Whether candidate partitions are slices of the catalogue.
inline bool ExportNeedsCatalogue(const DatasetOptions& options) {
  return !options.candidates.has_value();
}

}  // namespace skybridge::data
