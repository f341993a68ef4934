// SPDX-License-Identifier: Apache-2.0
#include "env/files.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"
#include "tests/env/sync_watch.h"

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

TEST_F(FilesTest, ASecretIsItsOwnersAloneAndReplacesNothing) {
  ASSERT_TRUE(WriteSecretFile(Path("secret"), "bytes").ok());
  EXPECT_EQ(std::filesystem::status(Path("secret")).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  ExpectNames(WriteSecretFile(Path("secret"), "others"), StatusCode::kAlreadyExists,
              Path("secret"));
  EXPECT_EQ(*ReadFile(Path("secret")), "bytes");
  ExpectNames(WriteSecretFile(Path("none/secret"), "bytes"), StatusCode::kNotFound,
              Path("none/secret"));
}

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

// A folder whose name is in no synced folder is gone after a power cut, with all that is below.
TEST_F(FilesTest, TheNamesOfFoldersAreSafe) {
  const auto real = [&](const std::string& name) {
    return std::filesystem::canonical(Path(name)).string();
  };
  {
    const SyncWatch watch;
    ASSERT_TRUE(MakeFolders(Path("a/b/c")).ok());
    const std::vector<std::string> above = {real("."), real("a"), real("a/b")};
    const std::vector<std::string> synced = watch.synced();
    ASSERT_GE(synced.size(), above.size());
    EXPECT_EQ(std::vector<std::string>(synced.end() - 3, synced.end()), above);
  }
  // Who made the last one may have died before it was safe.
  const SyncWatch watch;
  ASSERT_TRUE(MakeFolders(Path("a/b/c")).ok());
  EXPECT_EQ(watch.synced(), std::vector<std::string>{real("a/b")});
}

TEST_F(FilesTest, FoldersMayHaveShortNamesAndStrokesAtTheirEnd) {
  EXPECT_TRUE(MakeFolders(".").ok());
  EXPECT_TRUE(MakeFolders("/").ok());
  EXPECT_TRUE(MakeFolders(Path("d/e//")).ok());
  EXPECT_TRUE(std::filesystem::is_directory(Path("d/e")));
  const std::filesystem::path relative =
      std::filesystem::relative(Path("d/f/g"), std::filesystem::current_path());
  EXPECT_TRUE(MakeFolders(relative.string()).ok());
  EXPECT_TRUE(std::filesystem::is_directory(Path("d/f/g")));
  scratch_.Write("plain", "x");
  EXPECT_EQ(MakeFolders(Path("plain")).code(), StatusCode::kFailedPrecondition);
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
