// SPDX-License-Identifier: Apache-2.0
#include "data/tower_reader.h"

#include <limits>
#include <string>

#include "data/tower_batch.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

using Names = std::vector<std::string>;

class TowerReaderTest : public testing::Test {
 protected:
  RowReader Open(std::string_view text) {
    const PlannedFile file{
        .path = folder_.Write("rows", text), .name = "rows", .format = Format::kTsv};
    auto rows =
        RowReader::Open({}, file, 0, std::numeric_limits<uint64_t>::max(), columns_.names());
    CHECK(rows.has_value()) << rows.error();
    return *std::move(rows);
  }

  const TowerFeatures tower_{{IntegerFeature("item"), TextFeature("title")}};
  ScratchFolder folder_;
  ColumnList columns_;
};

TEST_F(TowerReaderTest, ColumnsAreWantedOnce) {
  EXPECT_EQ(columns_.Want("item"), 0u);
  EXPECT_EQ(columns_.Want("title"), 1u);
  EXPECT_EQ(columns_.Want("item"), 0u);
  EXPECT_EQ(columns_.names(), (Names{"item", "title"}));
}

TEST_F(TowerReaderTest, RowsBecomeExamples) {
  TowerReader reader(tower_, &columns_);
  RowReader rows = Open("title\titem\ngood chess\t7\n");
  ASSERT_TRUE(*rows.Next());
  TowerBatch out = EmptyTower(tower_);
  ASSERT_TRUE(reader.Append(rows, std::nullopt, {}, &out).ok());
  EXPECT_EQ(out.count, 1u);
  EXPECT_EQ(out.features[0].ids, (std::vector<uint64_t>{7}));
  EXPECT_EQ(out.features[1].ids.size(), 2u);
}

TEST_F(TowerReaderTest, KeyColumnTakesTheGivenValue) {
  TowerReader reader(tower_, &columns_);
  RowReader rows = Open("item\ttitle\n7\tgood\n");
  ASSERT_TRUE(*rows.Next());
  TowerBatch out = EmptyTower(tower_);
  ASSERT_TRUE(reader.Append(rows, 0, "9", &out).ok());
  EXPECT_EQ(out.features[0].ids, (std::vector<uint64_t>{9}));
}

TEST_F(TowerReaderTest, ColumnThatIsMadeLaterHasNoValueYet) {
  TowerReader reader({{TextFeature("title")}}, &columns_, "title");
  EXPECT_TRUE(columns_.names().empty());
  columns_.Want("item");
  RowReader rows = Open("item\n7\n");
  ASSERT_TRUE(*rows.Next());
  TowerBatch out = EmptyTower({{TextFeature("title")}});
  ASSERT_TRUE(reader.Append(rows, std::nullopt, {}, &out).ok());
  EXPECT_TRUE(out.features[0].ids.empty());
  EXPECT_EQ(out.count, 1u);
}

TEST_F(TowerReaderTest, ExampleWithNothingToEmbedIsRefusedByPlaceAndColumn) {
  TowerReader reader({{TextFeature("title")}}, &columns_);
  RowReader rows = Open("title\ngood\n,.;\n");
  TowerBatch out = EmptyTower({{TextFeature("title")}});
  ASSERT_TRUE(*rows.Next());
  ASSERT_TRUE(reader.Append(rows, std::nullopt, {}, &out).ok());
  ASSERT_TRUE(*rows.Next());
  const Status refused = reader.Append(rows, std::nullopt, {}, &out);
  EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
  for (const char* part : {"rows", "title", "nothing to embed"}) {
    EXPECT_NE(refused.message().find(part), std::string::npos) << refused;
  }
}

TEST_F(TowerReaderTest, SignatureTellsRowsApartByTheTowersColumnsAlone) {
  TowerReader reader({{TextFeature("title")}}, &columns_);
  RowReader rows = Open("item\ttitle\n1\tgood\n2\tgood\n2\tcalm\n");
  std::vector<uint64_t> signatures;
  while (*rows.Next()) signatures.push_back(reader.Signature(rows));
  ASSERT_EQ(signatures.size(), 3u);
  EXPECT_EQ(signatures[0], signatures[1]);
  EXPECT_NE(signatures[1], signatures[2]);
}

}  // namespace
}  // namespace skybridge::data
