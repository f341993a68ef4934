// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "data/dataset_plan.h"
#include "data/options.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::data {

inline FeatureOptions IntegerFeature(const std::string& column) {
  return {.column = column,
          .kind = FeatureKind::kId,
          .id = {.form = IdForm::kInteger},
          .pooling = Pooling::kSum};
}

inline FeatureOptions TextFeature(const std::string& column) {
  return {.column = column,
          .kind = FeatureKind::kText,
          .text = {.saturation = 0},
          .pooling = Pooling::kSum};
}

// Users and items by number, in files of a folder of the test's own.
class SmallJobTest : public testing::Test {
 protected:
  SmallJobTest() {
    options_.base = folder_.path();
    options_.candidate_key = "item";
    options_.candidate_key_form = IdForm::kInteger;
    options_.query_key = "user";
    options_.query.features = {IntegerFeature("user")};
    options_.candidate.features = {IntegerFeature("item")};
    options_.train = {{.paths = {"train.tsv"}}};
  }

  // Lines `user item item ...`, as the only training source.
  void TrainOnAdjacency(std::string_view lines) {
    folder_.Write("train.txt", lines);
    options_.train = {
        {.paths = {"train.txt"}, .format = Format::kAdjacency, .columns = {"user", "item"}}};
  }
  DatasetPlan Plan() const {
    Result<DatasetPlan> plan = PlanDataset(options_);
    CHECK(plan.has_value()) << plan.error();
    return *std::move(plan);
  }

  ScratchFolder folder_;
  DatasetOptions options_;
};

}  // namespace skybridge::data
