// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "data/dataset_plan.h"
#include "data/line_reader.h"
#include "data/options.h"
#include "data/row_format.h"

namespace skybridge::data {

// Names of the columns of `file`: those of the job, else of the header line (JSON lines: of the
// first object). Errors: kInvalidArgument if the file ends before, or a name comes twice.
Result<std::vector<std::string>> ReadColumns(const SourceOptions& source, const PlannedFile& file);

// The rows of a file whose lines start in a range, as the values of chosen columns. Empty lines
// are skipped, and so are rows that the source's filter refuses.
class RowReader {
 public:
  // Errors: kInvalidArgument if the file lacks one of `wanted` (the message lists what it has);
  // as LineReader.
  static Result<RowReader> Open(const SourceOptions& source, const PlannedFile& file,
                                uint64_t begin, uint64_t end, std::vector<std::string> wanted);

  // Goes to the next row; false at the end.
  // Errors: kInvalidArgument with place: a ragged line, what RowSplitter refuses, not UTF-8.
  Result<bool> Next();

  // Value of wanted column `i` in the current row; valid until the next call of Next.
  std::string_view field(size_t i) const { return fields_[positions_[i]]; }
  // Where the row's line starts.
  uint64_t offset() const { return lines_.offset(); }
  // kInvalidArgument at the current row, column `i`.
  Status Error(size_t i, std::string_view what) const;

 private:
  RowReader(LineReader lines, Format format) : lines_(std::move(lines)), splitter_(format) {}
  Result<bool> NextLine();

  LineReader lines_;
  RowSplitter splitter_;
  Format format_{};
  std::vector<std::string> wanted_;  // A filter's column comes last.
  std::vector<size_t> positions_;    // Of the wanted columns, among the fields.
  size_t columns_ = 0;
  std::optional<RowFilter> where_;
  std::vector<std::string_view> fields_;
};

}  // namespace skybridge::data
