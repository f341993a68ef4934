// SPDX-License-Identifier: Apache-2.0
#include "worker/part_files.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "retrieval/labels.h"
#include "retrieval/npy.h"
#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

class PartFilesTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder() + "/" + name; }
  std::string folder() const { return scratch_.path() + "/export"; }
  // The manifest's word on a file holds.
  void ExpectTrue(const wire::PartFile& file) const {
    const Status status = retrieval::CheckFile(Path(file.name()), {file.bytes(), file.xxh64()});
    EXPECT_TRUE(status.ok()) << status;
  }

  data::ScratchFolder scratch_;
};

TEST_F(PartFilesTest, PartNumbersSortAndNameTheAttempt) {
  EXPECT_EQ(PartNumber(7, 1), "00007.a1");
  EXPECT_LT(PartNumber(9, 1), PartNumber(10, 1));
  EXPECT_NE(PartNumber(7, 1), PartNumber(7, 2));
}

TEST_F(PartFilesTest, FilesHoldWhatWasWrittenAndAreDescribedForTheManifest) {
  PartWriter writer(folder(), {.partition = 3, .table = "words"});
  const std::vector<uint64_t> ids{5, 9};
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const std::vector<uint32_t> counts{7, 8};
  ASSERT_TRUE(writer.WriteIds("table_ids", "deep/er/a.ids.npy", ids).ok());
  ASSERT_TRUE(writer.WriteMatrix("table_rows", "a.rows.npy", 2, 3, values).ok());
  ASSERT_TRUE(writer.WriteCounts("table_counts", "a.counts.npy", counts).ok());
  const auto& files = writer.files();
  ASSERT_EQ(files.size(), 3u);
  for (const wire::PartFile& file : files) {
    ExpectTrue(file);
    EXPECT_EQ(file.rows(), 2u);
    EXPECT_EQ(file.partition(), 3u);
    EXPECT_EQ(file.table(), "words");
  }
  EXPECT_EQ(files[0].kind(), "table_ids");
  EXPECT_EQ(files[0].name(), "deep/er/a.ids.npy");
  EXPECT_EQ(files[1].kind(), "table_rows");
  EXPECT_EQ(files[2].kind(), "table_counts");
  const auto matrix = retrieval::NpyFile::Open(Path("a.rows.npy"), retrieval::NpyType::kFloat32, 2);
  ASSERT_TRUE(matrix.has_value()) << matrix.error();
  EXPECT_EQ(matrix->columns(), 3u);
  EXPECT_TRUE(std::ranges::equal(matrix->floats(), values));
}

TEST_F(PartFilesTest, LabelsAreTwoFilesThatReadBack) {
  PartWriter writer(folder(), {});
  ASSERT_TRUE(writer.WriteLabels("l", {{"a", "b\tc"}, {"", "two\nlines"}}).ok());
  ASSERT_EQ(writer.files().size(), 2u);
  EXPECT_EQ(writer.files()[0].kind(), "labels");
  EXPECT_EQ(writer.files()[0].rows(), 2u);
  EXPECT_EQ(writer.files()[1].kind(), "label_offsets");
  for (const wire::PartFile& file : writer.files()) ExpectTrue(file);
  const auto labels = retrieval::LabelFile::Open(Path("l.labels.tsv"), Path("l.labels.npy"));
  ASSERT_TRUE(labels.has_value()) << labels.error();
  EXPECT_EQ(labels->Fields(1), (std::vector<std::string>{"b\tc", "two\nlines"}));
}

TEST_F(PartFilesTest, DiskThatRefusesIsNamedAndNothingIsRecorded) {
  scratch_.Write("export", "a file where the folder should be");
  PartWriter writer(folder(), {});
  const Status status = writer.WriteIds("ids", "a.ids.npy", std::vector<uint64_t>{1});
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(folder()), std::string::npos) << status;
  EXPECT_TRUE(writer.files().empty());
}

TEST_F(PartFilesTest, WholeFileReplacesWhatIsThereAndLeavesNothingElse) {
  ASSERT_TRUE(WriteWholeFile(folder(), "MANIFEST.json", "the first, longer", "").ok());
  ASSERT_TRUE(WriteWholeFile(folder(), "MANIFEST.json", "second", "").ok());
  EXPECT_EQ(Slurp(Path("MANIFEST.json")), "second");
  const auto entries = std::filesystem::directory_iterator(folder());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

}  // namespace
}  // namespace skybridge::worker
