// SPDX-License-Identifier: Apache-2.0
#include "env/folder_object_store.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "tests/data/scratch_folder.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

// The real store and the fake keep the same laws.
class ObjectStoreTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      store_ = std::make_unique<support::MemoryObjectStore>();
    } else {
      auto store = FolderObjectStore::Open(Folder());
      ASSERT_TRUE(store.has_value()) << store.error();
      store_ = *std::move(store);
    }
  }
  std::string Folder() const { return scratch_.path() + "/made/checkpoints"; }
  Result<ObjectInfo> Write(const std::string& stem, const std::string& bytes) {
    SKY_ASSIGN_OR_RETURN(const auto writer, store_->Create());
    SKY_RETURN_IF_ERROR(writer->Append(bytes.substr(0, bytes.size() / 3)));
    SKY_RETURN_IF_ERROR(writer->Append(bytes.substr(bytes.size() / 3)));
    return writer->Finish(stem, ".sst");
  }
  Result<std::string> Read(const ObjectInfo& info) {
    std::string bytes;
    SKY_RETURN_IF_ERROR(store_->Read(info, [&](std::string_view piece) {
      bytes += piece;
      return Status();
    }));
    return bytes;
  }

  data::ScratchFolder scratch_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_P(ObjectStoreTest, AnObjectIsNamedByItsContentAndComesBack) {
  const std::string bytes(1 << 20, 'x');
  const auto info = Write("objects/shard-1/000012", bytes);
  ASSERT_TRUE(info.has_value()) << info.error();
  EXPECT_EQ(info->bytes, bytes.size());
  EXPECT_EQ(info->crc32c, Crc32c(bytes));
  char crc[9];
  snprintf(crc, sizeof(crc), "%08x", info->crc32c);
  EXPECT_EQ(info->key, std::string("objects/shard-1/000012-1048576-") + crc + ".sst");
  EXPECT_EQ(*Read(*info), bytes);
  EXPECT_EQ(*store_->Bytes(info->key), bytes.size());
  EXPECT_EQ(*store_->Get(info->key, bytes.size()), bytes);
  EXPECT_LT(*store_->Age(info->key), 60);
  // Once more: the same name, the same object.
  EXPECT_EQ(*Write("objects/shard-1/000012", bytes), *info);
  EXPECT_EQ(*Read(*info), bytes);
  // An empty one.
  EXPECT_EQ(*Read(*Write("objects/none", "")), "");
}

TEST_P(ObjectStoreTest, WithoutFinishNothingIsThere) {
  {
    const auto writer = *store_->Create();
    ASSERT_TRUE(writer->Append("half").ok());
    EXPECT_TRUE(store_->List("")->empty());
  }
  EXPECT_TRUE(store_->List("")->empty());
  EXPECT_TRUE(GetParam() || fs::is_empty(Folder() + "/tmp"));
}

