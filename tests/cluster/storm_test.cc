// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

using std::chrono::seconds;

// How many kills one storm has; SKYBRIDGE_KILLS asks for others.
uint64_t KillsOr(uint64_t kills) {
  if (const char* wanted = std::getenv("SKYBRIDGE_KILLS")) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view text = wanted;
    std::from_chars(text.data(), text.data() + text.size(), kills);
  }
  return kills;
}

// Jobs in storms of `skybridge chaos`, which compares them with themselves in peace.
class StormTest : public ClusterTest {
 protected:
  std::vector<std::string> Chaos(uint64_t epochs, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"chaos",     Path("job.pbtxt"),
                                          "--run_dir", Path("chaos"),
                                          "--set",     "cluster.servers=2",
                                          "--set",     "cluster.workers=2",
                                          "--set",     "training.epochs=" + std::to_string(epochs)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  // The storm has changed nothing.
  void Storm(uint64_t epochs, const std::vector<std::string>& more) const {
    MakeData();
    const Outcome outcome = Call(Chaos(epochs, more), seconds(300 + epochs));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output << Read("chaos/storm.log");
    EXPECT_NE(outcome.output.find("\nequal "), std::string::npos) << outcome.output;
    std::cout << outcome.output;
  }
};

// P2, P3: kill -9 of any process at any moment.
TEST_F(StormTest, InLockstepAnyKillsLeaveTheResultAsItIs) {
  const uint64_t kills = KillsOr(100);
  Storm(6 * kills, {"--kills", std::to_string(kills), "--seed", "1", "--pause_s", "0.6"});
  // What the command compared is what there was to compare.
  EXPECT_FALSE(HashesOf("chaos/calm").empty());
  EXPECT_EQ(HashesOf("chaos/storm"), HashesOf("chaos/calm"));
}

// P1.
TEST_F(StormTest, OutsideLockstepAnyKillsCountEachBatchOnce) {
  const uint64_t kills = KillsOr(50);
  std::vector<std::string> more = {"--kills", std::to_string(kills), "--seed",
                                   "2",       "--pause_s",           "0.6"};
  more.insert(more.end(), kCounting.begin(), kCounting.end());
  Storm(12 * kills, more);
  EXPECT_FALSE(HashesOf("chaos/calm").empty());
  EXPECT_EQ(HashesOf("chaos/storm"), HashesOf("chaos/calm"));
}

// Freezes around the time after which a process counts as dead, and kills among them.
TEST_F(StormTest, FreezesAndKillsLeaveTheResultAsItIs) {
  Storm(200, {"--kills", "4", "--freezes", "8", "--freeze_s", "4", "--seed", "3", "--set",
              "cluster.dead_after_s=2"});
}

TEST_F(StormTest, JobThatIsOverBeforeTheStormIsNoProof) {
  MakeData();
  const Outcome outcome = Call(Chaos(1, {"--kills", "1000"}));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_NE(outcome.output.find("the results are equal, but the job was over after "),
            std::string::npos)
      << outcome.output;
}

TEST_F(StormTest, InterruptEndsItAndLeavesNoProcess) {
  MakeData();
  env::Process chaos = Start(Chaos(5000, {}), "chaos.log");
  ASSERT_TRUE(WaitForText("chaos/calm.log", "train ")) << Read("chaos.log");
  const auto runs = ChildrenOf(chaos.pid(), {"run"});
  ASSERT_EQ(runs.size(), 1u);
  std::vector<pid_t> all = ChildrenOf(runs[0], {});
  ASSERT_EQ(all.size(), 5u);
  all.push_back(runs[0]);
  kill(chaos.pid(), SIGINT);
  const auto exit = chaos.Wait(seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 130) << Read("chaos.log");
  for (const pid_t pid : all) EXPECT_NE(kill(pid, 0), 0) << pid;
}

}  // namespace
}  // namespace skybridge::cluster
