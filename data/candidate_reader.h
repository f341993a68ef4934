// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/dataset_plan.h"
#include "data/options.h"
#include "data/row_reader.h"
#include "data/tower_reader.h"

namespace skybridge::data {

// The rows of one file of the candidates source: one candidate each.
class CandidateReader {
 public:
  // Errors: as RowReader.
  static Result<CandidateReader> Open(const DatasetOptions& options, const PlannedFile& file,
                                      uint64_t begin, uint64_t end);

  // Goes to the next candidate; false at the end. Errors: as RowReader; an empty or bad key.
  Result<bool> Next();

  uint64_t key() const { return key_; }
  // Value of the key column; valid until the next call of Next, as is display.
  std::string_view label() const { return rows_.field(0); }
  // Value of column `i` of options.display.
  std::string_view display(size_t i) const { return rows_.field(display_[i]); }
  // Errors: as FeatureEncoder, with place and column.
  Status Append(TowerBatch* out) { return tower_.Append(rows_, std::nullopt, {}, out); }

 private:
  CandidateReader(RowReader rows, TowerReader tower, std::vector<size_t> display, IdForm form)
      : rows_(std::move(rows)),
        tower_(std::move(tower)),
        display_(std::move(display)),
        form_(form) {}

  RowReader rows_;
  TowerReader tower_;
  std::vector<size_t> display_;
  IdForm form_;
  uint64_t key_ = 0;
};

}  // namespace skybridge::data
