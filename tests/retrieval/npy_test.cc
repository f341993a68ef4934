// SPDX-License-Identifier: Apache-2.0
#include "retrieval/npy.h"

#include <fstream>
#include <vector>

#include <gtest/gtest.h>

#include "retrieval/labels.h"
#include "retrieval/row_file.h"
#include "tests/retrieval/temp_folder.h"

namespace skybridge::retrieval {
namespace {

std::string ReadAll(const std::string& path) {
  return std::string(MappedFile::Open(path)->bytes());
}

TEST(NpyTest, WhatWasWrittenIsReadBack) {
  const TempFolder folder;
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  ASSERT_TRUE(WriteNpy(folder / "v.npy", 3, 2, values).has_value());
  const NpyFile file = *NpyFile::Open(folder / "v.npy", NpyType::kFloat32, 2);
  EXPECT_EQ(file.rows(), 3u);
  EXPECT_EQ(file.columns(), 2u);
  EXPECT_TRUE(std::equal(values.begin(), values.end(), file.floats().begin()));
  const std::vector<uint64_t> ids{7, uint64_t{1} << 63};
  ASSERT_TRUE(WriteNpy(folder / "i.npy", std::span<const uint64_t>(ids)).has_value());
  EXPECT_EQ(NpyFile::Open(folder / "i.npy", NpyType::kUint64, 1)->uint64s()[1], uint64_t{1} << 63);
}

TEST(NpyTest, HeaderIsTheOneNumPyWrites) {
  const TempFolder folder;
  const std::vector<float> values{1, 2};
  ASSERT_TRUE(WriteNpy(folder / "v.npy", 1, 2, values).has_value());
  const std::string bytes = ReadAll(folder / "v.npy");
  EXPECT_EQ(bytes.size(), 128u + 8u);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_NE(bytes.find("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"),
            std::string::npos);
  EXPECT_EQ(bytes[127], '\n');
}

TEST(NpyTest, FileCutAnywhereIsRefusedByName) {
  const TempFolder folder;
  const std::vector<float> values{1, 2, 3, 4};
  ASSERT_TRUE(WriteNpy(folder / "v.npy", 2, 2, values).has_value());
  const std::string bytes = ReadAll(folder / "v.npy");
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::ofstream(folder / "cut.npy", std::ios::binary) << bytes.substr(0, size);
    const auto file = NpyFile::Open(folder / "cut.npy", NpyType::kFloat32, 2);
    ASSERT_FALSE(file.has_value()) << size;
    EXPECT_NE(file.error().message().find("cut.npy"), std::string::npos);
  }
  std::ofstream(folder / "cut.npy", std::ios::binary) << bytes << "x";
  EXPECT_EQ(NpyFile::Open(folder / "cut.npy", NpyType::kFloat32, 2).status().code(),
            StatusCode::kDataLoss);
}

TEST(NpyTest, OtherTypeOrderOrShapeIsRefused) {
  const TempFolder folder;
  const std::vector<float> values{1, 2, 3, 4};
  ASSERT_TRUE(WriteNpy(folder / "v.npy", 2, 2, values).has_value());
  EXPECT_FALSE(NpyFile::Open(folder / "v.npy", NpyType::kUint64, 2).has_value());
  EXPECT_FALSE(NpyFile::Open(folder / "v.npy", NpyType::kFloat32, 1).has_value());
  std::string bytes = ReadAll(folder / "v.npy");
  bytes.replace(bytes.find("False"), 5, "True ");
  std::ofstream(folder / "t.npy", std::ios::binary) << bytes;
  EXPECT_FALSE(NpyFile::Open(folder / "t.npy", NpyType::kFloat32, 2).has_value());
  bytes = ReadAll(folder / "v.npy");
  bytes.replace(bytes.find("(2, 2)"), 12, "(9999999, 9)");
  std::ofstream(folder / "w.npy", std::ios::binary) << bytes;
  EXPECT_FALSE(NpyFile::Open(folder / "w.npy", NpyType::kFloat32, 2).has_value());
}

TEST(LabelsTest, FieldsSurviveTabsNewlinesAndBackslashes) {
  const TempFolder folder;
  const std::vector<std::vector<std::string>> fields{{"a\tb", "", "c"}, {"x\ny", "\\t", "z\\"}};
  ASSERT_TRUE(WriteLabels(folder / "part", fields).has_value());
  const LabelFile file = *LabelFile::Open(folder / "part.labels.tsv", folder / "part.labels.npy");
  ASSERT_EQ(file.rows(), 3u);
  for (uint64_t row = 0; row < 3; ++row) {
    EXPECT_EQ(file.Fields(row), (std::vector<std::string>{fields[0][row], fields[1][row]}));
  }
}

TEST(LabelsTest, LinesOfAnotherPartAreRefused) {
  const TempFolder folder;
  ASSERT_TRUE(WriteLabels(folder / "a", {{"one", "two"}}).has_value());
  ASSERT_TRUE(WriteLabels(folder / "b", {{"three", "four"}}).has_value());
  EXPECT_EQ(LabelFile::Open(folder / "a.labels.tsv", folder / "b.labels.npy").status().code(),
            StatusCode::kDataLoss);
}

TEST(RowFileTest, FindsEveryIdAndNoOther) {
  const TempFolder folder;
  const std::vector<uint64_t> ids{2, 5, 900};
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const std::vector<uint32_t> counts{10, 20, 30};
  ASSERT_TRUE(WriteNpy(folder / "i", std::span<const uint64_t>(ids)).has_value());
  ASSERT_TRUE(WriteNpy(folder / "v", 3, 2, values).has_value());
  ASSERT_TRUE(WriteNpy(folder / "c", std::span<const uint32_t>(counts)).has_value());
  const RowFile file = *RowFile::Open(folder / "i", folder / "v", folder / "c");
  EXPECT_EQ(*file.Find(5), 1u);
  EXPECT_EQ(file.Values(1)[0], 3);
  EXPECT_EQ(file.Count(2), 30u);
  for (const uint64_t other : {0u, 3u, 901u}) EXPECT_FALSE(file.Find(other).has_value());
}

TEST(RowFileTest, UnsortedIdsAndMisfitsAreRefused) {
  const TempFolder folder;
  const std::vector<uint64_t> unsorted{5, 2};
  const std::vector<float> values{1, 2, 3};
  ASSERT_TRUE(WriteNpy(folder / "i", std::span<const uint64_t>(unsorted)).has_value());
  EXPECT_EQ(RowFile::Open(folder / "i", "", "").status().code(), StatusCode::kDataLoss);
  const std::vector<uint64_t> ids{2, 5};
  ASSERT_TRUE(WriteNpy(folder / "i", std::span<const uint64_t>(ids)).has_value());
  ASSERT_TRUE(WriteNpy(folder / "v", 3, 1, values).has_value());
  EXPECT_EQ(RowFile::Open(folder / "i", folder / "v", "").status().code(), StatusCode::kDataLoss);
}

TEST(NpyTest, ArrayThatIsNotAlignedIsRefused) {
  const TempFolder folder;
  const std::string dict = "{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }\n";
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(dict.size());
  bytes += '\0';
  bytes += dict + std::string(8, '\1');
  ASSERT_NE((bytes.size() - 8) % 8, 0u);
  std::ofstream(folder / "odd.npy", std::ios::binary) << bytes;
  EXPECT_EQ(NpyFile::Open(folder / "odd.npy", NpyType::kUint64, 1).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skybridge::retrieval
