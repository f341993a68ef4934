// SPDX-License-Identifier: Apache-2.0
#include "data/byte_stream.h"

#include <string>

#include <gtest/gtest.h>

#include "common/rng.h"
#include "tests/data/archives.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::data {
namespace {

// Text that does not pack away to nothing.
std::string LongText() {
  Rng rng(1, Purpose::kTest);
  std::string text;
  for (int i = 0; i < 300000; ++i) text += static_cast<char>('a' + rng.Below(26));
  return text;
}

Result<std::string> ReadAll(const std::string& path, Compression compression, uint64_t begin = 0) {
  SKY_ASSIGN_OR_RETURN(const auto stream, OpenBytes(path, compression, begin));
  std::string all, piece(1000, '\0');
  for (;;) {
    SKY_ASSIGN_OR_RETURN(const size_t got, stream->Read(piece));
    if (got == 0) return all;
    all.append(piece, 0, got);
  }
}

TEST(ByteStreamTest, PlainFileIsReadFromAnOffset) {
  ScratchFolder folder;
  const std::string text = LongText();
  const std::string path = folder.Write("a", text);
  EXPECT_EQ(*ReadAll(path, Compression::kNone), text);
  EXPECT_EQ(*ReadAll(path, Compression::kNone, 12345), text.substr(12345));
}

TEST(ByteStreamTest, GzipArchiveOfTwoMembersIsOneText) {
  ScratchFolder folder;
  const std::string text = LongText();
  const std::string path = folder.Write("a.gz", Gzip(text) + Gzip("tail"));
  EXPECT_EQ(*ReadAll(path, Compression::kGzip), text + "tail");
}

TEST(ByteStreamTest, ZstdArchiveOfTwoFramesIsOneText) {
  ScratchFolder folder;
  const std::string text = LongText();
  const std::string path = folder.Write("a.zst", Zstd(text) + Zstd("tail"));
  EXPECT_EQ(*ReadAll(path, Compression::kZstd), text + "tail");
}

TEST(ByteStreamTest, CutOffArchiveIsDataLossNamingTheFile) {
  ScratchFolder folder;
  const std::string gzip = Gzip(LongText()), zstd = Zstd(LongText());
  const std::string gz = folder.Write("a.gz", gzip.substr(0, gzip.size() - 9));
  const std::string zst = folder.Write("a.zst", zstd.substr(0, zstd.size() - 9));
  for (const auto& result : {ReadAll(gz, Compression::kGzip), ReadAll(zst, Compression::kZstd)}) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code(), StatusCode::kDataLoss);
    EXPECT_NE(result.error().message().find("/a."), std::string::npos) << result.error();
  }
}

TEST(ByteStreamTest, FlippedByteInAnArchiveIsDataLoss) {
  ScratchFolder folder;
  std::string gzip = Gzip(LongText()), zstd = Zstd(LongText());
  gzip[gzip.size() - 6] ^= 1;  // In the checksum.
  zstd[2] ^= 1;                // In the magic number.
  EXPECT_EQ(ReadAll(folder.Write("a.gz", gzip), Compression::kGzip).error().code(),
            StatusCode::kDataLoss);
  EXPECT_EQ(ReadAll(folder.Write("a.zst", zstd), Compression::kZstd).error().code(),
            StatusCode::kDataLoss);
}

TEST(ByteStreamTest, PlainTextUnderAnArchivesNameIsRefused) {
  ScratchFolder folder;
  const std::string path = folder.Write("a.gz", "user\titem\n1\t2\n");
  EXPECT_EQ(ReadAll(path, Compression::kGzip).error().code(), StatusCode::kDataLoss);
  EXPECT_EQ(ReadAll(path, Compression::kZstd).error().code(), StatusCode::kDataLoss);
}

TEST(ByteStreamTest, MissingFileIsNotFound) {
  for (const auto kind : {Compression::kNone, Compression::kGzip, Compression::kZstd}) {
    EXPECT_EQ(OpenBytes("/nowhere/a", kind).error().code(), StatusCode::kNotFound);
  }
}

}  // namespace
}  // namespace skybridge::data
