// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/rng.h"
#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

using std::chrono::seconds;

// How many kills one storm has; SKYBRIDGE_KILLS asks for more.
uint64_t Kills() {
  uint64_t kills = 15;
  if (const char* wanted = std::getenv("SKYBRIDGE_KILLS")) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view text = wanted;
    std::from_chars(text.data(), text.data() + text.size(), kills);
  }
  return kills;
}

// A run whose processes are killed at random moments until there were enough kills; then it is left
// alone. Enough epochs that it outlives the storm.
class StormTest : public ClusterTest {
 protected:
  std::vector<std::string> Job(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {
        "--set", "cluster.servers=2",
        "--set", "cluster.workers=2",
        "--set", "training.epochs=" + std::to_string(16 * Kills())};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  void Storm(uint64_t seed, const std::vector<std::string>& more) {
    MakeData();
    std::vector<std::string> arguments = {"run", Path("job.pbtxt"), "--hash", "--run_dir",
                                          Path("run")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    env::Process run = Start(arguments, "run.log");
    ASSERT_TRUE(WaitForText("run.log", "train ")) << Read("run.log");
    Rng rng(seed, Purpose::kTest);
    uint64_t kills = 0;
    while (kills < Kills() && !run.Poll()) {
      usleep(static_cast<useconds_t>(200'000 + rng.Below(1'300'000)));
      std::vector<pid_t> alive = ChildrenOf(run.pid(), {});
      std::ranges::sort(alive);
      const uint64_t draw = rng.Below(40);
      const size_t victims = draw == 0 ? alive.size() : draw == 1 ? 2 : 1;
      for (size_t i = 0; i < victims && !alive.empty(); ++i, ++kills) {
        const size_t victim = rng.Below(alive.size());
        kill(alive[victim], SIGKILL);
        alive.erase(alive.begin() + static_cast<ptrdiff_t>(victim));
      }
    }
    const auto exit = run.Wait(seconds(600));
    ASSERT_TRUE(exit.has_value()) << "still running after " << kills << " kills";
    ASSERT_TRUE(exit->ok()) << exit->ToString() << " after " << kills << " kills\n"
                            << Read("run.log");
    RecordProperty("kills", static_cast<int>(kills));
    EXPECT_GE(kills, Kills()) << "the run was over before the storm";
  }
};

// P2, P3: kill -9 of any process at any moment.
TEST_F(StormTest, InLockstepAnyKillsLeaveTheResultAsItIs) {
  Storm(1, Job());
  if (HasFatalFailure()) return;
  EXPECT_EQ(HashesOf("run"), TableHashes(Job()));
}

// P1.
TEST_F(StormTest, OutsideLockstepAnyKillsCountEachBatchOnce) {
  const std::vector<std::string> counting =
      Job({"--set", "training.epochs=" + std::to_string(30 * Kills()), "--set",
           "consistency.staleness=-1", "--set", "query.hidden=", "--set", "query.layer_norm=false",
           "--set", "table[0]={name: \"user\" optimizer {kind: SGD learning_rate: 1e-40}}", "--set",
           "table[1]={name: \"item\" optimizer {kind: SGD learning_rate: 1e-40}}"});
  Storm(2, counting);
  if (HasFatalFailure()) return;
  EXPECT_EQ(HashesOf("run"), TableHashes(counting));
}

}  // namespace
}  // namespace skybridge::cluster
