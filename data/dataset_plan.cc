// SPDX-License-Identifier: Apache-2.0
#include "data/dataset_plan.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "common/hash.h"

namespace skybridge::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kEndBytes = 1u << 20;  // Of each end of a file, hashed.

bool IsPattern(std::string_view path) { return path.find_first_of("*?[") != std::string::npos; }

Status NotFound(const std::string& path, std::string_view why) {
  return Status(StatusCode::kNotFound, fmt::format("find {}: {}", path, why));
}

// Paths that `pattern` stands for, in order of name; relative to `base` as the pattern is.
Result<std::vector<std::string>> Expand(const std::string& base, const std::string& pattern) {
  if (!IsPattern(pattern)) return std::vector<std::string>{pattern};
  const bool relative = fs::path(pattern).is_relative() && !base.empty();
  const std::string prefix = relative ? base + "/" : "";
  glob_t found{};
  const int failed = glob((prefix + pattern).c_str(), 0, nullptr, &found);
  std::vector<std::string> names;
  for (size_t i = 0; failed == 0 && i < found.gl_pathc; ++i) {
    names.push_back(std::string(found.gl_pathv[i]).substr(prefix.size()));
  }
  globfree(&found);
  if (names.empty()) return NotFound(prefix + pattern, "the pattern matches no file");
  std::ranges::sort(names);  // glob's order follows the locale.
  return names;
}

Compression CompressionOf(std::string_view name) {
  if (name.ends_with(".gz")) return Compression::kGzip;
  return name.ends_with(".zst") ? Compression::kZstd : Compression::kNone;
}

Result<Format> FormatOf(const SourceOptions& source, const std::string& name) {
  if (source.format) return *source.format;
  const fs::path path(name);
  const fs::path plain = CompressionOf(name) == Compression::kNone ? path : path.stem();
  const std::string ending = plain.extension().string();
  if (ending == ".tsv") return Format::kTsv;
  if (ending == ".csv") return Format::kCsv;
  if (ending == ".jsonl") return Format::kJsonLines;
  return Status(StatusCode::kInvalidArgument,
                fmt::format("{}: the ending tells no format; say `format: TSV`, CSV, JSON_LINES or "
                            "ADJACENCY in the source",
                            name));
}

Result<uint64_t> HashEnds(const std::string& path, uint64_t bytes) {
  std::ifstream file(path, std::ios::binary);
  std::string ends(std::min(bytes, 2 * kEndBytes), '\0');
  if (bytes <= 2 * kEndBytes) {
    file.read(ends.data(), static_cast<std::streamsize>(bytes));
  } else {
    file.read(ends.data(), kEndBytes);
    file.seekg(static_cast<std::streamoff>(bytes - kEndBytes));
    file.read(ends.data() + kEndBytes, kEndBytes);
  }
  if (!file) return Status(StatusCode::kUnavailable, "read " + path + ": not readable");
  return HashBytes(ends);
}

Result<PlannedFile> LookAt(const DatasetOptions& options, const SourceOptions& source,
                           const std::string& name) {
  PlannedFile file;
  file.name = name;
  file.path =
      fs::path(name).is_relative() && !options.base.empty() ? options.base + "/" + name : name;
  std::error_code error;
  const fs::file_status status = fs::status(file.path, error);
  if (!fs::exists(status)) return NotFound(file.path, "no such file");
  if (fs::is_directory(status)) {
    return Status(StatusCode::kInvalidArgument,
                  file.path + ": a folder; name its files, as " + file.path + "/*.tsv");
  }
  file.bytes = fs::file_size(file.path, error);
  if (error) return NotFound(file.path, error.message());
  if (file.bytes == 0)
    return Status(StatusCode::kInvalidArgument,
                  file.path + ": empty file; fill it or leave it out of `path`");
  file.compression = CompressionOf(name);
  SKY_ASSIGN_OR_RETURN(file.format, FormatOf(source, name));
  SKY_ASSIGN_OR_RETURN(file.ends_hash, HashEnds(file.path, file.bytes));
  return file;
}

Result<std::vector<PlannedFile>> FilesOf(const DatasetOptions& options,
                                         const SourceOptions& source) {
  std::vector<PlannedFile> files;
  for (const std::string& pattern : source.paths) {
    SKY_ASSIGN_OR_RETURN(const std::vector<std::string> names, Expand(options.base, pattern));
    for (const std::string& name : names) {
      SKY_ASSIGN_OR_RETURN(files.emplace_back(), LookAt(options, source, name));
    }
  }
  return files;
}

