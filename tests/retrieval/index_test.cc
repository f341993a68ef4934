// SPDX-License-Identifier: Apache-2.0
#include "retrieval/index.h"

#include <fstream>

#include <gtest/gtest.h>

#include "common/rng.h"
#include "tests/retrieval/temp_folder.h"

// FAISS leaks what it has read of a damaged index when it throws.
extern "C" const char* __lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:faiss::read_index"; }

namespace skybridge::retrieval {
namespace {

constexpr uint32_t kDim = 16;

std::vector<float> RandomVectors(uint64_t seed, size_t rows) {
  Rng rng(seed, Purpose::kTest);
  std::vector<float> values(rows * kDim);
  for (float& value : values) value = rng.Normal();
  return values;
}

TEST(VectorIndexTest, FlatIndexGivesTheExactAnswer) {
  const auto vectors = RandomVectors(1, 500);
  const auto queries = RandomVectors(2, 20);
  const VectorIndex index = *VectorIndex::Build(vectors, kDim, {});
  EXPECT_EQ(index.factory(), "Flat");
  const auto exact = *SearchExact(queries, vectors, kDim, 10);
  const auto found = index.Search(queries, 10);
  for (size_t q = 0; q < found.size(); ++q) {
    ASSERT_EQ(found[q].size(), 10u);
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(found[q][i].position, exact[q][i].position);
  }
  EXPECT_DOUBLE_EQ(*MeasureRecall(index, vectors, queries, 10), 1.0);
}

TEST(VectorIndexTest, EqualScoresGoToTheLowerRow) {
  auto vectors = RandomVectors(1, 50);
  for (size_t i = 0; i < vectors.size(); ++i) vectors[i] = vectors[i % (5 * kDim)];
  const VectorIndex index = *VectorIndex::Build(vectors, kDim, {});
  for (const std::vector<Hit>& found : index.Search(RandomVectors(2, 20), 50)) {
    ASSERT_EQ(found.size(), 50u);
    for (size_t i = 1; i < found.size(); ++i) {
      EXPECT_TRUE(found[i - 1].score > found[i].score || found[i - 1].position < found[i].position);
    }
  }
}

TEST(VectorIndexTest, ProbingMoreListsFindsMore) {
  const auto vectors = RandomVectors(1, 4000);
  const auto queries = RandomVectors(2, 50);
  const auto recall = [&](uint32_t nprobe) {
    const auto index =
        *VectorIndex::Build(vectors, kDim, {.factory = "IVF64,Flat", .nprobe = nprobe});
    return *MeasureRecall(index, vectors, queries, 10);
  };
  EXPECT_LT(recall(1), 0.6);
  EXPECT_DOUBLE_EQ(recall(64), 1.0);
}

TEST(VectorIndexTest, SurvivesTheDiskAndDamageIsRefused) {
  const TempFolder folder;
  const auto vectors = RandomVectors(1, 100);
  const VectorIndex index = *VectorIndex::Build(vectors, kDim, {});
  ASSERT_TRUE(index.Write(folder / "index").has_value());
  const VectorIndex read = *VectorIndex::Open(folder / "index", 1);
  EXPECT_EQ(read.size(), 100u);
  EXPECT_EQ(read.Search(vectors, 3), index.Search(vectors, 3));
  const std::string bytes(MappedFile::Open(folder / "index")->bytes());
  for (const size_t size : {size_t{0}, size_t{3}, size_t{40}, bytes.size() / 2}) {
    std::ofstream(folder / "cut", std::ios::binary) << bytes.substr(0, size);
    EXPECT_EQ(VectorIndex::Open(folder / "cut", 1).status().code(), StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(VectorIndex::Open(folder / "none", 1).status().code(), StatusCode::kNotFound);
}

TEST(VectorIndexTest, BadFactoryStringsAreRefusedWithAdvice) {
  const auto vectors = RandomVectors(1, 300);
  EXPECT_EQ(VectorIndex::Build(vectors, kDim, {.factory = "Nonsense7"}).status().code(),
            StatusCode::kInvalidArgument);
  const auto polysemous = VectorIndex::Build(vectors, kDim, {.factory = "IVF4,PQ4"});
  ASSERT_FALSE(polysemous.has_value());
  EXPECT_NE(polysemous.error().message().find("PQ<m>np"), std::string::npos);
  EXPECT_TRUE(VectorIndex::Build(vectors, kDim, {.factory = "IVF4,PQ4np"}).has_value());
}

TEST(VectorIndexTest, DefaultGrowsWithTheCatalogue) {
  EXPECT_EQ(DefaultFactory(49'999), "Flat");
  EXPECT_EQ(DefaultFactory(60'000), "IVF512,Flat");
  EXPECT_EQ(DefaultFactory(1'000'000), "IVF2048,Flat");
}

}  // namespace
}  // namespace skybridge::retrieval
