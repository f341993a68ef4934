// SPDX-License-Identifier: Apache-2.0
#include "retrieval/whole_file.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/retrieval/temp_folder.h"

namespace skybridge::retrieval {
namespace {

TEST(WholeFileTest, AppearsOnlyWithCommitAndLeavesNothingWithoutIt) {
  const TempFolder folder;
  const std::string path = folder / "a/b/part";
  {
    WholeFile file = *WholeFile::Create(path);
    ASSERT_TRUE(file.Append("half").ok());
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(std::filesystem::exists(path + ".tmp"));
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  WholeFile file = *WholeFile::Create(path);
  ASSERT_TRUE(file.Append("whole").ok());
  const FileSummary summary = *file.Commit();
  EXPECT_EQ(summary.bytes, 5u);
  EXPECT_EQ(SummariseFile(path)->xxh64, summary.xxh64);
  EXPECT_TRUE(CheckFile(path, summary).ok());
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

// Promise: what one writer of a path does, and how it ends, is nothing to another.
TEST(WholeFileTest, WritersOfOnePathDoNotDisturbEachOther) {
  const TempFolder folder;
  const std::string path = folder / "part";
  WholeFile first = *WholeFile::Create(path, "-a1");
  ASSERT_TRUE(first.Append("the first").ok());
  WholeFile second = *WholeFile::Create(path, "-a2");
  ASSERT_TRUE(second.Append("2nd").ok());
  { const WholeFile given_up = *WholeFile::Create(path, "-a3"); }
  for (WholeFile* file : {&first, &second}) {
    const auto summary = file->Commit();
    ASSERT_TRUE(summary.has_value()) << summary.error();
    EXPECT_TRUE(CheckFile(path, *summary).ok());
  }
}

TEST(WholeFileTest, AnyOtherByteOrLengthIsFoundByName) {
  const TempFolder folder;
  const std::string path = folder / "part";
  WholeFile file = *WholeFile::Create(path);
  ASSERT_TRUE(file.Append("0123456789").ok());
  const FileSummary summary = *file.Commit();
  for (int i = 0; i < 10; ++i) {
    std::string bytes = "0123456789";
    bytes[static_cast<size_t>(i)] ^= 1;
    std::ofstream(path) << bytes;
    const Status status = CheckFile(path, summary);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_NE(status.message().find(path), std::string::npos);
  }
  std::ofstream(path) << "01234";
  EXPECT_NE(CheckFile(path, summary).message().find("5 bytes, 10"), std::string::npos);
  EXPECT_EQ(CheckFile(folder / "none", summary).code(), StatusCode::kNotFound);
}

TEST(WholeFileTest, FullDiskIsSaidSo) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const TempFolder folder;
  std::filesystem::create_symlink("/dev/full", folder / "part.tmp");
  WholeFile file = *WholeFile::Create(folder / "part");
  const Status status = file.Append("bytes");
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("free some space"), std::string::npos);
}

TEST(WholeFileTest, AFolderIsSaidToBeOne) {
  const TempFolder folder;
  errno = ENOENT;  // Of something before.
  const Status status = MappedFile::Open(folder / "").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("directory"), std::string::npos) << status;
  EXPECT_EQ(status.message().find("No such"), std::string::npos) << status;
}

}  // namespace
}  // namespace skybridge::retrieval
