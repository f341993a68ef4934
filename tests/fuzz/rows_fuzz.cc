// SPDX-License-Identifier: Apache-2.0
//
// Files of rows: TSV, CSV, JSON lines, adjacency lists; line by line and in ranges.
#include <limits>
#include <vector>

#include "data/row_format.h"
#include "data/row_reader.h"
#include "data/utf8.h"
#include "tests/fuzz/fuzz_folder.h"
#include "tests/fuzz/fuzz_input.h"

namespace skybridge::data {
namespace {

constexpr uint64_t kEnd = std::numeric_limits<uint64_t>::max();

using Fields = std::vector<std::string>;
struct Rows {
  Status status;
  std::vector<Fields> rows;
  std::vector<uint64_t> offsets;
};

std::string Quoted(std::string_view field) {
  std::string quoted = "\"";
  for (const char c : field) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

// Fields of a CSV line, quoted and joined again, split into the same.
void CheckCsv(const std::vector<std::string_view>& fields) {
  std::string line;
  for (const std::string_view field : fields) line += (line.empty() ? "" : ",") + Quoted(field);
  RowSplitter splitter(Format::kCsv);
  std::vector<std::string_view> again;
  const Status split = splitter.Split(line, &again);
  CHECK(split.ok()) << split;
  CHECK(again == fields) << line;
}

void CheckLine(Format format, std::string_view line) {
  RowSplitter splitter(format);
  std::vector<std::string_view> fields;
  if (format == Format::kJsonLines) {
    const auto names = RowSplitter::JsonNames(line);
    if (!names) return fuzz::CheckSays(names.error());
    CHECK(std::ranges::is_sorted(*names));
    CHECK_EQ(line.find('\0'), std::string_view::npos) << "the rest of the line is lost";
    const Status split = splitter.SplitJson(line, *names, &fields);
    if (!split.ok()) return fuzz::CheckSays(split, "column ");
    CHECK_EQ(fields.size(), names->size());
    return;
  }
  const Status split = splitter.Split(line, &fields);
  if (!split.ok()) {
    CHECK(format == Format::kCsv) << split;
    return fuzz::CheckSays(split);
  }
  CHECK(!fields.empty());
  if (format == Format::kCsv) CheckCsv(fields);
  if (format == Format::kAdjacency) CHECK_EQ(fields.size(), 2u);
  if (format != Format::kTsv) return;
  std::string joined(fields[0]);
  for (size_t i = 1; i < fields.size(); ++i) (joined += '\t') += fields[i];
  CHECK(joined == line);
}

Rows Read(const SourceOptions& source, const PlannedFile& file, uint64_t begin, uint64_t end,
          const std::vector<std::string>& wanted) {
  Rows read;
  read.status = [&]() -> Status {
    SKY_ASSIGN_OR_RETURN(RowReader reader, RowReader::Open(source, file, begin, end, wanted));
    for (;;) {
      SKY_ASSIGN_OR_RETURN(const bool more, reader.Next());
      if (!more) return Status();
      CHECK_GE(reader.offset(), begin);
      CHECK_LT(reader.offset(), end);
      Fields& row = read.rows.emplace_back();
      for (size_t i = 0; i < wanted.size(); ++i) {
        row.emplace_back(reader.field(i));
        CHECK_EQ(Utf8Prefix(row.back()), row.back().size());
      }
      read.offsets.push_back(reader.offset());
    }
  }();
  return read;
}

// The names of the columns are the fields of the first line.
void CheckHeader(const PlannedFile& file, std::string_view line,
                 const std::vector<std::string>& columns) {
  RowSplitter splitter(file.format);
  std::vector<std::string_view> fields;
  CHECK(splitter.Split(line, &fields).ok());
  CHECK(std::ranges::equal(columns, fields)) << line;
}

void CheckFile(const SourceOptions& source, const PlannedFile& file, std::string_view first,
               uint64_t cut) {
  const auto columns = ReadColumns(source, file);
  if (!columns) return fuzz::CheckSays(columns.error(), file.name);
  CHECK(!columns->empty() || file.format == Format::kJsonLines);
  const bool plain = !first.ends_with('\r') && !first.starts_with("\xef\xbb\xbf");
  if (source.columns.empty() && file.format != Format::kJsonLines && plain) {
    CheckHeader(file, first, *columns);
  }
  const Rows whole = Read(source, file, 0, kEnd, *columns);
  if (!whole.status.ok()) return fuzz::CheckSays(whole.status, file.name);
  // Two ranges give each row once.
  Rows both = Read(source, file, 0, cut, *columns);
  CHECK(both.status.ok()) << both.status;
  if (cut < file.bytes) {
    const Rows back = Read(source, file, cut, kEnd, *columns);
    CHECK(back.status.ok()) << back.status;
    both.rows.insert(both.rows.end(), back.rows.begin(), back.rows.end());
    both.offsets.insert(both.offsets.end(), back.offsets.begin(), back.offsets.end());
  }
  CHECK(both.rows == whole.rows);
  CHECK(both.offsets == whole.offsets);
  const Rows none = Read(source, file, 0, kEnd, {"no such column"});
  if (file.format != Format::kJsonLines && std::ranges::count(*columns, "no such column") == 0) {
    fuzz::CheckSays(none.status, "no such column");
  }
}

}  // namespace
}  // namespace skybridge::data

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  static const fuzz::FuzzFolder folder;
  fuzz::FuzzInput input(data, size);
  const auto format = static_cast<data::Format>(input.Below(4));
  data::SourceOptions source;
  if (format == data::Format::kAdjacency) source.columns = {"query", "candidates"};
  if (input.Below(4) == 0) source.columns = {"a", "b"};
  const uint64_t cut = 1 + input.Byte();
  const std::string_view text = input.Rest();
  // Lines of a file have passed as UTF-8 before they are split.
  const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
  data::CheckLine(format, line.substr(0, data::Utf8Prefix(line)));
  const data::PlannedFile file{.path = folder.Write("rows", text),
                               .name = "rows of a user",
                               .format = format,
                               .bytes = text.size()};
  data::CheckFile(source, file, line, cut);
  return 0;
}
