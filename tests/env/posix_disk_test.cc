// SPDX-License-Identifier: Apache-2.0
#include "env/posix_disk.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "env/files.h"

namespace skybridge::env {
namespace {

class PosixDiskTest : public testing::Test {
 protected:
  PosixDiskTest()
      : folder_(testing::TempDir() + "/skybridge_posix_disk_" +
                testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    CHECK(disk_.List(folder_).has_value());
  }
  ~PosixDiskTest() override { std::filesystem::remove_all(folder_); }

  const std::string folder_;
  PosixDisk disk_;
};

// No file grows beyond `bytes` meanwhile: what is written over it is cut short, then refused.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uint64_t bytes) {
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit limit{bytes, before_.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before_), 0);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST_F(PosixDiskTest, WhatIsWrittenInPiecesIsReadAsOne) {
  const std::string path = folder_ + "/file";
  auto file = *disk_.Create(path, 10000);
  std::vector<std::string> texts;
  std::vector<std::string_view> pieces;
  std::string whole;
  for (int i = 0; i < 3000; ++i)
    texts.push_back(std::to_string(i % 7));  // More than one call takes.
  for (const std::string& text : texts) {
    pieces.push_back(text);
    whole += text;
  }
  ASSERT_TRUE(file->WriteAt(5, pieces).ok());
  ASSERT_TRUE(file->Sync().ok());
  file = *disk_.Open(path);
  EXPECT_EQ(file->bytes(), 10000u);
  std::string read(whole.size(), 'x');
  ASSERT_TRUE(file->ReadAt(5, read).ok());
  EXPECT_EQ(read, whole);
  ASSERT_TRUE(file->ReadAt(5 + whole.size(), read).ok());
  EXPECT_EQ(read, std::string(whole.size(), '\0'));
  const Status beyond = file->ReadAt(9999, read);
  EXPECT_EQ(beyond.code(), StatusCode::kDataLoss);
  EXPECT_NE(beyond.message().find(path), std::string::npos);
  EXPECT_EQ(disk_.Create(path, 1).status().code(), StatusCode::kUnavailable);  // It is there.
}

TEST_F(PosixDiskTest, AReservationThatDoesNotFitLeavesNoFile) {
  const FileSizeLimit limit(8192);
  const auto file = disk_.Create(folder_ + "/large", 10000);
  ASSERT_EQ(file.status().code(), StatusCode::kResourceExhausted) << file.status();
  EXPECT_NE(file.error().message().find("10000 bytes for " + folder_ + "/large"), std::string::npos)
      << file.error();
  EXPECT_TRUE(disk_.List(folder_)->empty());
}

// Others on the disk are not to meet one that is full for a moment.
TEST_F(PosixDiskTest, AReservationBeyondWhatIsFreeIsNotTried) {
  const uint64_t much = *FreeBytes(folder_) + (1ull << 40);
  const auto file = disk_.Create(folder_ + "/large", much);
  ASSERT_EQ(file.status().code(), StatusCode::kResourceExhausted) << file.status();
  EXPECT_NE(file.error().message().find("are free"), std::string::npos) << file.error();
  EXPECT_TRUE(disk_.List(folder_)->empty());
}

TEST_F(PosixDiskTest, AWriteThatIsCutShortGoesOnUntilItIsRefused) {
  auto file = *disk_.Create(folder_ + "/file", 4096);
  const std::string text(6000, 'a');
  const std::string_view pieces[] = {std::string_view(text).substr(0, 3000),
                                     std::string_view(text).substr(3000)};
  {
    const FileSizeLimit limit(5000);
    const Status written = file->WriteAt(0, pieces);
    EXPECT_EQ(written.code(), StatusCode::kResourceExhausted);
    EXPECT_NE(written.message().find("write 6000 bytes to " + folder_ + "/file"), std::string::npos)
        << written;
  }
  std::string read(5000, 'x');
  ASSERT_TRUE(file->ReadAt(0, read).ok());
  EXPECT_EQ(read, text.substr(0, 5000));  // The first part went well, the second said why.
}

TEST_F(PosixDiskTest, AFullDiskIsToldFromABrokenOne) {
  const std::string_view pieces[] = {"text"};
  const Status full = (*disk_.Open("/dev/full"))->WriteAt(0, pieces);
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(full.message().find("/dev/full: No space left on device; free space on that disk"),
            std::string::npos)
      << full;
  // What cannot be synced fails, and fails again, whatever the system says the second time.
  auto null = *disk_.Open("/dev/null");
  EXPECT_EQ(null->Sync().code(), StatusCode::kUnavailable);
  EXPECT_EQ(null->Sync().code(), StatusCode::kUnavailable);
  EXPECT_EQ(disk_.Open(folder_ + "/none").status().code(), StatusCode::kUnavailable);
}

TEST_F(PosixDiskTest, RemovingTwiceIsRemovingOnce) {
  ASSERT_TRUE(disk_.Create(folder_ + "/file", 1).has_value());
  EXPECT_TRUE(disk_.Remove(folder_ + "/file").ok());
  EXPECT_TRUE(disk_.Remove(folder_ + "/file").ok());
  EXPECT_TRUE(disk_.List(folder_)->empty());
}

}  // namespace
}  // namespace skybridge::env
