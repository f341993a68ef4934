// SPDX-License-Identifier: Apache-2.0
#include "data/row_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "data/name_list.h"

namespace skybridge::data {
namespace {

Status FileError(const PlannedFile& file, std::string_view what) {
  return Status(StatusCode::kInvalidArgument, fmt::format("{}: {}", file.name, what));
}

bool HasHeader(const SourceOptions& source, Format format) {
  return source.columns.empty() && format != Format::kJsonLines;
}

Result<size_t> PositionOf(const std::string& name, const std::vector<std::string>& columns,
                          const PlannedFile& file) {
  const auto found = std::ranges::find(columns, name);
  if (found != columns.end()) return static_cast<size_t>(found - columns.begin());
  return FileError(file, fmt::format("no column '{}'; the file has: {}", name, NameList(columns)));
}

}  // namespace

Result<std::vector<std::string>> ReadColumns(const SourceOptions& source, const PlannedFile& file) {
  if (!source.columns.empty()) return source.columns;
  SKY_ASSIGN_OR_RETURN(LineReader lines,
                       LineReader::Open(file, 0, std::numeric_limits<uint64_t>::max()));
  const bool json = file.format == Format::kJsonLines;
  do {
    SKY_ASSIGN_OR_RETURN(const bool more, lines.Next());
    if (!more) return FileError(file, json ? "no line" : "no header line");
  } while (json && lines.line().empty());
  if (json) {
    Result<std::vector<std::string>> names = RowSplitter::JsonNames(lines.line());
    if (!names) return lines.Error(names.error().message());
    return names;
  }
  RowSplitter splitter(file.format);  // Fields may be views of its memory.
  std::vector<std::string_view> fields;
  if (Status split = splitter.Split(lines.line(), &fields); !split.ok()) {
    return lines.Error(split.message());
  }
  std::vector<std::string> columns(fields.begin(), fields.end());
  std::ranges::sort(fields);
  if (const auto twice = std::ranges::adjacent_find(fields); twice != fields.end()) {
    return lines.Error(fmt::format("column name '{}' comes twice", Shown(*twice)));
  }
  return columns;
}

Result<RowReader> RowReader::Open(const SourceOptions& source, const PlannedFile& file,
                                  uint64_t begin, uint64_t end, std::vector<std::string> wanted) {
  SKY_ASSIGN_OR_RETURN(LineReader lines, LineReader::Open(file, begin, end));
  RowReader reader(std::move(lines), file.format);
  reader.format_ = file.format;
  reader.wanted_ = std::move(wanted);
  reader.where_ = source.where;
  if (reader.where_) reader.wanted_.push_back(reader.where_->column);
  if (file.format == Format::kJsonLines) {
    for (size_t i = 0; i < reader.wanted_.size(); ++i) reader.positions_.push_back(i);
    return reader;
  }
  SKY_ASSIGN_OR_RETURN(const std::vector<std::string> columns, ReadColumns(source, file));
  reader.columns_ = columns.size();
  for (const std::string& name : reader.wanted_) {
    SKY_ASSIGN_OR_RETURN(const size_t position, PositionOf(name, columns, file));
    reader.positions_.push_back(position);
  }
  if (HasHeader(source, file.format) && begin == 0) {
    SKY_RETURN_IF_ERROR(reader.lines_.Next().status());
  }
  return reader;
}

Result<bool> RowReader::NextLine() {
  do {
    SKY_ASSIGN_OR_RETURN(const bool more, lines_.Next());
    if (!more) return false;
  } while (lines_.line().empty());
  const bool json = format_ == Format::kJsonLines;
  const Status split = json ? splitter_.SplitJson(lines_.line(), wanted_, &fields_)
                            : splitter_.Split(lines_.line(), &fields_);
  if (!split.ok()) return lines_.Error(split.message());
  if (!json && fields_.size() != columns_) {
    return lines_.Error(
        fmt::format("{} columns, expected {}: a field is missing, or holds the separator",
                    fields_.size(), columns_));
  }
  return true;
}

Result<bool> RowReader::Next() {
  for (;;) {
    SKY_ASSIGN_OR_RETURN(const bool more, NextLine());
    if (!more || !where_ || field(positions_.size() - 1) == where_->value) return more;
  }
}

Status RowReader::Error(size_t i, std::string_view what) const {
  return lines_.Error(fmt::format("column {}: {}", wanted_[i], what));
}

}  // namespace skybridge::data
