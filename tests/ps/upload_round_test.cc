// SPDX-License-Identifier: Apache-2.0
#include "ps/upload_round.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/memory_object_store.h"
#include "tests/support/memory_redo_log.h"

namespace skybridge::ps {
namespace {

// Files of one size, all of one letter.
class LettersImage : public env::StoreImage {
 public:
  LettersImage(std::vector<std::string> names, uint64_t bytes) : bytes_(bytes) {
    for (std::string& name : names) {
      const bool lasting = name.ends_with(".sst");
      files_.push_back({.name = std::move(name), .bytes = bytes, .lasting = lasting});
    }
  }
  const std::vector<env::ImageFile>& files() const override { return files_; }
  Status Read(const std::string& name,
              const std::function<Status(std::string_view)>& sink) override {
    const std::string piece(1 << 20, name[0]);
    for (uint64_t at = 0; at < bytes_ - lost; at += piece.size()) {
      SKY_RETURN_IF_ERROR(sink(std::string_view(piece).substr(0, bytes_ - lost - at)));
    }
    return Status();
  }
  uint64_t lost = 0;

 private:
  const uint64_t bytes_;
  std::vector<env::ImageFile> files_;
};

class FileUploadTest : public testing::Test {
 protected:
  static std::unique_ptr<LettersImage> Image(uint64_t bytes = 100) {
    return std::make_unique<LettersImage>(
        std::vector<std::string>{"a.sst", "b.sst", "CURRENT", "MANIFEST-000005"}, bytes);
  }
  support::MemoryObjectStore objects_;
};

TEST_F(FileUploadTest, SendsFilesUnderNamesOfTheirContent) {
  FileUpload upload(1, Image(), "objects/shard-3", objects_);
  upload.Run();
  ASSERT_TRUE(upload.status.ok()) << upload.status;
  EXPECT_EQ(upload.next_file, 4u);
  EXPECT_EQ(upload.new_bytes, 400u);
  EXPECT_EQ(upload.sent.size(), 4u);
  EXPECT_TRUE(upload.sent.at("a.sst").info.key.starts_with("objects/shard-3/a-100-"));
  EXPECT_TRUE(upload.sent.at("a.sst").info.key.ends_with(".sst"));
  EXPECT_TRUE(
      upload.sent.at("MANIFEST-000005").info.key.starts_with("objects/shard-3/MANIFEST-000005-"));
  EXPECT_FALSE(upload.sent.at("a.sst").committed);
}

TEST_F(FileUploadTest, AStepEndsWithTheFileThatPassesItsBytes) {
  FileUpload first(1, Image(), "o", objects_);
  first.step_bytes = 101;
  first.Run();
  EXPECT_EQ(first.next_file, 2u);
  FileUpload second(1, std::move(first.image), "o", objects_);
  second.next_file = first.next_file;
  second.step_bytes = 101;
  second.Run();
  EXPECT_EQ(second.next_file, 4u);
  EXPECT_TRUE(second.sent.contains("CURRENT"));
  EXPECT_FALSE(second.sent.contains("a.sst"));
}

// CURRENT has one name and other bytes in each image.
TEST_F(FileUploadTest, OnlyLastingFilesAreNamedAgain) {
  FileUpload first(1, Image(), "o", objects_);
  first.Run();
  FileUpload second(2, Image(), "o", objects_);
  second.known = first.sent;
  for (auto& [name, object] : second.known) object.committed = true;
  second.Run();
  EXPECT_EQ(second.new_bytes, 200u);
  EXPECT_EQ(second.sent.size(), 4u);
  EXPECT_TRUE(second.sent.at("a.sst").committed);
  EXPECT_FALSE(second.sent.at("CURRENT").committed);
}

TEST_F(FileUploadTest, AKnownObjectOfAnotherSizeIsSentAgain) {
  FileUpload first(1, Image(), "o", objects_);
  first.Run();
  FileUpload second(2, Image(), "o", objects_);
  second.known = first.sent;
  for (auto& [name, object] : second.known) object.committed = true;
  objects_.entries.at(second.known.at("a.sst").info.key).bytes.resize(50);
  second.Run();
  EXPECT_EQ(second.new_bytes, 300u);
}

TEST_F(FileUploadTest, AnErrorNamesTheFileAndKeepsWhatWasSent) {
  FileUpload upload(1, Image(), "o", objects_);
  objects_.FailAfter(5);  // Create, one piece, Finish; then the next file.
  upload.Run();
  EXPECT_EQ(upload.status.code(), StatusCode::kUnavailable);
  EXPECT_NE(upload.status.message().find("b.sst"), std::string::npos) << upload.status;
  EXPECT_EQ(upload.sent.size(), 1u);
  EXPECT_EQ(upload.next_file, 1u);
}

TEST_F(FileUploadTest, AFileThatLostBytesIsNoCheckpoint) {
  auto image = Image();
  image->lost = 1;
  FileUpload upload(1, std::move(image), "o", objects_);
  upload.Run();
  EXPECT_EQ(upload.status.code(), StatusCode::kDataLoss) << upload.status;
}

TEST(CutUploadTest, TheFragmentNamesTheTailAndTheTailIsTheLog) {
  support::MemoryRedoLog log;
  support::MemoryObjectStore objects;
  const std::string_view pieces[] = {"decision"};
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(log.Append(4, pieces));
  checkpoint::Fragment fragment;
  fragment.set_redo(3);
  fragment.set_cut(7);
  CutUpload upload(1, *log.Tail(3, 7), fragment, "o", objects);
  upload.Run();
  ASSERT_TRUE(upload.status.ok()) << upload.status;
  EXPECT_EQ(upload.tail, nullptr);  // The log is free again.
  EXPECT_EQ(upload.new_bytes, objects.bytes_sent);
  checkpoint::Fragment sent;
  ASSERT_TRUE(sent.ParseFromString(objects.entries.at(upload.object.key).bytes));
  TailLog tail({3, 7}, [&](const ByteSink& sink) {
    const checkpoint::Object& object = sent.tail();
    return objects.Read({object.key(), object.bytes(), object.crc32c()}, sink);
  });
  uint64_t records = 0;
  EXPECT_TRUE(tail.Read(3,
                        [&](const env::RedoRecord& record) {
                          ++records;
                          EXPECT_EQ(record.payload, "decision");
                          return Status();
                        })
                  .ok());
  EXPECT_EQ(records, 5u);
}

}  // namespace
}  // namespace skybridge::ps
