// SPDX-License-Identifier: Apache-2.0
#include "data/feature_encoder.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"

namespace skybridge::data {
namespace {

FeatureOptions Ids(Pooling pooling, std::string separator = "|") {
  return {.column = "c",
          .kind = FeatureKind::kId,
          .id = {.form = IdForm::kInteger, .separator = std::move(separator)},
          .pooling = pooling};
}

FeatureBatch Bag(const FeatureOptions& options, std::string_view field) {
  FeatureBatch batch{.offsets = {0}};
  const Status status = FeatureEncoder(options).Append(field, &batch);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(batch.offsets.size(), 2u);
  EXPECT_EQ(batch.offsets.back(), batch.ids.size());
  return batch;
}

TEST(FeatureEncoderTest, IdsAscendAndWeightsCarryThePooling) {
  const std::vector<uint64_t> ids{3, 7};
  const FeatureBatch mean = Bag(Ids(Pooling::kMean), "7|3|7|7");
  EXPECT_EQ(mean.ids, ids);
  EXPECT_EQ(mean.weights, (std::vector<float>{0.25f, 0.75f}));
  EXPECT_EQ(Bag(Ids(Pooling::kSum), "7|3|7|7").weights, (std::vector<float>{1, 3}));
  const float root = std::sqrt(10.0f);
  const FeatureBatch sqrt_n = Bag(Ids(Pooling::kSqrtN), "7|3|7|7");
  EXPECT_FLOAT_EQ(sqrt_n.weights[0], 1 / root);
  EXPECT_FLOAT_EQ(sqrt_n.weights[1], 3 / root);
}

TEST(FeatureEncoderTest, TextIsPooledLikeIds) {
  FeatureOptions text{.column = "t", .kind = FeatureKind::kText, .pooling = Pooling::kMean};
  const FeatureBatch batch = Bag(text, "one two three four");
  EXPECT_EQ(batch.weights, (std::vector<float>{0.25f, 0.25f, 0.25f, 0.25f}));
}

TEST(FeatureEncoderTest, EmptyFieldIsAnEmptyBag) {
  EXPECT_TRUE(Bag(Ids(Pooling::kMean), "").ids.empty());
  EXPECT_TRUE(Bag({.column = "t", .kind = FeatureKind::kText}, "").ids.empty());
}

TEST(FeatureEncoderTest, HashedIdTakesTheWholeFieldUnlessItHasASeparator) {
  FeatureOptions options{.column = "c", .kind = FeatureKind::kId};
  EXPECT_EQ(Bag(options, "a|b").ids, (std::vector<uint64_t>{HashBytes("a|b")}));
  options.id.separator.assign(1, '|');
  EXPECT_EQ(Bag(options, "a|b").ids.size(), 2u);
}

TEST(FeatureEncoderTest, ListsOfTheFormatAreSeveralIds) {
  EXPECT_EQ(Bag(Ids(Pooling::kSum, ""),
                "4\x1f"
                "2")
                .ids,
            (std::vector<uint64_t>{2, 4}));
}

TEST(FeatureEncoderTest, BadIntegersAreRefused) {
  FeatureBatch batch{.offsets = {0}};
  for (const char* field : {"x", "-1", "1.5", "1 ", "18446744073709551616", "0x10"}) {
    EXPECT_EQ(FeatureEncoder(Ids(Pooling::kSum)).Append(field, &batch).code(),
              StatusCode::kInvalidArgument)
        << field;
  }
  EXPECT_EQ(batch.offsets, (std::vector<uint32_t>{0})) << "a refused field adds nothing";
}

TEST(FeatureEncoderTest, IdAtTheBoundIsRefused) {
  FeatureOptions options = Ids(Pooling::kSum);
  options.id.below = 10;
  FeatureBatch batch{.offsets = {0}};
  EXPECT_TRUE(FeatureEncoder(options).Append("9", &batch).ok());
  EXPECT_EQ(FeatureEncoder(options).Append("10", &batch).message(),
            "id 10 is not below 10, the feature's bound `below`");
}

TEST(FeatureEncoderTest, NumbersAreTakenAsTheyAre) {
  FeatureOptions options{.column = "n", .kind = FeatureKind::kNumber};
  FeatureBatch batch;
  EXPECT_TRUE(FeatureEncoder(options).Append("-2.5e1", &batch).ok());
  for (const char* field : {"nan", "inf", "-inf", "1e99", "x", "1,5", "1 ", ""}) {
    EXPECT_EQ(FeatureEncoder(options).Append(field, &batch).code(), StatusCode::kInvalidArgument)
        << field;
  }
  options.number.missing = 7.0f;
  EXPECT_TRUE(FeatureEncoder(options).Append("", &batch).ok());
  EXPECT_EQ(batch.numbers, (std::vector<float>{-25, 7}));
}

}  // namespace
}  // namespace skybridge::data
