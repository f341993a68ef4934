// SPDX-License-Identifier: Apache-2.0
#include "launch/export_reader.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <unordered_set>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include "common/first_value.h"
#include "data/job_adapter.h"
#include "launch/cluster_config.h"
#include "launch/files.h"
#include "launch/run_folder.h"
#include "retrieval/npy.h"
#include "worker/binding.h"
#include "worker/side_embedder.h"
#include "worker/train_step.h"

namespace skybridge::launch {
namespace {

constexpr uint32_t kBlock = 1024;  // Examples embedded at a time.

bool IsExport(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder + "/MANIFEST.json", ignored);
}

// Where the run that ended in a folder put its export; empty if it says nothing of one.
std::string ExportOfResult(const RunFolder& run) {
  const auto text = ReadFile(run.result_file());
  if (!text) return "";
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("export") || !json["export"].is_string()) return "";
  return json["export"];
}

Result<std::string> FindExport(const std::string& path) {
  const RunFolder run{path};
  for (const std::string& folder : {path, run.export_folder()}) {
    if (IsExport(folder)) return AbsolutePath(folder);
  }
  const auto none = [&path](const std::string& why) {
    return Status(StatusCode::kNotFound, fmt::format("open export {}: {}", path, why));
  };
  if (const std::string named = ExportOfResult(run); !named.empty()) {
    if (IsExport(named)) return AbsolutePath(named);
    return none(fmt::format("that run made one in {}, but it is not there any more", named));
  }
  std::error_code ignored;
  const bool unfinished = std::filesystem::exists(run.state_file(), ignored);
  return none(unfinished ? "that run has made none so far: it still runs, or ended before its job; "
                           "another run may have one"
                         : "there is no MANIFEST.json; `skybridge run` makes one");
}

Result<exports::Manifest> ReadManifest(const std::string& folder) {
  SKY_ASSIGN_OR_RETURN(const std::string text, ReadFile(folder + "/MANIFEST.json"));
  exports::Manifest manifest;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // `format` says what may be read.
  if (!google::protobuf::util::JsonStringToMessage(text, &manifest, options).ok()) {
    return Status(StatusCode::kDataLoss, fmt::format("read {}/MANIFEST.json: damaged", folder));
  }
  if (manifest.format() != 1) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("open export {}: it has format {}, this program reads 1", folder,
                              manifest.format()));
  }
  return manifest;
}

uint64_t ParseHex(const std::string& digits) {
  uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return number;
}

wire::PartFile AsPart(const exports::File& file) {
  wire::PartFile part;
  part.set_name(file.name());
  part.set_kind(file.kind());
  part.set_bytes(file.bytes());
  part.set_xxh64(ParseHex(file.xxh64()));
  part.set_rows(file.rows());
  part.set_partition(file.partition());
  part.set_table(file.table());
  return part;
}

using NumberedFiles = std::vector<std::pair<uint32_t, std::string>>;

// The file of `partition`, or empty if there is none.
std::string FileOf(const NumberedFiles& files, uint32_t partition) {
  for (const auto& [number, path] : files) {
    if (number == partition) return path;
  }
  return "";
}

}  // namespace

Result<ExportReader> ExportReader::Open(const std::string& path) {
  SKY_ASSIGN_OR_RETURN(std::string folder, FindExport(path));
  SKY_ASSIGN_OR_RETURN(exports::Manifest manifest, ReadManifest(folder));
  const std::string name = folder + "/MANIFEST.json (job)";
  SKY_ASSIGN_OR_RETURN(LoadedJob loaded, JobFromText(manifest.job(), {.path = name}, folder));
  SKY_ASSIGN_OR_RETURN(model::TwoTower model, ModelOfJob(loaded.job));
  if (model.dim() != manifest.dim()) {
    return Status(StatusCode::kDataLoss,
                  fmt::format("open export {}: vectors of {} numbers, but its job says {}", folder,
                              manifest.dim(), model.dim()));
  }
  return ExportReader(std::move(folder), std::move(manifest), std::move(loaded.job),
                      std::move(model));
}

Result<data::DatasetOptions> ExportReader::DatasetOptions(const std::string& base) const {
  return data::OptionsFromJob(job_, base);
}

Result<worker::CandidateVectors> ExportReader::Vectors() const {
  std::vector<wire::PartFile> parts;
  for (const exports::File& file : manifest_.file()) parts.push_back(AsPart(file));
  return worker::CandidateVectors::Load(folder_, std::move(parts), model_.dim());
}

Result<retrieval::VectorIndex> ExportReader::OpenIndex() const {
  SKY_ASSIGN_OR_RETURN(const NumberedFiles files, Files("index"));
  if (files.empty()) {
    return Status(StatusCode::kNotFound, fmt::format("export {} has no index", folder_));
  }
  return retrieval::VectorIndex::Open(files.front().second, job_.index().nprobe());
}

Result<NumberedFiles> ExportReader::Files(const std::string& kind, const std::string& table) const {
  NumberedFiles files;
  for (const exports::File& file : manifest_.file()) {
    if (file.kind() != kind || file.table() != table) continue;
    const std::string path = folder_ + "/" + file.name();
    SKY_RETURN_IF_ERROR(retrieval::CheckFile(path, {file.bytes(), ParseHex(file.xxh64())}));
    files.emplace_back(file.partition(), path);
  }
  std::ranges::stable_sort(files, {}, &NumberedFiles::value_type::first);
  return files;
}

