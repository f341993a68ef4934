// SPDX-License-Identifier: Apache-2.0
#include "env/files.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::env {
namespace {

class FilesTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return scratch_.path() + "/" + name; }
  static void ExpectNames(const Status& status, StatusCode code, const std::string& path) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.message().find(path), std::string::npos) << status;
  }

  data::ScratchFolder scratch_;
};

TEST_F(FilesTest, WrittenBytesComeBackAndReplaceWhatWasThere) {
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(WriteFileDurably(Path("file"), "something longer").ok());
  ASSERT_TRUE(WriteFileDurably(Path("file"), bytes).ok());
  EXPECT_EQ(*ReadFile(Path("file")), bytes);
  const std::filesystem::directory_iterator files(scratch_.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "nothing temporary is left";
}

TEST_F(FilesTest, ErrorsNameThePath) {
  ExpectNames(ReadFile(Path("absent")).status(), StatusCode::kNotFound, Path("absent"));
  const Status refused = WriteFileDurably(Path("no/folder"), "x");
  EXPECT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find(Path("no/folder")), std::string::npos) << refused;
  scratch_.Write("file", "x");
  EXPECT_FALSE(MakeFolders(Path("file/inside")).ok());
}

TEST_F(FilesTest, FoldersAreMadeWithTheirParentsAndMayExist) {
  EXPECT_TRUE(MakeFolders(Path("a/b/c")).ok());
  EXPECT_TRUE(MakeFolders(Path("a/b/c")).ok());
  EXPECT_TRUE(std::filesystem::is_directory(Path("a/b/c")));
  EXPECT_TRUE(SyncFolder(Path("a/b")).ok());
  EXPECT_FALSE(SyncFolder(Path("absent")).ok());
}

TEST_F(FilesTest, DiskWithoutRoomIsRefusedBeforehand) {
  const uint64_t free = *FreeBytes(scratch_.path());
  EXPECT_GT(free, 0u);
  EXPECT_TRUE(CheckFreeSpace(scratch_.path(), 1).ok());
  ExpectNames(CheckFreeSpace(scratch_.path(), uint64_t{1} << 60), StatusCode::kResourceExhausted,
              scratch_.path());
}

}  // namespace
}  // namespace skybridge::env
