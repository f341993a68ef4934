// SPDX-License-Identifier: Apache-2.0
#include "data/tower_batch.h"

#include <vector>

#include <gtest/gtest.h>

namespace skybridge::data {
namespace {

TowerFeatures Tower() {
  return {
      {{.column = "id", .kind = FeatureKind::kId}, {.column = "n", .kind = FeatureKind::kNumber}}};
}

TowerBatch ThreeExamples() {
  TowerBatch batch{.count = 3};
  batch.features.push_back(
      {.offsets = {0, 2, 2, 3}, .ids = {4, 9, 5}, .weights = {0.5f, 0.25f, 1}});
  batch.features.push_back({.numbers = {1, 2, 3}});
  return batch;
}

TEST(TowerBatchTest, SelectedExamplesComeInTheOrderAskedFor) {
  const std::vector<uint32_t> order{2, 0, 1, 0};
  const TowerBatch batch = SelectExamples(Tower(), ThreeExamples(), order);
  EXPECT_EQ(batch.count, 4u);
  EXPECT_EQ(batch.features[0].offsets, (std::vector<uint32_t>{0, 1, 3, 3, 5}));
  EXPECT_EQ(batch.features[0].ids, (std::vector<uint64_t>{5, 4, 9, 4, 9}));
  EXPECT_EQ(batch.features[0].weights, (std::vector<float>{1, 0.5f, 0.25f, 0.5f, 0.25f}));
  EXPECT_EQ(batch.features[1].numbers, (std::vector<float>{3, 1, 2, 1}));
}

TEST(TowerBatchTest, NothingIsAnEmptyBagOrZero) {
  TowerBatch batch = ThreeExamples();
  for (FeatureBatch& feature : batch.features) AppendNothing(&feature);
  EXPECT_EQ(batch.features[0].offsets, (std::vector<uint32_t>{0, 2, 2, 3, 3}));
  EXPECT_EQ(batch.features[1].numbers.back(), 0);
}

TEST(TowerBatchTest, ExampleIsBlankIfItHasNoNumberAndNoEntry) {
  TowerBatch batch = ThreeExamples();
  EXPECT_FALSE(IsBlank(batch, 1)) << "a number is something";
  batch.features.pop_back();
  EXPECT_TRUE(IsBlank(batch, 1));
  EXPECT_FALSE(IsBlank(batch, 0));
  batch.features.push_back({.offsets = {0, 0, 1, 1}, .ids = {7}, .weights = {1}});
  EXPECT_FALSE(IsBlank(batch, 1)) << "one bag is enough";
}

}  // namespace
}  // namespace skybridge::data
