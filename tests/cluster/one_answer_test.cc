// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

class OneAnswerTest : public ClusterTest {};

// Promise: in lockstep, tables do not depend on how the work is spread.
TEST_F(OneAnswerTest, EveryShapeOfClusterMakesTheSameTables) {
  MakeData();
  const auto expected = TableHashes({});
  ASSERT_GE(expected.size(), 3u);
  const std::vector<std::vector<std::string>> shapes = {
      {"--set", "cluster.workers=2"},
      {"--set", "cluster.workers=4"},
      {"--set", "cluster.servers=2", "--set", "cluster.shards_per_server=2"},
      {"--set", "cluster.servers=4", "--set", "cluster.workers=2"},
      {"--in_process"},
      {"--in_process", "--set", "cluster.workers=2", "--set", "cluster.shards_per_server=3"}};
  for (const std::vector<std::string>& shape : shapes) {
    EXPECT_EQ(TableHashes(shape), expected) << testing::PrintToString(shape);
  }
}

TEST_F(OneAnswerTest, AnotherSeedMakesOtherTables) {
  MakeData();
  EXPECT_NE(TableHashes({}), TableHashes({"--set", "seed=2"}));
}

}  // namespace
}  // namespace skybridge::cluster
