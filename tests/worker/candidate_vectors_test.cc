// SPDX-License-Identifier: Apache-2.0
#include "worker/candidate_vectors.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

using Files = std::vector<wire::PartFile>;

// Parts 0 and 1 of an export; key 20 stands in both.
class CandidateVectorsTest : public testing::Test {
 protected:
  CandidateVectorsTest() {
    files_ = WritePart(folder(), 1, 2, {20, 40}, {9, 9, 4, 4});
    const Files first = WritePart(folder(), 0, 2, {30, 20, 10}, {3, 3, 2, 2, 1, 1});
    files_.insert(files_.end(), first.begin(), first.end());
  }
  const std::string& folder() const { return scratch_.path(); }
  Result<CandidateVectors> Load(uint32_t dim = 2) const {
    return CandidateVectors::Load(folder(), files_, dim);
  }
  wire::PartFile& File(const std::string& kind, uint32_t partition) {
    return *std::ranges::find_if(files_, [&](const wire::PartFile& file) {
      return file.kind() == kind && file.partition() == partition;
    });
  }
  void ExpectRefused(StatusCode code, const std::string& name) const {
    const Status status = Load().status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.message().find(name), std::string::npos) << status;
  }

  data::ScratchFolder scratch_;
  Files files_;
};

TEST_F(CandidateVectorsTest, PartsComeInOrderAndTheFirstOfAKeyCounts) {
  const auto vectors = Load();
  ASSERT_TRUE(vectors.has_value()) << vectors.error();
  EXPECT_TRUE(std::ranges::equal(vectors->keys(), std::vector<uint64_t>{30, 20, 10, 40}));
  EXPECT_TRUE(std::ranges::equal(vectors->vectors(), std::vector<float>{3, 3, 2, 2, 1, 1, 4, 4}));
  EXPECT_EQ(vectors->Find(10), 2u);
  EXPECT_EQ(vectors->Find(40), 3u);
  EXPECT_EQ(vectors->Find(11), std::nullopt);
}

TEST_F(CandidateVectorsTest, VectorsAndIdsWithoutEachOtherAreDataLoss) {
  for (const char* kind : {"vectors", "ids"}) {
    const Files all = files_;
    std::erase_if(files_, [&](const wire::PartFile& file) {
      return file.kind() == kind && file.partition() == 1;
    });
    ExpectRefused(StatusCode::kDataLoss, "part-00001");
    files_ = all;
  }
}

TEST_F(CandidateVectorsTest, FilesThatNobodyNamesAreNotOpened) {
  scratch_.Write("parts/part-00002.a1.ids.npy", "garbage");
  files_.emplace_back().set_kind("labels");
  files_.back().set_name("gone");
  EXPECT_EQ(Load()->size(), 4u);
}

TEST_F(CandidateVectorsTest, TruncatedPartIsDataLoss) {
  for (const char* kind : {"ids", "vectors"}) {
    const std::string name = File(kind, 1).name(), path = folder() + "/" + name;
    const std::string whole = Slurp(path);
    scratch_.Write(name, whole.substr(0, whole.size() - 1));
    ExpectRefused(StatusCode::kDataLoss, name);
    scratch_.Write(name, whole);
    EXPECT_TRUE(Load().has_value());
  }
}

TEST_F(CandidateVectorsTest, PartWithAnotherChecksumIsDataLoss) {
  const std::string name = File("vectors", 0).name();
  std::string bytes = Slurp(folder() + "/" + name);
  bytes.back() ^= 1;
  scratch_.Write(name, bytes);
  ExpectRefused(StatusCode::kDataLoss, name);
}

TEST_F(CandidateVectorsTest, PartOfAForeignExportIsDataLoss) {
  // The same names and shapes, made by another run.
  WritePart(folder(), 1, 2, {20, 40}, {8, 8, 5, 5});
  ExpectRefused(StatusCode::kDataLoss, File("vectors", 1).name());
}

TEST_F(CandidateVectorsTest, MissingFileIsNamed) {
  std::filesystem::remove(folder() + "/" + File("ids", 1).name());
  ExpectRefused(StatusCode::kNotFound, File("ids", 1).name());
}

TEST_F(CandidateVectorsTest, IdsWithoutVectorsAreDataLoss) {
  std::erase_if(files_, [](const wire::PartFile& file) {
    return file.kind() == "vectors" && file.partition() == 1;
  });
  ExpectRefused(StatusCode::kDataLoss, File("ids", 1).name());
}

TEST_F(CandidateVectorsTest, VectorsOfAnotherShapeAreRefused) {
  EXPECT_EQ(Load(3).error().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(Load(3).error().message().find("3 x 2, expected 3 x 3"), std::string::npos)
      << Load(3).error();
  files_ = WritePart(folder(), 0, 2, {1, 2}, {1, 1, 2, 2});
  Files longer = WritePart(folder(), 1, 2, {1, 2, 3}, {1, 1, 2, 2, 3, 3});
  longer[0].set_partition(0);  // Its vectors beside the ids of part 0.
  files_[0] = longer[0];
  EXPECT_EQ(Load().status().code(), StatusCode::kInvalidArgument);
}

TEST_F(CandidateVectorsTest, NoPartsAreNoCandidates) {
  files_.clear();
  EXPECT_EQ(Load()->size(), 0u);
}

}  // namespace
}  // namespace skybridge::worker
