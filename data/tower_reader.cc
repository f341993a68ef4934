// SPDX-License-Identifier: Apache-2.0
#include "data/tower_reader.h"

#include <algorithm>

#include "common/hash.h"
#include "data/tower_batch.h"

namespace skybridge::data {

size_t ColumnList::Want(const std::string& name) {
  const auto found = std::ranges::find(names_, name);
  const auto position = static_cast<size_t>(found - names_.begin());
  if (found == names_.end()) names_.push_back(name);
  return position;
}

TowerReader::TowerReader(const TowerFeatures& tower, ColumnList* columns,
                         const std::optional<std::string>& made) {
  for (const FeatureOptions& feature : tower.features) {
    encoders_.emplace_back(feature);
    const bool later = made && feature.column == *made;
    columns_.push_back(later ? std::nullopt : std::optional(columns->Want(feature.column)));
  }
}

Status TowerReader::Append(const RowReader& rows, std::optional<size_t> key_column,
                           std::string_view key, TowerBatch* out) {
  for (size_t i = 0; i < encoders_.size(); ++i) {
    const std::optional<size_t> column = columns_[i];
    if (!column) {
      AppendNothing(&out->features[i]);
      continue;
    }
    const std::string_view field = column == key_column ? key : rows.field(*column);
    if (const Status added = encoders_[i].Append(field, &out->features[i]); !added.ok()) {
      return rows.Error(*column, added.message());
    }
  }
  const auto first = columns_.front();
  const bool complete = std::ranges::all_of(columns_, [](const auto& c) { return c.has_value(); });
  if (complete && IsBlank(*out, out->count)) {
    return rows.Error(
        *first,
        "no id or word in it, nor in another column of the tower, so there is nothing "
        "to embed; fill one in or leave the row out");
  }
  ++out->count;
  return Status();
}

uint64_t TowerReader::Signature(const RowReader& rows) const {
  uint64_t signature = 0;
  for (const std::optional<size_t> column : columns_) {
    if (column) signature = CombineHash(signature, HashBytes(rows.field(*column)));
  }
  return signature;
}

}  // namespace skybridge::data
