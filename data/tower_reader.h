// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/feature_encoder.h"
#include "data/options.h"
#include "data/row_reader.h"

namespace skybridge::data {

// The columns that someone wants of a file, each once.
class ColumnList {
 public:
  // Position of `name` in the list, which it joins if it is not there.
  size_t Want(const std::string& name);
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
};

// Turns rows into examples of one tower. Features that read `made`, a column that is made later,
// get no value.
class TowerReader {
 public:
  TowerReader(const TowerFeatures& tower, ColumnList* columns,
              const std::optional<std::string>& made = std::nullopt);

  // Adds the current row of `rows` as an example. `key_column`, if its position is given, has the
  // value `key` instead of the row's.
  // Errors: kInvalidArgument with place and column: as FeatureEncoder, or an example without any
  // number, id or word, which has nothing to embed (unless a column of it is made later); then
  // `out` is spoilt.
  Status Append(const RowReader& rows, std::optional<size_t> key_column, std::string_view key,
                TowerBatch* out);
  // Equal for rows with equal values in the tower's columns.
  uint64_t Signature(const RowReader& rows) const;

 private:
  std::vector<FeatureEncoder> encoders_;
  std::vector<std::optional<size_t>> columns_;  // By feature; absent: made later.
};

}  // namespace skybridge::data
