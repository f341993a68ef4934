// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "retrieval/npy.h"

namespace skybridge::retrieval {

// What candidates are called: one UTF-8 line each, the key and its display columns separated by
// tabs (tab, newline and backslash escaped with a backslash), and beside it an array of offsets.

// fields [columns][rows]. Writes <stem>.labels.tsv and <stem>.labels.npy.
struct LabelFiles {
  FileSummary lines;
  FileSummary offsets;
};
Result<LabelFiles> WriteLabels(const std::string& stem,
                               const std::vector<std::vector<std::string>>& fields);

class LabelFile {
 public:
  // Errors: as opening either file; kDataLoss if they do not fit each other.
  static Result<LabelFile> Open(const std::string& lines_path, const std::string& offsets_path);
  uint64_t rows() const { return offsets_.rows() - 1; }
  // Key, then display columns.
  std::vector<std::string> Fields(uint64_t row) const;

 private:
  LabelFile(MappedFile lines, NpyFile offsets)
      : lines_(std::move(lines)), offsets_(std::move(offsets)) {}
  MappedFile lines_;
  NpyFile offsets_;  // [rows + 1]
};

}  // namespace skybridge::retrieval
