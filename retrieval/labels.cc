// SPDX-License-Identifier: Apache-2.0
#include "retrieval/labels.h"

#include <algorithm>
#include <utility>

namespace skybridge::retrieval {
namespace {

void AppendEscaped(std::string_view field, std::string* out) {
  for (const char c : field) {
    switch (c) {
      case '\t': *out += "\\t"; break;
      case '\n': *out += "\\n"; break;
      case '\\': *out += "\\\\"; break;
      default: *out += c;
    }
  }
}

std::vector<std::string> SplitEscaped(std::string_view line) {
  std::vector<std::string> fields(1);
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\t') {
      fields.emplace_back();
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      const char next = line[++i];
      fields.back() += next == 't' ? '\t' : next == 'n' ? '\n' : next;
    } else {
      fields.back() += line[i];
    }
  }
  return fields;
}

}  // namespace

Result<LabelFiles> WriteLabels(const std::string& stem,
                               const std::vector<std::vector<std::string>>& fields) {
  const size_t rows = fields.empty() ? 0 : fields[0].size();
  std::string lines;
  std::vector<uint64_t> offsets{0};
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < fields.size(); ++column) {
      if (column > 0) lines += '\t';
      AppendEscaped(fields[column][row], &lines);
    }
    lines += '\n';
    offsets.push_back(lines.size());
  }
  LabelFiles files;
  SKY_ASSIGN_OR_RETURN(WholeFile file, WholeFile::Create(stem + ".labels.tsv"));
  SKY_RETURN_IF_ERROR(file.Append(lines));
  SKY_ASSIGN_OR_RETURN(files.lines, file.Commit());
  SKY_ASSIGN_OR_RETURN(files.offsets,
                       WriteNpy(stem + ".labels.npy", std::span<const uint64_t>(offsets)));
  return files;
}

Result<LabelFile> LabelFile::Open(const std::string& lines_path, const std::string& offsets_path) {
  SKY_ASSIGN_OR_RETURN(MappedFile lines, MappedFile::Open(lines_path));
  SKY_ASSIGN_OR_RETURN(NpyFile offsets, NpyFile::Open(offsets_path, NpyType::kUint64, 1));
  const auto values = offsets.uint64s();
  if (values.empty() || values.back() != lines.bytes().size() || !std::ranges::is_sorted(values)) {
    return Status(StatusCode::kDataLoss,
                  "read " + lines_path + ": it does not fit " + offsets_path + "; export again");
  }
  return LabelFile(std::move(lines), std::move(offsets));
}

std::vector<std::string> LabelFile::Fields(uint64_t row) const {
  const auto offsets = offsets_.uint64s();
  std::string_view line = lines_.bytes().substr(offsets[row], offsets[row + 1] - offsets[row]);
  if (line.ends_with('\n')) line.remove_suffix(1);
  return SplitEscaped(line);
}

}  // namespace skybridge::retrieval
