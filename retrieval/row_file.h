// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/status.h"
#include "retrieval/npy.h"

namespace skybridge::retrieval {

// Rows of one table as one shard exported them: ids ascending, and beside them values [n, d],
// counts [n], or both. Mapped; lookups are binary searches.
class RowFile {
 public:
  // rows_path or counts_path may be empty. Errors: as NpyFile::Open; kDataLoss if the files do not
  // fit each other or ids are not ascending.
  static Result<RowFile> Open(const std::string& ids_path, const std::string& rows_path,
                              const std::string& counts_path);

  uint64_t rows() const { return ids_.rows(); }
  std::span<const uint64_t> ids() const { return ids_.uint64s(); }
  std::optional<uint64_t> Find(uint64_t id) const;
  uint64_t columns() const { return values_ ? values_->columns() : 0; }  // d; 0 without values.
  // [d]
  std::span<const float> Values(uint64_t row) const;
  uint32_t Count(uint64_t row) const { return counts_ ? counts_->uint32s()[row] : 0; }

 private:
  explicit RowFile(NpyFile ids) : ids_(std::move(ids)) {}
  NpyFile ids_;
  std::optional<NpyFile> values_;
  std::optional<NpyFile> counts_;
};

}  // namespace skybridge::retrieval