uint64_t Pieces(uint64_t bytes, uint64_t partition_bytes) {
  return std::max<uint64_t>(1, (bytes + partition_bytes - 1) / partition_bytes);
}

void CutFile(const PlannedFile& file, uint64_t partition_bytes, uint32_t source,
             std::vector<PartitionRef>* partitions) {
  const bool plain = file.compression == Compression::kNone;
  const uint64_t pieces = plain ? Pieces(file.bytes, partition_bytes) : 1;
  const uint64_t length = file.bytes / pieces, longer = file.bytes % pieces;
  uint64_t begin = 0;
  for (uint64_t i = 0; i < pieces; ++i) {
    const uint64_t end = begin + length + (i < longer ? 1 : 0);
    PartitionRef ref{.source = source, .file = file, .begin = begin, .end = end};
    ref.index = static_cast<uint32_t>(partitions->size());
    partitions->push_back(std::move(ref));
    begin = end;
  }
}

std::vector<PartitionRef> Shares(uint64_t count, uint32_t source) {
  std::vector<PartitionRef> shares;
  for (uint32_t i = 0; i < count; ++i) {
    shares.push_back(
        {.index = i, .source = source, .share = i, .shares = static_cast<uint32_t>(count)});
  }
  return shares;
}

uint64_t TotalBytes(const std::vector<PlannedFile>& files) {
  uint64_t bytes = 0;
  for (const PlannedFile& file : files) bytes += file.bytes;
  return bytes;
}

Status PlanEvaluations(const DatasetOptions& options, DatasetPlan* plan) {
  uint64_t train_bytes = 0;
  for (const auto& files : plan->train_files) train_bytes += TotalBytes(files);
  const auto held_out = static_cast<uint64_t>(static_cast<double>(train_bytes) * options.holdout);
  for (const EvaluationOptions& evaluation : options.evaluations) {
    const auto source = static_cast<uint32_t>(plan->evaluation.size());
    std::vector<PlannedFile>& files = plan->evaluation_files.emplace_back();
    if (!evaluation.holdout) {
      SKY_ASSIGN_OR_RETURN(files, FilesOf(options, evaluation.source));
    }
    const uint64_t bytes = evaluation.holdout ? held_out : TotalBytes(files);
    plan->evaluation.push_back(Shares(Pieces(bytes, options.partition_bytes), source));
  }
  return Status();
}

uint64_t HashFile(uint64_t hash, const PlannedFile& file) {
  hash = CombineHash(hash, HashBytes(file.name));
  return CombineHash(CombineHash(hash, file.bytes), file.ends_hash);
}

uint64_t HashPartitions(uint64_t hash, const std::vector<PartitionRef>& partitions) {
  hash = CombineHash(hash, partitions.size());
  for (const PartitionRef& ref : partitions) {
    hash = CombineHash(CombineHash(hash, ref.begin), ref.end);
    hash = CombineHash(CombineHash(hash, ref.source), ref.shares);
    if (ref.file) hash = HashFile(hash, *ref.file);
  }
  return hash;
}

}  // namespace

uint64_t DatasetPlan::hash() const {
  uint64_t hash = HashPartitions(0, train);
  hash = HashPartitions(hash, candidates);
  for (const auto& shares : evaluation) hash = HashPartitions(hash, shares);
  for (const auto& files : evaluation_files) {
    for (const PlannedFile& file : files) hash = HashFile(hash, file);
  }
  return hash;
}

Result<DatasetPlan> PlanDataset(const DatasetOptions& options) {
  DatasetPlan plan;
  for (const SourceOptions& source : options.train) {
    const auto position = static_cast<uint32_t>(plan.train_files.size());
    SKY_ASSIGN_OR_RETURN(plan.train_files.emplace_back(), FilesOf(options, source));
    for (const PlannedFile& file : plan.train_files.back()) {
      CutFile(file, options.partition_bytes, position, &plan.train);
    }
  }
  if (options.candidates) {
    SKY_ASSIGN_OR_RETURN(plan.candidate_files, FilesOf(options, *options.candidates));
    for (const PlannedFile& file : plan.candidate_files) {
      CutFile(file, options.partition_bytes, 0, &plan.candidates);
    }
  } else {
    plan.candidates = Shares(plan.train.size(), 0);
  }
  SKY_RETURN_IF_ERROR(PlanEvaluations(options, &plan));
  return plan;
}

}  // namespace skybridge::data
