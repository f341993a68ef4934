// SPDX-License-Identifier: Apache-2.0
#include "data/line_reader.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/archives.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::data {
namespace {

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

PlannedFile File(const std::string& path, Compression compression = Compression::kNone) {
  return {.path = path, .name = "name", .compression = compression};
}

Result<std::vector<std::string>> Lines(const PlannedFile& file, uint64_t begin, uint64_t end) {
  SKY_ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(file, begin, end));
  std::vector<std::string> lines;
  for (;;) {
    SKY_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) return lines;
    lines.emplace_back(reader.line());
  }
}

TEST(LineReaderTest, EndsOfLinesAndTheByteOrderMarkAreDropped) {
  ScratchFolder folder;
  const std::string path = folder.Write("a", "\xef\xbb\xbfone\r\n\ntwo\nthree");
  EXPECT_EQ(*Lines(File(path), 0, kAll), (std::vector<std::string>{"one", "", "two", "three"}));
}

TEST(LineReaderTest, AnyCutOfAFileGivesEachLineOnce) {
  ScratchFolder folder;
  const std::string text = "one\n\nthree\r\nfour four\nfive\n";
  const std::string path = folder.Write("a", text);
  const std::vector<std::string> whole = *Lines(File(path), 0, kAll);
  ASSERT_EQ(whole.size(), 5u);
  for (uint64_t first = 0; first <= text.size(); ++first) {
    for (uint64_t second = first; second <= text.size(); ++second) {
      std::vector<std::string> lines = *Lines(File(path), 0, first);
      for (const auto& [begin, end] : {std::pair(first, second), std::pair(second, text.size())}) {
        const std::vector<std::string> piece = *Lines(File(path), begin, end);
        lines.insert(lines.end(), piece.begin(), piece.end());
      }
      ASSERT_EQ(lines, whole) << "cut at " << first << " and " << second;
    }
  }
}

TEST(LineReaderTest, LinesLongerThanTheBufferAreWhole) {
  ScratchFolder folder;
  const std::string first(700000, 'x'), second(300000, 'y');
  const std::string path = folder.Write("a", first + "\n" + second + "\nend\n");
  EXPECT_EQ(*Lines(File(path), 0, kAll), (std::vector<std::string>{first, second, "end"}));
  EXPECT_EQ(*Lines(File(path), 5, kAll), (std::vector<std::string>{second, "end"}));
}

TEST(LineReaderTest, OffsetIsWhereTheLineStarts) {
  ScratchFolder folder;
  const std::string path = folder.Write("a", "one\r\ntwo\nthree\n");
  LineReader reader = *LineReader::Open(File(path), 2, kAll);
  ASSERT_TRUE(*reader.Next());
  EXPECT_EQ(reader.offset(), 5u);
  ASSERT_TRUE(*reader.Next());
  EXPECT_EQ(reader.offset(), 9u);
}

TEST(LineReaderTest, TextThatIsNotUtf8IsRefusedWithItsPlace) {
  ScratchFolder folder;
  const std::string path = folder.Write("a",
                                        "fine\nfine\nb\xff"
                                        "d\n");
  EXPECT_EQ(Lines(File(path), 0, kAll).error(),
            Status(StatusCode::kInvalidArgument,
                   "name:3: not UTF-8 text at byte 2 of the line; convert the file to UTF-8"));
  EXPECT_EQ(
      Lines(File(path), 3, kAll).error(),
      Status(StatusCode::kInvalidArgument,
             "name, byte 10: not UTF-8 text at byte 2 of the line; convert the file to UTF-8"));
}

TEST(LineReaderTest, ArchivesAreReadWholeAndKnowTheirLineNumbers) {
  ScratchFolder folder;
  const PlannedFile file = File(folder.Write("a.gz", Gzip("one\ntwo\n")), Compression::kGzip);
  LineReader reader = *LineReader::Open(file, 0, 3);
  ASSERT_TRUE(*reader.Next());
  ASSERT_TRUE(*reader.Next());
  EXPECT_EQ(reader.Place(), "name:2");
  EXPECT_FALSE(*reader.Next());
}

TEST(LineReaderTest, EndlessLineIsRefused) {
  ScratchFolder folder;
  const std::string path = folder.Write("a", std::string(kLineBytesMax + 300000, 'x') + "\n");
  EXPECT_EQ(Lines(File(path), 0, kAll).error().code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace skybridge::data