// Positions are those of worker::CandidateVectors: by partition, the first of equal keys.
Result<ExportLabels> ExportLabels::Load(const ExportReader& reader) {
  SKY_ASSIGN_OR_RETURN(const NumberedFiles ids_files, reader.Files("ids"));
  SKY_ASSIGN_OR_RETURN(const NumberedFiles lines, reader.Files("labels"));
  SKY_ASSIGN_OR_RETURN(const NumberedFiles offsets, reader.Files("label_offsets"));
  ExportLabels labels;
  std::unordered_set<uint64_t> known;
  for (const auto& [partition, path] : ids_files) {
    SKY_ASSIGN_OR_RETURN(const auto ids,
                         retrieval::NpyFile::Open(path, retrieval::NpyType::kUint64, 1));
    const std::string lines_path = FileOf(lines, partition);
    const std::string offsets_path = FileOf(offsets, partition);
    if (lines_path.empty() || offsets_path.empty()) {
      return Status(StatusCode::kDataLoss,
                    fmt::format("read {}: it has no labels beside it", path));
    }
    SKY_ASSIGN_OR_RETURN(auto file, retrieval::LabelFile::Open(lines_path, offsets_path));
    if (file.rows() != ids.rows()) {
      return Status(StatusCode::kDataLoss, fmt::format("{} has {} candidates, but {} labels", path,
                                                       ids.rows(), file.rows()));
    }
    const auto part = static_cast<uint32_t>(labels.parts_.size());
    for (uint32_t row = 0; row < ids.rows(); ++row) {
      if (known.insert(ids.uint64s()[row]).second) labels.rows_.emplace_back(part, row);
    }
    labels.parts_.push_back(std::move(file));
  }
  return labels;
}

std::vector<std::string> ExportLabels::Fields(uint32_t position) const {
  const auto& [part, row] = rows_.at(position);
  return parts_[part].Fields(row);
}

Result<QueryTower> QueryTower::Load(const ExportReader& reader) {
  QueryTower tower(reader);
  for (const uint32_t table : QueryTables(reader.model())) {
    const TableSpec& spec = reader.model().tables()[table];
    const std::string& name = spec.name;
    SKY_ASSIGN_OR_RETURN(const NumberedFiles ids, reader.Files("table_ids", name));
    SKY_ASSIGN_OR_RETURN(const NumberedFiles rows, reader.Files("table_rows", name));
    SKY_ASSIGN_OR_RETURN(const NumberedFiles counts, reader.Files("table_counts", name));
    std::vector<retrieval::RowFile>& files = tower.tables_[TableId(table)];
    for (const auto& [shard, path] : ids) {
      SKY_ASSIGN_OR_RETURN(
          auto file, retrieval::RowFile::Open(path, FileOf(rows, shard), FileOf(counts, shard)));
      if (file.columns() != spec.dim) {
        return Status(StatusCode::kDataLoss,
                      fmt::format("read {}: its rows have {} numbers, those of table {} have {}; "
                                  "export again",
                                  path, file.columns(), name, spec.dim));
      }
      files.push_back(std::move(file));
    }
  }
  return tower;
}

std::span<const retrieval::RowFile> QueryTower::Table(TableId table) const {
  const auto files = tables_.find(table);
  if (files == tables_.end()) return {};
  return files->second;
}

std::vector<float> QueryTower::Row(TableId table, uint64_t id) const {
  const TableSpec& spec = reader_->model().tables()[Number(table)];
  std::vector<float> values(spec.dim);
  for (const retrieval::RowFile& file : Table(table)) {
    const std::optional<uint64_t> row = file.Find(id);
    if (!row) continue;
    const std::span<const float> found = file.Values(*row);
    std::ranges::copy(found, values.begin());
    return values;
  }
  FirstValue(spec, table, reader_->job().seed(), RowId(id), values);
  return values;
}

uint32_t QueryTower::Count(TableId table, uint64_t id) const {
  for (const retrieval::RowFile& file : Table(table)) {
    if (const std::optional<uint64_t> row = file.Find(id)) return file.Count(*row);
  }
  return 0;
}

bool QueryTower::Knows(const data::TowerBatch& batch) const {
  bool has_ids = false;
  for (size_t i = 0; i < batch.features.size(); ++i) {
    const model::FeatureTables tables = reader_->model().feature_tables(model::Side::kQuery, i);
    if (!tables.rows) return true;  // A number says something by itself.
    for (const uint64_t id : batch.features[i].ids) {
      has_ids = true;
      for (const retrieval::RowFile& file : Table(*tables.rows)) {
        if (file.Find(id)) return true;
      }
    }
  }
  return !has_ids;
}

std::vector<float> QueryTower::Embed(const data::TowerBatch& batch) const {
  const model::TwoTower& model = reader_->model();
  std::vector<float> vectors(size_t{batch.count} * model.dim());
  for (uint32_t begin = 0; begin < batch.count; begin += kBlock) {
    const uint32_t end = std::min(begin + kBlock, batch.count);
    const data::TowerBatch block = worker::SliceTower(batch, begin, end);
    const worker::Binding binding = worker::Binding::OfSide(model, model::Side::kQuery, block);
    worker::PulledRows rows;
    rows.values.resize(binding.ids().size());
    rows.counts.resize(binding.ids().size());
    for (size_t t = 0; t < binding.ids().size(); ++t) {
      const auto table = static_cast<TableId>(t);
      for (const uint64_t id : binding.ids()[t]) {
        if (model.tables()[t].kind == TableKind::kCounts) {
          rows.counts[t].push_back(Count(table, id));
          continue;
        }
        const std::vector<float> row = Row(table, id);
        rows.values[t].insert(rows.values[t].end(), row.begin(), row.end());
      }
    }
    model.Embed(
        model::Side::kQuery, binding.Input(model::Side::kQuery),
        worker::ParametersOf(rows, {.candidates = reader_->manifest().documents()}),
        std::span(vectors).subspan(size_t{begin} * model.dim(), size_t{end - begin} * model.dim()));
  }
  return vectors;
}

}  // namespace skybridge::launch
