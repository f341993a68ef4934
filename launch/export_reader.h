// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/options.h"
#include "launch/job_file.h"
#include "model/two_tower.h"
#include "proto/export.pb.h"
#include "proto/wire.pb.h"
#include "retrieval/index.h"
#include "retrieval/labels.h"
#include "retrieval/row_file.h"
#include "worker/candidate_vectors.h"

namespace skybridge::launch {

// An export on disk: what its manifest says, and the model that it was made with. Opens only files
// that the manifest names, and checks their sizes and checksums.
class ExportReader {
 public:
  // `path`: the export's folder, or that of the run which made it.
  // Errors: kNotFound if there is no manifest; kDataLoss or kInvalidArgument if it makes no sense.
  static Result<ExportReader> Open(const std::string& path);

  const std::string& folder() const { return folder_; }
  const exports::Manifest& manifest() const { return manifest_; }
  const job::Job& job() const { return job_; }
  const model::TwoTower& model() const { return model_; }
  // What the job says of features; paths start from `base`.
  Result<data::DatasetOptions> DatasetOptions(const std::string& base) const;

  Result<worker::CandidateVectors> Vectors() const;
  Result<retrieval::VectorIndex> OpenIndex() const;
  // Absolute paths of the files of one kind, by partition; each checked.
  Result<std::vector<std::pair<uint32_t, std::string>>> Files(const std::string& kind,
                                                              const std::string& table = "") const;

 private:
  ExportReader(std::string folder, exports::Manifest manifest, job::Job job, model::TwoTower model)
      : folder_(std::move(folder)),
        manifest_(std::move(manifest)),
        job_(std::move(job)),
        model_(std::move(model)) {}

  std::string folder_;
  exports::Manifest manifest_;
  job::Job job_;
  model::TwoTower model_;
};

// Key and display columns of the candidate at each position of the index.
class ExportLabels {
 public:
  static Result<ExportLabels> Load(const ExportReader& reader);
  size_t size() const { return rows_.size(); }
  // The key, then what data.display names.
  std::vector<std::string> Fields(uint32_t position) const;

 private:
  std::vector<retrieval::LabelFile> parts_;
  std::vector<std::pair<uint32_t, uint32_t>> rows_;  // Part and row, by position.
};

// The query tower of an export: from column values to vectors, without a cluster.
class QueryTower {
 public:
  // `reader` outlives it.
  static Result<QueryTower> Load(const ExportReader& reader);

  // Whether training has seen any id or word of the batch; true if it has none but numbers.
  bool Knows(const data::TowerBatch& batch) const;
  // vectors [batch.count, d]
  std::vector<float> Embed(const data::TowerBatch& batch) const;
  // Rows of one table that the export holds, one file a shard.
  std::span<const retrieval::RowFile> Table(TableId table) const;
  // A row as training left it: from a file, or its first value.
  std::vector<float> Row(TableId table, uint64_t id) const;
  uint32_t Count(TableId table, uint64_t id) const;

 private:
  explicit QueryTower(const ExportReader& reader) : reader_(&reader) {}

  const ExportReader* reader_;
  std::map<TableId, std::vector<retrieval::RowFile>> tables_;
};

}  // namespace skybridge::launch
