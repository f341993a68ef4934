// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

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

// By the number of servers.
class OneAnswerOfManyTest : public OneAnswerTest, public testing::WithParamInterface<uint64_t> {
 protected:
  static constexpr uint64_t kRows = 300000, kRowBytes = 64 * 4 + 20;

  // Runs a job in peace and in a storm, and compares; `expected` is what the first one makes.
  void Chaos(uint64_t servers, uint64_t workers, bool tight,
             std::map<std::string, std::string>* expected) const {
    const uint64_t bytes = tight ? kRows * kRowBytes / 10 / servers : uint64_t{1} << 30;
    const std::string run = "chaos-" + std::to_string(servers) + "-" + std::to_string(workers) +
                            (tight ? "-tight" : "");
    std::vector<std::string> arguments = {
        "chaos", Path("job.pbtxt"), "--run_dir", Path(run), "--kills", "4", "--seed", "1"};
    for (const char* field : {"query.dim=64", "candidate.dim=64", "query.hidden=64",
                              "training.epochs=2", "training.batch=512", "negatives.uniform=0"}) {
      arguments.insert(arguments.end(), {"--set", field});
    }
    arguments.insert(arguments.end(),
                     {"--set", "cluster.servers=" + std::to_string(servers), "--set",
                      "cluster.workers=" + std::to_string(workers), "--set",
                      "cluster.shard_memory_bytes=" + std::to_string(bytes)});
    const Outcome outcome = Call(arguments, std::chrono::seconds(600));
    EXPECT_EQ(outcome.exit_code, 0) << run << ": " << outcome.output;
    for (const char* weather : {"/calm", "/storm"}) {
      const auto hashes = HashesOf(run + weather);
      if (expected->empty()) *expected = hashes;
      EXPECT_GE(hashes.size(), 3u) << run << weather;
      EXPECT_EQ(hashes, *expected) << run << weather;
    }
    std::filesystem::remove_all(Path(run));
  }
};

// Every number of servers, of processes, with memory for all rows and for a tenth of them, in peace
// and in a storm of kills: 48 runs, for which nobody waits at every change.
TEST_P(OneAnswerOfManyTest, DISABLED_ShapesAndBudgetsInPeaceAndInAStormMakeTheSameTables) {
  const Outcome made = Call({"generate", "--out", folder(), "--users", std::to_string(kRows),
                             "--items", "120", "--clusters", "6", "--train_per_user", "1"});
  ASSERT_EQ(made.exit_code, 0) << made.output;
  WriteJob();
  std::map<std::string, std::string> expected;
  if (GetParam() != 1) Chaos(1, 1, false, &expected);
  for (const uint64_t workers : {1, 2, 4}) {
    for (const bool tight : {false, true}) Chaos(GetParam(), workers, tight, &expected);
  }
}
INSTANTIATE_TEST_SUITE_P(Servers, OneAnswerOfManyTest, testing::Values(1, 2, 3, 5));

TEST_F(OneAnswerTest, AnotherSeedMakesOtherTables) {
  MakeData();
  EXPECT_NE(TableHashes({}), TableHashes({"--set", "seed=2"}));
}

}  // namespace
}  // namespace skybridge::cluster
