// SPDX-License-Identifier: Apache-2.0
#include "worker/model_adapter.h"

#include <string>
#include <vector>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "model/two_tower.h"
#include "proto/job.pb.h"

namespace skybridge::worker {
namespace {

job::Job JobOf(const std::string& text) {
  job::Job job;
  CHECK(google::protobuf::TextFormat::MergeFromString(text, &job)) << text;
  return job;
}

constexpr const char* kTowers =
    "query { dim: 8 feature { column: 'user' id {} } } "
    "candidate { dim: 8 feature { column: 'item' id {} } } ";

TEST(ModelAdapterTest, TablesThatOnlyFeaturesNameGetTheDefaultsAndTheTowersWidth) {
  const model::TwoTowerOptions options = *ModelOptionsFromJob(JobOf(kTowers));
  ASSERT_EQ(options.tables.size(), 2u);
  EXPECT_EQ(options.tables[0].name, "user");
  EXPECT_EQ(options.tables[1].name, "item");
  EXPECT_EQ(options.tables[1].dim, 8u);
  EXPECT_EQ(options.tables[1].init_stddev, 0.1f);
  EXPECT_EQ(options.tables[1].optimizer, OptimizerOptions());
}

TEST(ModelAdapterTest, ListedTablesComeFirstAndSharedOnesOnce) {
  const model::TwoTowerOptions options = *ModelOptionsFromJob(
      JobOf("table { name: 'words' init_stddev: 0.5 optimizer { kind: SGD learning_rate: 3 } } "
            "query { dim: 8 feature { column: 'ask' table: 'words' text {} } "
            "        feature { column: 'user' id {} } } "
            "candidate { dim: 8 feature { column: 'title' table: 'words' text {} } "
            "            feature { column: 'user' id {} } }"));
  ASSERT_EQ(options.tables.size(), 2u);
  EXPECT_EQ(options.tables[0].name, "words");
  EXPECT_EQ(options.tables[0].dim, 8u);
  EXPECT_EQ(options.tables[0].init_stddev, 0.5f);
  EXPECT_EQ(options.tables[0].optimizer.kind, RowOptimizer::kSgd);
  EXPECT_EQ(options.tables[0].optimizer.learning_rate, 3.0f);
  EXPECT_EQ(options.tables[1].name, "user");
  EXPECT_EQ(options.candidate.features[0].table, "words");
  EXPECT_EQ(options.candidate.features[0].name, "title");
}

TEST(ModelAdapterTest, NormFollowsTheSimilarityUnlessTheTowerSaysOtherwise) {
  const std::string dot = "similarity { kind: DOT } ";
  EXPECT_EQ(ModelOptionsFromJob(JobOf(kTowers))->query.norm, model::Norm::kUnit);
  EXPECT_EQ(ModelOptionsFromJob(JobOf(kTowers + dot))->query.norm, model::Norm::kNone);
  const auto said = *ModelOptionsFromJob(
      JobOf(kTowers + dot + "query { norm: UNIT } candidate { norm: PIVOTED pivot: 6 }"));
  EXPECT_EQ(said.query.norm, model::Norm::kUnit);
  EXPECT_EQ(said.candidate.norm, model::Norm::kPivoted);
  EXPECT_EQ(said.candidate.pivot, 6.0f);
  EXPECT_EQ(ModelOptionsFromJob(JobOf(std::string(kTowers) + "query { norm: NONE }"))->query.norm,
            model::Norm::kNone);
}

TEST(ModelAdapterTest, NumbersLayersAndTheirOptimizerReachTheTower) {
  const model::TwoTowerOptions options = *ModelOptionsFromJob(
      JobOf(std::string(kTowers) +
            "query { hidden: [6, 5] layer_norm: true optimizer { kind: SGD learning_rate: 2 } "
            "        feature { column: 'age' number { center: 30 scale: 10 } } }"));
  EXPECT_EQ(options.query.hidden, (std::vector<uint32_t>{6, 5}));
  EXPECT_TRUE(options.query.layer_norm);
  EXPECT_EQ(options.query.optimizer.kind, RowOptimizer::kSgd);
  EXPECT_EQ(options.candidate.optimizer, model::TowerOptions().optimizer);
  const model::FeatureOptions& age = options.query.features[1];
  EXPECT_EQ(age.kind, model::FeatureKind::kNumber);
  EXPECT_EQ(age.center, 30.0f);
  EXPECT_EQ(age.scale, 10.0f);
  EXPECT_EQ(options.tables.size(), 2u) << "a number has no table";
}

TEST(ModelAdapterTest, LearnedWeightsHaveAnOptimizerOfTheirOwn) {
  const auto weights = [](const std::string& text) {
    return ModelOptionsFromJob(JobOf("query { feature { column: 'ask' text { " + text + " } } }"))
        ->query.features[0];
  };
  EXPECT_FALSE(weights("").learned_weights);
  EXPECT_TRUE(weights("learned_weights: true").learned_weights);
  EXPECT_EQ(weights("learned_weights: true").weights_optimizer.kind, RowOptimizer::kAdagrad);
  EXPECT_EQ(weights("learned_weights: true").weights_optimizer.learning_rate, 0.02f);
  EXPECT_EQ(weights("learned_weights: true weights_optimizer { kind: SGD learning_rate: 1 }")
                .weights_optimizer.kind,
            RowOptimizer::kSgd);
}

TEST(ModelAdapterTest, LossIsTheJobs) {
  EXPECT_EQ(ModelOptionsFromJob(JobOf(kTowers))->loss.kind, model::LossKind::kSoftmax);
  const model::LossOptions loss =
      ModelOptionsFromJob(JobOf(std::string(kTowers) +
                                "loss { kind: BPR decoupled: true negative_weight: 1.5 } "
                                "similarity { temperature: 0.25 } "
                                "negatives { in_batch: false logq: 0.5 }"))
          ->loss;
  EXPECT_EQ(loss.kind, model::LossKind::kBpr);
  EXPECT_TRUE(loss.decoupled);
  EXPECT_EQ(loss.negative_weight, 1.5f);
  EXPECT_EQ(loss.temperature, 0.25f);
  EXPECT_FALSE(loss.in_batch);
  EXPECT_EQ(loss.logq, 0.5f);
}

TEST(ModelAdapterTest, EveryOptimizerFieldIsTaken) {
  job::Optimizer from;
  CHECK(google::protobuf::TextFormat::ParseFromString(
      "kind: ADAM learning_rate: 0.5 epsilon: 0.25 beta1: 0.75 beta2: 0.625 "
      "bias_correction: false linear_decay: true",
      &from));
  EXPECT_EQ(OptimizerFromJob(from), (OptimizerOptions{.kind = RowOptimizer::kAdam,
                                                      .learning_rate = 0.5f,
                                                      .epsilon = 0.25f,
                                                      .beta1 = 0.75f,
                                                      .beta2 = 0.625f,
                                                      .bias_correction = false,
                                                      .linear_decay = true}));
}

TEST(ModelAdapterTest, JobThatNoModelFitsIsRefusedByName) {
  const auto refusal = [](const std::string& more) {
    const auto made = model::TwoTower::Create(*ModelOptionsFromJob(JobOf(kTowers + more)));
    return made.has_value() ? "accepted" : made.error().message();
  };
  EXPECT_EQ(refusal(""), "accepted");
  EXPECT_NE(refusal("candidate { dim: 9 }"), "accepted");
  EXPECT_NE(refusal("table { name: 'user' dim: 3 }").find("user"), std::string::npos);
  EXPECT_NE(refusal("table { name: 'a' } table { name: 'a' }"), "accepted");
  EXPECT_NE(refusal("similarity { temperature: 0 }").find("temperature"), std::string::npos);
}

}  // namespace
}  // namespace skybridge::worker
