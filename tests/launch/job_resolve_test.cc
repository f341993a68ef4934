// SPDX-License-Identifier: Apache-2.0
#include "launch/job_resolve.h"

#include <gtest/gtest.h>

#include "launch/job_parser.h"

namespace skybridge::launch {
namespace {

job::Job Resolve(const char* text) { return ResolveJob(*ParseJob(text, "f")); }

constexpr char kTowers[] = R"(
  table { name: "item" dim: 16 }
  query { dim: 32 feature { column: "user" id {} } feature { column: "age" number {} } }
  candidate { dim: 32 feature { column: "sku" id {} table: "item" } })";

TEST(JobResolveTest, FeaturesGetTablesOfTheirTowersWidth) {
  const job::Job job = Resolve(kTowers);
  ASSERT_EQ(job.table_size(), 2);
  EXPECT_EQ(job.table(0).name(), "item");
  EXPECT_EQ(job.table(0).dim(), 16u);
  EXPECT_EQ(job.table(1).name(), "user");
  EXPECT_EQ(job.table(1).dim(), 32u);
  EXPECT_EQ(job.table(1).optimizer().kind(), job::ROWWISE_ADAGRAD);
  EXPECT_EQ(job.query().feature(0).table(), "user");
  EXPECT_FALSE(job.query().feature(1).has_table());
}

TEST(JobResolveTest, WaitingPushesGetAQuarterOfAShardsMemory) {
  const auto room = [](const char* cluster) {
    return Resolve(cluster).cluster().push_memory_bytes();
  };
  EXPECT_EQ(room("cluster { shard_memory_bytes: 2147483648 }"), 512u << 20);
  EXPECT_EQ(room("cluster { shard_memory_bytes: 1048576 }"), 64u << 20);
  EXPECT_EQ(room("cluster { push_memory_bytes: 9000000 }"), 9000000u);
}

TEST(JobResolveTest, DefaultsAreSpelledOutAndMeaningfulAbsenceStays) {
  const job::Job job = Resolve(kTowers);
  EXPECT_TRUE(job.has_seed());
  EXPECT_TRUE(job.training().has_batch());
  EXPECT_TRUE(job.similarity().has_temperature());
  EXPECT_TRUE(job.query().feature(0).id().has_pooling());
  EXPECT_TRUE(job.table(1).optimizer().has_epsilon());
  EXPECT_FALSE(job.query().feature(1).number().has_missing());
  EXPECT_FALSE(job.query().has_optimizer());
  EXPECT_FALSE(job.data().has_candidates());
  EXPECT_FALSE(job.export_().has_path());
}

TEST(JobResolveTest, LayersAndLearnedWeightsGetTheirOptimizers) {
  const job::Job job = Resolve(R"(query {
    hidden: 8 feature { column: "t" text { learned_weights: true } } })");
  EXPECT_EQ(job.query().optimizer().kind(), job::ADAM);
  EXPECT_EQ(job.query().optimizer().learning_rate(), 0.001);
  EXPECT_EQ(job.query().feature(0).text().weights_optimizer().kind(), job::ADAGRAD);
  EXPECT_EQ(job.query().feature(0).text().weights_optimizer().learning_rate(), 0.02);
}

TEST(JobResolveTest, RanksFollowTheWorkers) {
  EXPECT_EQ(Resolve("cluster { workers: 3 }").consistency().trainers(), 3u);
  EXPECT_EQ(Resolve("cluster { workers: 3 } consistency { trainers: 6 }").consistency().trainers(),
            6u);
}

TEST(JobResolveTest, EvaluationsGetCutOffs) {
  const job::Job job = Resolve("evaluation {} evaluation { k: 5 }");
  EXPECT_EQ(job.evaluation(0).k_size(), 2);
  EXPECT_EQ(job.evaluation(0).k(0), 10u);
  EXPECT_EQ(job.evaluation(0).k(1), 20u);
  EXPECT_EQ(job.evaluation(1).k_size(), 1);
}

TEST(JobResolveTest, BprDrawsUniformNegativesOnly) {
  const job::Job job = Resolve("loss { kind: BPR } training { batch: 77 }");
  EXPECT_FALSE(job.negatives().in_batch());
  EXPECT_EQ(job.negatives().logq(), 0);
  EXPECT_EQ(job.negatives().uniform(), 77u);
  EXPECT_EQ(Resolve("loss { kind: BPR } negatives { uniform: 5 }").negatives().uniform(), 5u);
}

TEST(JobResolveTest, RepeatsChangeNothing) {
  const job::Job once = Resolve(kTowers);
  EXPECT_EQ(ResolveJob(once).DebugString(), once.DebugString());
}

}  // namespace
}  // namespace skybridge::launch
