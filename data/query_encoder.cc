// SPDX-License-Identifier: Apache-2.0
#include "data/query_encoder.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "data/feature_encoder.h"
#include "data/name_list.h"
#include "data/tower_batch.h"
#include "data/utf8.h"

namespace skybridge::data {
namespace {

Status Invalid(std::string message) {
  return Status(StatusCode::kInvalidArgument, std::move(message));
}

std::set<std::string> ColumnsOf(const TowerFeatures& tower, FeatureKind kind) {
  std::set<std::string> columns;
  for (const FeatureOptions& feature : tower.features) {
    if (feature.kind == kind) columns.insert(feature.column);
  }
  return columns;
}

std::set<std::string> NamesOf(const TowerFeatures& tower) {
  std::set<std::string> names;
  for (const FeatureOptions& feature : tower.features) names.insert(feature.column);
  return names;
}

Status CheckColumns(const TowerFeatures& tower, const std::map<std::string, std::string>& columns) {
  const std::set<std::string> known = NamesOf(tower);
  for (const auto& [name, value] : columns) {
    if (!known.contains(name)) {
      return Invalid(
          fmt::format("no feature reads column '{}'; features read: {}", name, NameList(known)));
    }
    if (Utf8Prefix(value) < value.size()) {
      return Invalid(fmt::format("column {}: not UTF-8 text", name));
    }
  }
  return Status();
}

}  // namespace

Result<std::map<std::string, std::string>> ColumnValues(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> columns;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Invalid(fmt::format("{}: write column=value", Shown(text)));
    }
    if (!columns.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      return Invalid(
          fmt::format("{}: this column has a value already; several ids of one column "
                      "stand in one value, with its separator between them",
                      Shown(text)));
    }
  }
  return columns;
}

Result<TowerBatch> EncodeColumns(const TowerFeatures& tower,
                                 const std::map<std::string, std::string>& columns) {
  SKY_RETURN_IF_ERROR(CheckColumns(tower, columns));
  TowerBatch batch = EmptyTower(tower);
  batch.count = 1;
  for (size_t i = 0; i < tower.features.size(); ++i) {
    FeatureEncoder encoder(tower.features[i]);
    const auto given = columns.find(tower.features[i].column);
    const std::string_view value = given == columns.end() ? "" : std::string_view(given->second);
    if (const Status added = encoder.Append(value, &batch.features[i]); !added.ok()) {
      return added.WithContext("column " + tower.features[i].column);
    }
  }
  if (IsBlank(batch, 0)) {
    return Invalid(
        fmt::format("no id or word in it, so there is nothing to embed; features read: {}",
                    NameList(NamesOf(tower))));
  }
  return batch;
}

Result<TowerBatch> EncodeText(const TowerFeatures& tower, std::string_view text) {
  const std::set<std::string> columns = ColumnsOf(tower, FeatureKind::kText);
  if (columns.empty()) {
    return Invalid(
        fmt::format("no feature of this tower reads text; say --features column=value with: {}",
                    NameList(NamesOf(tower))));
  }
  if (columns.size() != 1) {
    return Invalid(
        fmt::format("not clear which column the text is; say --features column=value "
                    "with one of: {}",
                    NameList(columns)));
  }
  return EncodeColumns(tower, {{*columns.begin(), std::string(text)}});
}

}  // namespace skybridge::data
