// SPDX-License-Identifier: Apache-2.0
#include "retrieval/whole_file.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "tests/retrieval/temp_folder.h"

namespace skybridge::retrieval {
namespace {

int64_t FilesIn(const std::string& folder) {
  const std::filesystem::directory_iterator files(folder);
  return std::distance(begin(files), end(files));
}

TEST(WholeFileTest, AppearsOnlyWithCommitAndLeavesNothingWithoutIt) {
  const TempFolder folder;
  const std::string path = folder / "a/b/part";
  {
    WholeFile file = *WholeFile::Create(path);
    ASSERT_TRUE(file.Append("half").ok());
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(FilesIn(folder / "a/b"), 1);
  }
  EXPECT_EQ(FilesIn(folder / "a/b"), 0);
  WholeFile file = *WholeFile::Create(path);
  ASSERT_TRUE(file.Append("whole").ok());
  const FileSummary summary = *file.Commit();
  EXPECT_EQ(summary.bytes, 5u);
  EXPECT_EQ(SummariseFile(path)->xxh64, summary.xxh64);
  EXPECT_TRUE(CheckFile(path, summary).ok());
  EXPECT_EQ(FilesIn(folder / "a/b"), 1);
}

// Promise: what one writer of a path does, and how it ends, is nothing to another: the file is as
// the last one wrote it that succeeded.
TEST(WholeFileTest, WritersOfOnePathDoNotDisturbEachOther) {
  const TempFolder folder;
  const std::string path = folder / "part";
  WholeFile first = *WholeFile::Create(path);
  ASSERT_TRUE(first.Append("the first").ok());
  WholeFile second = *WholeFile::Create(path);
  ASSERT_TRUE(second.Append("2nd").ok());
  { const WholeFile given_up = *WholeFile::Create(path); }
  for (WholeFile* file : {&first, &second}) {
    const auto summary = file->Commit();
    ASSERT_TRUE(summary.has_value()) << summary.error();
    EXPECT_TRUE(CheckFile(path, *summary).ok());
  }
  EXPECT_EQ(FilesIn(folder / ""), 1);
}

// Of a process before this one, or of one on another machine, that has its number.
TEST(WholeFileTest, ANameThatIsTakenIsLeftAlone) {
  const TempFolder folder;
  const std::string path = folder / "part";
  const auto named = [&](uint64_t number) {
    return path + ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(number);
  };
  uint64_t last = 1;  // That this process has used.
  {
    const WholeFile probe = *WholeFile::Create(path);
    while (last < 1000 && !std::filesystem::exists(named(last))) ++last;
  }
  std::ofstream(named(last + 1)) << "another's";
  WholeFile file = *WholeFile::Create(path);
  ASSERT_TRUE(file.Append("mine").ok());
  ASSERT_TRUE(file.Commit().has_value());
  EXPECT_EQ(SummariseFile(path)->bytes, 4u);
  const auto others = SummariseFile(named(last + 1));
  ASSERT_TRUE(others.has_value()) << others.error();
  EXPECT_EQ(others->bytes, 9u);
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
  const TempFolder folder;
  WholeFile file = *WholeFile::Create(folder / "part");
  // A limit for this process, in place of a disk.
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small = {.rlim_cur = 2, .rlim_max = limit.rlim_max};
  const auto before = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = file.Append("bytes");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  signal(SIGXFSZ, before);
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
