// SPDX-License-Identifier: Apache-2.0
#include "data/row_reader.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::data {
namespace {

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
using Rows = std::vector<std::vector<std::string>>;

class RowReaderTest : public testing::Test {
 protected:
  PlannedFile File(std::string_view text, Format format = Format::kTsv) {
    return {.path = folder_.Write("rows", text), .name = "rows", .format = format};
  }
  Result<Rows> Read(const PlannedFile& file, const std::vector<std::string>& wanted,
                    const SourceOptions& source = {}, uint64_t begin = 0, uint64_t end = kAll) {
    SKY_ASSIGN_OR_RETURN(RowReader reader, RowReader::Open(source, file, begin, end, wanted));
    Rows rows;
    for (;;) {
      SKY_ASSIGN_OR_RETURN(const bool more, reader.Next());
      if (!more) return rows;
      auto& row = rows.emplace_back();
      for (size_t i = 0; i < wanted.size(); ++i) row.emplace_back(reader.field(i));
    }
  }

  ScratchFolder folder_;
};

TEST_F(RowReaderTest, HeaderNamesTheColumns) {
  EXPECT_EQ(*Read(File("a\tb\tc\n1\t2\t3\n\n4\t5\t6\n"), {"c", "a"}),
            (Rows{{"3", "1"}, {"6", "4"}}));
}

TEST_F(RowReaderTest, OfALongHeaderAMessageShowsTheBeginning) {
  const std::string name(5000000, 'x');
  for (const std::string& header : {name, name + "\t" + name}) {
    const auto read = Read(File(header + "\n"), {"a"});
    ASSERT_FALSE(read);
    EXPECT_LT(read.error().message().size(), 400u);
    EXPECT_NE(read.error().message().find("xxx..."), std::string::npos) << read.error();
  }
  std::string many;
  for (int i = 0; i < 100000; ++i) many += std::to_string(i) + "\t";
  EXPECT_LT(Read(File(many + "b\n"), {"a"}).error().message().size(), 1200u);
}

TEST_F(RowReaderTest, GivenColumnNamesMeanThatThereIsNoHeader) {
  EXPECT_EQ(*Read(File("1,2\n3,4\n", Format::kCsv), {"b"}, {.columns = {"a", "b"}}),
            (Rows{{"2"}, {"4"}}));
}

TEST_F(RowReaderTest, HeaderIsKnownInEveryPieceAndIsNoRow) {
  const std::string text = "a\tb\n1\t2\n3\t4\n5\t6\n";
  const PlannedFile file = File(text);
  for (uint64_t cut = 0; cut <= text.size(); ++cut) {
    Rows rows = *Read(file, {"b"}, {}, 0, cut);
    const Rows rest = *Read(file, {"b"}, {}, cut, kAll);
    rows.insert(rows.end(), rest.begin(), rest.end());
    ASSERT_EQ(rows, (Rows{{"2"}, {"4"}, {"6"}})) << "cut at " << cut;
  }
}

TEST_F(RowReaderTest, FilterKeepsTheRowsWithItsValue) {
  const SourceOptions source{.where = RowFilter{"split", "train"}};
  EXPECT_EQ(*Read(File("id\tsplit\n1\ttrain\n2\ttest\n3\ttrain\n"), {"id"}, source),
            (Rows{{"1"}, {"3"}}));
  EXPECT_EQ(Read(File("id\n1\n"), {"id"}, source).error().message(),
            "rows: no column 'split'; the file has: id");
}

TEST_F(RowReaderTest, UnknownColumnListsTheColumnsThatAreThere) {
  EXPECT_EQ(Read(File("a\tb\n1\t2\n"), {"user"}).error(),
            Status(StatusCode::kInvalidArgument, "rows: no column 'user'; the file has: a, b"));
}

TEST_F(RowReaderTest, RaggedLineIsRefusedWithPlaceAndCounts) {
  const PlannedFile file = File("a\tb\n1\t2\n3\n");
  EXPECT_EQ(Read(file, {"a"}).error(),
            Status(StatusCode::kInvalidArgument,
                   "rows:3: 1 columns, expected 2: a field is missing, or holds the separator"));
  EXPECT_EQ(
      Read(file, {"a"}, {}, 5, kAll).error(),
      Status(StatusCode::kInvalidArgument,
             "rows, byte 8: 1 columns, expected 2: a field is missing, or holds the separator"));
}

TEST_F(RowReaderTest, JsonLineWithoutAWantedColumnIsRefusedWithItsPlace) {
  const PlannedFile file = File("{\"a\": 1}\n{\"b\": 2}\n", Format::kJsonLines);
  EXPECT_EQ(Read(file, {"a"}).error().message(), "rows:2: no column 'a' (the line has: b)");
  EXPECT_EQ(*ReadColumns({}, file), (std::vector<std::string>{"a"}));
}

TEST_F(RowReaderTest, ColumnNameThatComesTwiceIsRefused) {
  EXPECT_EQ(Read(File("a\tb\ta\n"), {"a"}).error().message(),
            "rows:1: column name 'a' comes twice");
}

TEST_F(RowReaderTest, ErrorNamesPlaceAndColumn) {
  const PlannedFile file = File("a\tb\n1\t2\n");
  RowReader reader = *RowReader::Open({}, file, 0, kAll, {"b"});
  ASSERT_TRUE(*reader.Next());
  EXPECT_EQ(reader.Error(0, "odd").message(), "rows:2: column b: odd");
}

TEST_F(RowReaderTest, QuotedNamesOfColumnsAreRead) {
  const PlannedFile file = File("\"the \"\"long\"\" name of a column\",b\n1,2\n", Format::kCsv);
  EXPECT_EQ(*ReadColumns({}, file),
            (std::vector<std::string>{"the \"long\" name of a column", "b"}));
  EXPECT_EQ(*Read(file, {"the \"long\" name of a column"}), (Rows{{"1"}}));
}

}  // namespace
}  // namespace skybridge::data
