// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "proto/wire.pb.h"
#include "retrieval/whole_file.h"

namespace skybridge::worker {

// What the files of one part have in common.
struct PartLabel {
  uint32_t partition = 0;  // Or shard, for rows of a table.
  std::string table;       // Empty for candidates.
};

// "00007.a1": part 7, attempt 1. Attempts have names of their own, so that a late one never
// touches a file that the manifest names.
std::string PartNumber(uint32_t partition, uint32_t attempt);

// Writes the files of one part, each complete under its name or not at all, and keeps what the
// manifest must say of them.
class PartWriter {
 public:
  PartWriter(std::string folder, PartLabel label)
      : folder_(std::move(folder)), label_(std::move(label)) {}

  // `name` is relative to the folder; folders in it are made. Errors: those of the disk, with path.
  Status WriteIds(const std::string& kind, const std::string& name, std::span<const uint64_t> ids);
  Status WriteCounts(const std::string& kind, const std::string& name,
                     std::span<const uint32_t> counts);
  // values [rows, dim]
  Status WriteMatrix(const std::string& kind, const std::string& name, uint64_t rows, uint32_t dim,
                     std::span<const float> values);
  // fields [columns][rows]: the key, then what is displayed with it. Two files.
  Status WriteLabels(const std::string& stem, const std::vector<std::vector<std::string>>& fields);

  const std::vector<wire::PartFile>& files() const { return files_; }

 private:
  void Record(const std::string& kind, const std::string& name,
              const retrieval::FileSummary& summary, uint64_t rows);

  const std::string folder_;
  const PartLabel label_;
  std::vector<wire::PartFile> files_;
};

// Writes `bytes` durably as folder/name: complete or not at all. Replaces what is there. `writer`
// as WholeFile::Create takes it.
Status WriteWholeFile(const std::string& folder, const std::string& name, std::string_view bytes,
                      const std::string& writer);

}  // namespace skybridge::worker
