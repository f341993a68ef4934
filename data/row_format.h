// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "data/options.h"

namespace skybridge::data {

// Stands between the items of a field that is a list (JSON arrays, the candidates of ADJACENCY).
inline constexpr char kListSeparator = '\x1f';

// Cuts lines into fields. Fields are views of the line or of the splitter's own memory, valid
// until its next call. Errors are kInvalidArgument without place.
class RowSplitter {
 public:
  explicit RowSplitter(Format format) : format_(format) {}

  // TSV: fields between tabs. CSV: RFC 4180, but a quoted field ends on its line. ADJACENCY: the
  // first word, and the list of the others (perhaps empty).
  Status Split(std::string_view line, std::vector<std::string_view>* fields);

  // JSON_LINES: one object a line; fields[i] is the member `names[i]`. Numbers and booleans are
  // their JSON text, null is empty, an array is a list; objects are refused.
  Status SplitJson(std::string_view line, std::span<const std::string> names,
                   std::vector<std::string_view>* fields);

  // The names of the members of one JSON line, in alphabetic order.
  static Result<std::vector<std::string>> JsonNames(std::string_view line);

 private:
  Status SplitCsv(std::string_view line, std::vector<std::string_view>* fields);
  void SplitAdjacency(std::string_view line, std::vector<std::string_view>* fields);

  Format format_;
  std::string scratch_;
};

}  // namespace skybridge::data
