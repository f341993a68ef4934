// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

// Long enough for what differs rarely to differ.
constexpr uint64_t kClocksLeast = 200;

class OneAnswerTest : public ClusterTest {
 protected:
  // The tables after kClocksLeast clocks or more.
  std::map<std::string, std::string> Tables(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--set", "training.epochs=5"});
    return TableHashes(arguments, kClocksLeast);
  }
};

// Promise: in lockstep, tables do not depend on how the work is spread.
TEST_F(OneAnswerTest, EveryShapeOfClusterMakesTheSameTables) {
  MakeData();
  const auto expected = Tables({});
  ASSERT_GE(expected.size(), 3u);
  const std::vector<std::vector<std::string>> shapes = {
      {"--set", "cluster.workers=2"},
      {"--set", "cluster.workers=4"},
      {"--set", "cluster.servers=2", "--set", "cluster.shards_per_server=2"},
      {"--set", "cluster.servers=4", "--set", "cluster.workers=2"},
      {"--in_process"},
      {"--in_process", "--set", "cluster.workers=2", "--set", "cluster.shards_per_server=3"}};
  for (const std::vector<std::string>& shape : shapes) {
    EXPECT_EQ(Tables(shape), expected) << testing::PrintToString(shape);
  }
}

// Answers that wait for the disk change when something happens, not what.
TEST_F(OneAnswerTest, ServersThatWaitForTheirDisksMakeTheSameTables) {
  MakeData();
  const auto expected = Tables({});
  const std::vector<std::string> power = {"--set", "cluster.durability=POWER"};
  for (const std::vector<std::string>& shape : std::vector<std::vector<std::string>>{
           {"--set", "cluster.servers=2", "--set", "cluster.workers=2"},
           {"--in_process", "--set", "cluster.shards_per_server=2"}}) {
    std::vector<std::string> arguments = power;
    arguments.insert(arguments.end(), shape.begin(), shape.end());
    EXPECT_EQ(Tables(arguments), expected) << testing::PrintToString(arguments);
  }
}

// Rules that remember more of a row than its sum of squares, each its own.
TEST_F(OneAnswerTest, OtherOptimizersMakeTheSameTablesTooInAnyShape) {
  MakeData();
  Write("job.pbtxt", Read("job.pbtxt") + R"(
table { name: "user" optimizer { kind: ADAM learning_rate: 0.01 linear_decay: true } }
table { name: "item" optimizer { kind: ADAGRAD learning_rate: 0.1 } }
)");
  const auto expected = Tables({"--in_process"});
  ASSERT_GE(expected.size(), 3u);
  EXPECT_EQ(Tables({"--set", "cluster.servers=2", "--set", "cluster.shards_per_server=2", "--set",
                    "cluster.workers=4"}),
            expected);
}

TEST_F(OneAnswerTest, AnotherSeedMakesOtherTables) {
  MakeData();
  EXPECT_NE(TableHashes({}), TableHashes({"--set", "seed=2"}));
}

}  // namespace
}  // namespace skybridge::cluster
