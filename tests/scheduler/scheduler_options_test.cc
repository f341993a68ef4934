// SPDX-License-Identifier: Apache-2.0
#include "scheduler/scheduler_options.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using testing::HasSubstr;

SchedulerNodeOptions Good() {
  SchedulerNodeOptions options;
  options.training_partitions = 1;
  options.candidate_partitions = 1;
  options.evaluations = {{.name = "test", .partitions = 1}};
  options.export_folder = std::string("/export");
  options.temp_folder = std::string("/temp");
  return options;
}

TEST(SchedulerOptionsTest, GoodOptionsPass) { EXPECT_TRUE(Good().Validate().ok()); }

TEST(SchedulerOptionsTest, EachBadFieldIsNamed) {
  const auto refusal = [](const std::function<void(SchedulerNodeOptions&)>& spoil) {
    SchedulerNodeOptions options = Good();
    spoil(options);
    const Status status = options.Validate();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_THAT(refusal([](auto& o) { o.shards = 0; }), HasSubstr("shards is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.servers = 0; }), HasSubstr("servers is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.trainers = 0; }), HasSubstr("trainers is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.workers = 0; }), HasSubstr("workers is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.ranks = 0; }), HasSubstr("ranks is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.ranks = 70000; }), HasSubstr("ranks is 70000"));
  EXPECT_THAT(refusal([](auto& o) { o.leases_per_node = 0; }), HasSubstr("leases_per_node"));
  EXPECT_THAT(refusal([](auto& o) { o.checkpoint_every = Duration{-1}; }),
              HasSubstr("checkpoint_every"));
  EXPECT_THAT(refusal([](auto& o) { o.checkpoint_keep = 0; }), HasSubstr("checkpoint_keep is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.staleness = -2; }), HasSubstr("staleness is -2"));
  EXPECT_THAT(refusal([](auto& o) { o.training_partitions = 0; }),
              HasSubstr("training_partitions is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.candidate_partitions = 0; }),
              HasSubstr("candidate_partitions is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.temp_folder.clear(); }), HasSubstr("temp_folder"));
  EXPECT_THAT(refusal([](auto& o) { o.export_tables = {1, 1}; }), HasSubstr("export_tables"));
  EXPECT_THAT(refusal([](auto& o) {
                o.staleness = -1;
                o.evaluations[0].every_clocks = 5;
              }),
              HasSubstr("'test' has every_clocks 5"));
  EXPECT_THAT(refusal([](auto& o) { o.evaluations[0].early_stop = {.metric = "auc", .k = 5}; }),
              HasSubstr("auc@5"));
  EXPECT_THAT(refusal([](auto& o) { o.evaluations[0].early_stop = {.metric = "ndcg"}; }),
              HasSubstr("ndcg@0"));
  EXPECT_THAT(refusal([](auto& o) {
                o.evaluations[0].early_stop = {.metric = "ndcg", .k = 5, .patience = 0};
              }),
              HasSubstr("patience is 0"));
}

TEST(SchedulerOptionsTest, MoreFilesThanFitAMessageAreRefused) {
  SchedulerNodeOptions options = Good();
  options.shards = 2;
  options.export_tables = {0};
  options.candidate_partitions = 498;
  EXPECT_EQ(options.parts_expected(), 1499u);
  EXPECT_TRUE(options.Validate().ok());
  options.candidate_partitions = 499;
  EXPECT_THAT(options.Validate().message(), HasSubstr("make data.partition_bytes larger"));
}

TEST(SchedulerOptionsTest, MoreStreamsThanAShardKeepsAreRefused) {
  SchedulerNodeOptions options = Good();
  options.staleness = -1;
  options.training_partitions = 1000;
  options.epochs = 200;
  options.evaluations.clear();
  EXPECT_TRUE(options.Validate().ok()) << options.Validate();
  options.epochs = 201;
  EXPECT_THAT(options.Validate().message(), HasSubstr("201000 streams of pushes"));
  options.evaluations = {{.name = "test", .partitions = 1, .every_epochs = 20}};
  EXPECT_TRUE(options.Validate().ok()) << "each phase has its own";
  options.evaluations.clear();
  options.staleness = 0;
  EXPECT_TRUE(options.Validate().ok()) << "lockstep has none";
}

}  // namespace
}  // namespace skybridge::scheduler
