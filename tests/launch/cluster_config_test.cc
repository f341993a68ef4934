// SPDX-License-Identifier: Apache-2.0
#include "launch/cluster_config.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

LoadedJob Job(const std::vector<std::string>& set) {
  auto job = JobFromText(R"(
      name: "small"
      data { train { path: "t.tsv" } candidate_key: "item" }
      query { dim: 4 feature { column: "user" id { form: INTEGER } } }
      candidate { dim: 4 feature { column: "item" id { form: INTEGER } } })",
                         {.path = "job", .set = set}, "/here");
  CHECK(job) << job.error();
  return *std::move(job);
}

ps::Durability DurabilityOf(const LoadedJob& job) {
  return ShardOptionsOf(job, *ModelOfJob(job.job), {}, 0, "tcp://here:1").durability;
}

TEST(ClusterConfigTest, ShardsKeepTheirWordAsTheJobSays) {
  EXPECT_EQ(DurabilityOf(Job({})), ps::Durability::kProcess);
  EXPECT_EQ(DurabilityOf(Job({"cluster.durability=PROCESS"})), ps::Durability::kProcess);
  EXPECT_EQ(DurabilityOf(Job({"cluster.durability=POWER"})), ps::Durability::kPower);
}

TEST(ClusterConfigTest, WhileAllShardsSendThereIsAThreadForWhatTheyWriteAndAtPowerOneForEach) {
  const std::vector<std::string> shape = {"cluster.servers=2", "cluster.shards_per_server=3"};
  EXPECT_EQ(TaskThreadsOfServer(Job(shape).job), 4u);
  std::vector<std::string> power = shape;
  power.emplace_back("cluster.durability=POWER");
  EXPECT_EQ(TaskThreadsOfServer(Job(power).job), 6u);
}

}  // namespace
}  // namespace skybridge::launch
