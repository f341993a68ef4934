// SPDX-License-Identifier: Apache-2.0
#include "data/query_encoder.h"

#include <gtest/gtest.h>

#include "common/hash.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

TowerFeatures Tower() {
  FeatureOptions age{.column = "age", .kind = FeatureKind::kNumber, .number = {.missing = 40.0f}};
  return {{TextFeature("synopsis"), IntegerFeature("user"), age}};
}

TEST(QueryEncoderTest, TextBecomesTheTextColumn) {
  const TowerBatch batch = *EncodeText(Tower(), "chess");
  EXPECT_EQ(batch.count, 1u);
  EXPECT_EQ(batch.features[0].ids, (std::vector<uint64_t>{HashBytes("chess")}));
  EXPECT_EQ(batch.features[0].offsets, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(batch.features[1].offsets, (std::vector<uint32_t>{0, 0}));
  EXPECT_EQ(batch.features[2].numbers, (std::vector<float>{40}));
}

// Hashed, it would be an id that nobody ever trained.
TEST(QueryEncoderTest, WithoutTextFeatureATextIsRefusedWithTheColumns) {
  EXPECT_EQ(
      EncodeText({{IntegerFeature("user"), IntegerFeature("city")}}, "42").error(),
      Status(StatusCode::kInvalidArgument,
             "no feature of this tower reads text; say --features column=value with: city, user"));
}

TEST(QueryEncoderTest, TextThatFitsTwoColumnsIsRefusedWithTheChoice) {
  const Status error = EncodeText({{TextFeature("title"), TextFeature("body")}}, "42").error();
  EXPECT_EQ(error.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(error.message().find("body, title"), std::string::npos) << error;
}

TEST(QueryEncoderTest, AColumnHasOneValue) {
  EXPECT_EQ(*ColumnValues({"user=5", "note=a=b", "city="}),
            (std::map<std::string, std::string>{{"user", "5"}, {"note", "a=b"}, {"city", ""}}));
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{"user=5", "user=6"}, {"user"}, {"=5"}}) {
    const auto columns = ColumnValues(bad);
    ASSERT_FALSE(columns) << bad.front();
    EXPECT_NE(columns.error().message().find(bad.back()), std::string::npos) << columns.error();
  }
}

TEST(QueryEncoderTest, ColumnsAreEncodedAsInFiles) {
  const TowerBatch batch = *EncodeColumns(Tower(), {{"user", "7"}, {"age", "31"}});
  EXPECT_EQ(batch.features[1].ids, (std::vector<uint64_t>{7}));
  EXPECT_EQ(batch.features[2].numbers, (std::vector<float>{31}));
}

TEST(QueryEncoderTest, UnknownColumnAndBadValueAreRefused) {
  EXPECT_EQ(EncodeColumns(Tower(), {{"usr", "7"}}).error().message(),
            "no feature reads column 'usr'; features read: age, synopsis, user");
  EXPECT_EQ(EncodeColumns(Tower(), {{"user", "x"}}).error().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(EncodeColumns(Tower(), {{"synopsis", "\xff"}}).error().code(),
            StatusCode::kInvalidArgument);
  TowerFeatures tower = Tower();
  tower.features[2].number.missing.reset();
  EXPECT_EQ(EncodeColumns(tower, {}).error().code(), StatusCode::kInvalidArgument);
}

TEST(QueryEncoderTest, QueryWithoutAnyIdOrWordIsRefused) {
  const TowerFeatures words{{TextFeature("synopsis"), IntegerFeature("user")}};
  EXPECT_EQ(EncodeText(words, " ... ").error(),
            Status(StatusCode::kInvalidArgument,
                   "no id or word in it, so there is nothing to embed; features read: synopsis, "
                   "user"));
  EXPECT_EQ(EncodeColumns(words, {}).error().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(EncodeColumns(Tower(), {}).has_value()) << "its number has a value";
}

}  // namespace
}  // namespace skybridge::data