TEST_P(ObjectStoreTest, PutReplacesNothing) {
  ASSERT_TRUE(store_->Put("manifests/MANIFEST-1", "first").ok());
  EXPECT_EQ(store_->Put("manifests/MANIFEST-1", "second").code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(*store_->Get("manifests/MANIFEST-1", 100), "first");
  EXPECT_TRUE(GetParam() || fs::is_empty(Folder() + "/tmp"));
}

TEST_P(ObjectStoreTest, ListsByPrefixAscending) {
  for (const char* key : {"b/2", "a/1", "b/10", "b/sub/3", "bb"}) {
    ASSERT_TRUE(store_->Put(key, "x").ok());
  }
  using Keys = std::vector<std::string>;
  EXPECT_EQ(*store_->List(""), (Keys{"a/1", "b/10", "b/2", "b/sub/3", "bb"}));
  EXPECT_EQ(*store_->List("b/"), (Keys{"b/10", "b/2", "b/sub/3"}));
  EXPECT_EQ(*store_->List("b"), (Keys{"b/10", "b/2", "b/sub/3", "bb"}));
  EXPECT_EQ(*store_->List("b/1"), (Keys{"b/10"}));
  EXPECT_EQ(*store_->List("none/"), Keys());
}

TEST_P(ObjectStoreTest, WhatIsDeletedIsNotFound) {
  const ObjectInfo info = *Write("a", "bytes");
  ASSERT_TRUE(store_->Delete(info.key).ok());
  EXPECT_TRUE(store_->Delete(info.key).ok());
  EXPECT_EQ(store_->Bytes(info.key).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store_->Age(info.key).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store_->Get(info.key, 9).status().code(), StatusCode::kNotFound);
  const Status gone = Read(info).status();
  EXPECT_EQ(gone.code(), StatusCode::kNotFound);
  EXPECT_NE(gone.message().find(info.key), std::string::npos) << gone;
}

TEST_P(ObjectStoreTest, OtherBytesThanExpectedAreFound) {
  const ObjectInfo info = *Write("a", "bytes");
  ObjectInfo other = info;
  other.crc32c ^= 1;
  const Status damaged = Read(other).status();
  EXPECT_EQ(damaged.code(), StatusCode::kDataLoss);
  EXPECT_NE(damaged.message().find(info.key), std::string::npos) << damaged;
  other = info;
  other.bytes = 4;
  EXPECT_EQ(Read(other).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(store_->Get(info.key, 4).status().code(), StatusCode::kDataLoss);
  const Status stop(StatusCode::kFailedPrecondition, "enough");
  EXPECT_EQ(store_->Read(info, [&](std::string_view) { return stop; }), stop);
}

INSTANTIATE_TEST_SUITE_P(RealAndFake, ObjectStoreTest, testing::Bool(),
                         [](const auto& one) { return one.param ? "Memory" : "Folder"; });

class FolderObjectStoreTest : public testing::Test {
 protected:
  std::unique_ptr<FolderObjectStore> Open() {
    auto store = FolderObjectStore::Open(scratch_.path());
    CHECK(store) << store.error();
    return *std::move(store);
  }
  data::ScratchFolder scratch_;
};

TEST_F(FolderObjectStoreTest, KeysStayInTheFolder) {
  const auto store = Open();
  for (const char* key :
       {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "tmp/x", "sp ace", "new\nline"}) {
    EXPECT_EQ(store->Put(key, "x").code(), StatusCode::kInvalidArgument) << key;
    EXPECT_EQ(store->Delete(key).code(), StatusCode::kInvalidArgument) << key;
    EXPECT_EQ(store->Get(key, 9).status().code(), StatusCode::kInvalidArgument) << key;
  }
  EXPECT_TRUE(store->Put("a..b/c.d", "x").ok());
}

// Promise: who only reads needs no leave to write.
TEST_F(FolderObjectStoreTest, OpeningWritesNothingIntoAFolderThatIsThere) {
  const auto store = Open();
  EXPECT_TRUE(fs::is_empty(scratch_.path()));
  ASSERT_TRUE(store->Put("one", "x").ok());
  EXPECT_EQ(*store->Get("one", 9), "x");
}

TEST_F(FolderObjectStoreTest, OnlyOldLeftoversOfDeadWritersAreDeleted) {
  fs::create_directories(scratch_.path() + "/tmp");
  const std::string old_file = scratch_.Write("tmp/host-1-1", "left long ago");
  const std::string young = scratch_.Write("tmp/host-2-1", "being written");
  fs::last_write_time(old_file, fs::last_write_time(old_file) - std::chrono::hours(25));
  const auto store = Open();
  EXPECT_FALSE(fs::exists(old_file));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_TRUE(store->List("")->empty());
}

TEST_F(FolderObjectStoreTest, AWriterLeavesTheFilesOfOthersAlone) {
  const auto store = Open();
  const auto first = *store->Create();
  std::string taken;
  for (const auto& file : fs::directory_iterator(scratch_.path() + "/tmp")) {
    taken = file.path().string();
  }
  ASSERT_TRUE(first->Append("x").ok());
  // Another store of this process counts anew, so it meets that name.
  const auto other = Open();
  const auto second = *other->Create();
  ASSERT_TRUE(second->Append("y").ok());
  EXPECT_TRUE(fs::exists(taken));
  EXPECT_TRUE(first->Finish("a", "").has_value());
  EXPECT_TRUE(second->Finish("a", "").has_value());
  EXPECT_EQ(store->List("")->size(), 2u);
}

TEST_F(FolderObjectStoreTest, AgeCountsFromTheEndOfTheWriting) {
  const auto store = Open();
  const auto writer = *store->Create();
  ASSERT_TRUE(writer->Append("x").ok());
  for (const auto& file : fs::directory_iterator(scratch_.path() + "/tmp")) {
    fs::last_write_time(file, fs::last_write_time(file) - std::chrono::hours(2));
  }
  const ObjectInfo info = *writer->Finish("a", "");
  EXPECT_LT(*store->Age(info.key), 60);
  // Sent again, it is young again.
  const std::string path = scratch_.path() + "/" + info.key;
  fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(2));
  EXPECT_GT(*store->Age(info.key), 7000);
  const auto again = *store->Create();
  ASSERT_TRUE(again->Append("x").ok());
  EXPECT_EQ(again->Finish("a", "")->key, info.key);
  EXPECT_LT(*store->Age(info.key), 60);
}

TEST_F(FolderObjectStoreTest, ErrorsNameThePathAndLeaveNothing) {
  const auto store = Open();
  scratch_.Write("file", "in the way");
  const auto writer = *store->Create();
  ASSERT_TRUE(writer->Append("x").ok());
  const Status status = writer->Finish("file/a", "").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  EXPECT_NE(status.message().find(scratch_.path() + "/file"), std::string::npos) << status;
  EXPECT_EQ(store->Put("file/b", "x").code(), StatusCode::kUnavailable);
  EXPECT_EQ(store->List("")->size(), 1u);
}

}  // namespace
}  // namespace skybridge::env
