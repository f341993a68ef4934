// SPDX-License-Identifier: Apache-2.0
#include "data/row_format.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/name_list.h"

namespace skybridge::data {
namespace {

using nlohmann::json;

constexpr std::string_view kBlanks = " \t";

Status Invalid(std::string message) {
  return Status(StatusCode::kInvalidArgument, std::move(message));
}

Result<json> ParseObject(std::string_view line) {
  json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  // To nlohmann's parser a zero byte is the end, whatever follows it.
  const bool cut = line.find('\0') != std::string_view::npos;
  if (cut || object.is_discarded() || !object.is_object()) {
    return Invalid("expected one JSON object on the line");
  }
  return object;
}

// Appends a number, string, boolean or null.
bool AppendScalar(const json& value, std::string* out) {
  if (value.is_string()) {
    *out += value.get_ref<const std::string&>();
  } else if (value.is_structured()) {
    return false;
  } else if (!value.is_null()) {
    *out += value.dump();
  }
  return true;
}

Status AppendValue(const json& value, std::string_view name, std::string* out) {
  if (!value.is_array()) {
    if (AppendScalar(value, out)) return Status();
    return Invalid(fmt::format("column {}: a JSON object is no value", name));
  }
  bool first = true;
  for (const json& item : value) {
    if (!first) *out += kListSeparator;
    first = false;
    if (!AppendScalar(item, out)) {
      return Invalid(fmt::format("column {}: an array may hold strings and numbers only", name));
    }
  }
  return Status();
}

std::vector<std::string> NamesOf(const json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

}  // namespace

Status RowSplitter::Split(std::string_view line, std::vector<std::string_view>* fields) {
  CHECK(format_ != Format::kJsonLines) << "SplitJson takes JSON lines";
  fields->clear();
  if (format_ == Format::kCsv) return SplitCsv(line, fields);
  if (format_ == Format::kAdjacency) {
    SplitAdjacency(line, fields);
    return Status();
  }
  size_t begin = 0;
  for (size_t tab = 0; tab != std::string_view::npos; begin = tab + 1) {
    tab = line.find('\t', begin);
    fields->push_back(line.substr(begin, tab == std::string_view::npos ? tab : tab - begin));
  }
  return Status();
}

Status RowSplitter::SplitCsv(std::string_view line, std::vector<std::string_view>* fields) {
  scratch_.clear();
  scratch_.reserve(line.size());  // Unquoting never lengthens, so views into it stay valid.
  size_t at = 0;
  for (;;) {
    if (at >= line.size() || line[at] != '"') {
      const size_t comma = std::min(line.find(',', at), line.size());
      fields->push_back(line.substr(at, comma - at));
      at = comma;
    } else {
      const size_t start = scratch_.size();
      for (++at;; ++at) {
        if (at == line.size()) {
          return Invalid(
              "a quoted field does not end on its line; line breaks inside quotes are "
              "not supported");
        }
        if (line[at] == '"' && (++at == line.size() || line[at] != '"')) break;
        scratch_ += line[at];
      }
      if (at < line.size() && line[at] != ',') {
        return Invalid("a quoted field is followed by something else than a comma");
      }
      fields->push_back(std::string_view(scratch_).substr(start));
    }
    if (at == line.size()) return Status();
    ++at;  // The comma; a field follows, even if the line ends here.
  }
}

void RowSplitter::SplitAdjacency(std::string_view line, std::vector<std::string_view>* fields) {
  scratch_.clear();
  std::string_view query;
  bool first = true;
  for (size_t begin = line.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    if (first) {
      query = word;
    } else {
      if (!scratch_.empty()) scratch_ += kListSeparator;
      scratch_ += word;
    }
    first = false;
    begin = line.find_first_not_of(kBlanks, end);
  }
  fields->push_back(query);
  fields->push_back(scratch_);
}

Status RowSplitter::SplitJson(std::string_view line, std::span<const std::string> names,
                              std::vector<std::string_view>* fields) {
  SKY_ASSIGN_OR_RETURN(const json object, ParseObject(line));
  scratch_.clear();
  std::vector<size_t> ends;
  for (const std::string& name : names) {
    const auto member = object.find(name);
    if (member == object.end()) {
      return Invalid(
          fmt::format("no column '{}' (the line has: {})", name, NameList(NamesOf(object))));
    }
    SKY_RETURN_IF_ERROR(AppendValue(*member, name, &scratch_));
    ends.push_back(scratch_.size());
  }
  fields->clear();
  size_t begin = 0;
  for (const size_t end : ends) {
    fields->push_back(std::string_view(scratch_).substr(begin, end - begin));
    begin = end;
  }
  return Status();
}

Result<std::vector<std::string>> RowSplitter::JsonNames(std::string_view line) {
  SKY_ASSIGN_OR_RETURN(const json object, ParseObject(line));
  return NamesOf(object);
}

}  // namespace skybridge::data
