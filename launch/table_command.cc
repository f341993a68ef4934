// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "data/query_encoder.h"
#include "launch/commands.h"
#include "launch/export_reader.h"
#include "launch/join.h"
#include "launch/nearest_name.h"

DEFINE_uint64(id, 0, "Show the row of this id.");
DEFINE_string(value, "", "Show the rows that this value of a column leads to.");
DEFINE_uint32(limit, 10, "Rows to show without --id and --value.");

namespace skybridge::launch {
namespace {

constexpr size_t kNumbersShown = 8;  // Of each row: a line of a terminal.

uint64_t RowsOf(const QueryTower& tower, TableId table) {
  uint64_t rows = 0;
  for (const retrieval::RowFile& file : tower.Table(table)) rows += file.rows();
  return rows;
}

void ListTables(const ExportReader& reader, const QueryTower& tower) {
  fmt::print("{:<32} {:>6} {:>12}\n", "table", "dim", "rows");
  const TableSpecs& specs = reader.model().tables();
  for (uint32_t i = 0; i < specs.size(); ++i) {
    if (tower.Table(TableId(i)).empty()) continue;
    fmt::print("{:<32} {:>6} {:>12}\n", specs[i].name, specs[i].dim, RowsOf(tower, TableId(i)));
  }
}

Result<TableId> FindTable(const ExportReader& reader, const std::string& name) {
  std::vector<std::string> names;
  for (const TableSpec& spec : reader.model().tables()) names.push_back(spec.name);
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) {
    return Status(StatusCode::kNotFound,
                  fmt::format("there is no table {}{}", name, Suggestion(name, names)));
  }
  return TableId(static_cast<uint32_t>(found - names.begin()));
}

// Ids that the first feature of the query tower that reads `table` makes of a value.
Result<std::vector<uint64_t>> IdsOf(const ExportReader& reader, TableId table,
                                    const std::string& value) {
  SKY_ASSIGN_OR_RETURN(const data::DatasetOptions options, reader.DatasetOptions(reader.folder()));
  for (size_t i = 0; i < options.query.features.size(); ++i) {
    const model::FeatureTables read = reader.model().feature_tables(model::Side::kQuery, i);
    if (read.rows != table && read.weights != table && read.counts != table) continue;
    const data::TowerFeatures only{.features = {options.query.features[i]}};
    SKY_ASSIGN_OR_RETURN(const data::TowerBatch batch,
                         data::EncodeColumns(only, {{only.features.front().column, value}}));
    return batch.features.front().ids;
  }
  return Status(StatusCode::kInvalidArgument, "no query feature reads this table: use --id");
}

std::vector<uint64_t> FirstIds(const QueryTower& tower, TableId table, uint32_t limit) {
  std::vector<uint64_t> ids;
  for (const retrieval::RowFile& file : tower.Table(table)) {
    const auto some = file.ids().first(std::min<size_t>(limit, file.ids().size()));
    ids.insert(ids.end(), some.begin(), some.end());
  }
  std::ranges::sort(ids);
  ids.resize(std::min<size_t>(ids.size(), limit));
  return ids;
}

void PrintRow(const ExportReader& reader, const QueryTower& tower, TableId table, uint64_t id) {
  const TableSpec& spec = reader.model().tables()[Number(table)];
  const bool stored = std::ranges::any_of(tower.Table(table), [id](const retrieval::RowFile& file) {
    return file.Find(id).has_value();
  });
  std::string line = fmt::format("{:>20}", id);
  if (!stored) line += "  (never trained)";
  if (spec.kind == TableKind::kCounts) {
    line += fmt::format("  {}", tower.Count(table, id));
  } else {
    const std::vector<float> row = tower.Row(table, id);
    for (size_t i = 0; i < std::min(row.size(), kNumbersShown); ++i) {
      line += fmt::format(" {:8.5f}", row[i]);
    }
    if (row.size() > kNumbersShown) line += fmt::format(" ... ({} numbers)", row.size());
  }
  fmt::print("{}\n", line);
}

Status Table(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(const ExportReader reader, ExportReader::Open(positionals[0]));
  SKY_ASSIGN_OR_RETURN(const QueryTower tower, QueryTower::Load(reader));
  if (positionals.size() == 1) {
    ListTables(reader, tower);
    return {};
  }
  SKY_ASSIGN_OR_RETURN(const TableId table, FindTable(reader, positionals[1]));
  if (tower.Table(table).empty()) {
    return {
        StatusCode::kNotFound,
        fmt::format("table {} is not exported: the query tower does not read it", positionals[1])};
  }
  std::vector<uint64_t> ids;
  if (!FLAGS_value.empty()) {
    SKY_ASSIGN_OR_RETURN(ids, IdsOf(reader, table, FLAGS_value));
  } else if (!gflags::GetCommandLineFlagInfoOrDie("id").is_default) {
    ids = {FLAGS_id};
  } else {
    ids = FirstIds(tower, table, FLAGS_limit);
  }
  for (const uint64_t id : ids) PrintRow(reader, tower, table, id);
  return {};
}

}  // namespace

Command TableCommand() {
  return {.name = "table",
          .summary = "Look into the tables of an export.",
          .arguments = "EXPORT [TABLE]",
          .details =
              "Without TABLE lists the tables that the query tower reads: only those are exported. "
              "Of a "
              "TABLE shows rows, by id: their values, or, of a table of counts, how often each "
              "id was seen. An export has no optimizer state and no counts of other rows.",
          .flags = {"id", "value", "limit"},
          .positionals_min = 1,
          .positionals_max = 2,
          .run = Table};
}

}  // namespace skybridge::launch
