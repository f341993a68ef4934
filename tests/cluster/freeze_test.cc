// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <unistd.h>
#include <initializer_list>
#include <optional>

#include <chrono>

#include "tests/cluster/hand_cluster.h"

namespace skybridge::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<std::string> kJob = {"--set", "cluster.servers=2", "--set", "cluster.workers=2",
                                       "--set", "training.epochs=60"};

// A process that is stopped (SIGSTOP) holds its place, its port and its locks as a hung one does.
class FreezeTest : public ClusterTest {
 protected:
  env::Process StartRun(const std::string& dead_after_s) {
    MakeData();
    std::vector<std::string> arguments = {"run",
                                          Path("job.pbtxt"),
                                          "--hash",
                                          "--run_dir",
                                          Path("run"),
                                          "--set",
                                          "cluster.dead_after_s=" + dead_after_s,
                                          "--json"};
    arguments.insert(arguments.end(), kJob.begin(), kJob.end());
    env::Process run = Start(arguments, "run.log");
    EXPECT_TRUE(WaitForText("run.log", "train ")) << Read("run.log");
    return run;
  }
  void ExpectTheUsualResult(env::Process& run) {
    const auto exit = run.Wait(kPatience);
    ASSERT_TRUE(exit && exit->ok()) << Read("run.log");
    EXPECT_EQ(HashesOf("run"), TableHashes(kJob));
  }
};

class RoleFreezeTest : public FreezeTest, public testing::WithParamInterface<const char*> {};

// Promise: a process that stops answering is replaced, and it changes nothing but time.
TEST_P(RoleFreezeTest, FrozenProcessIsKilledAndReplaced) {
  env::Process run = StartRun("2");
  const auto victims = ChildrenOf(run.pid(), {GetParam()});
  ASSERT_FALSE(victims.empty());
  kill(victims[0], SIGSTOP);
  // 2 s of silence, and up to a second between two heartbeats.
  EXPECT_TRUE(WaitForText("run.log", "silent for", seconds(10))) << Read("run.log");
  EXPECT_TRUE(WaitForText("run.log", ": killed; starting it again (restart 1)", seconds(2)))
      << Read("run.log");
  kill(victims[0], SIGCONT);  // It has gone, and its number with it.
  ExpectTheUsualResult(run);
}

TEST_P(RoleFreezeTest, ShorterFreezeIsOutwaited) {
  env::Process run = StartRun("6");
  const auto victims = ChildrenOf(run.pid(), {GetParam()});
  ASSERT_FALSE(victims.empty());
  kill(victims[0], SIGSTOP);
  usleep(3'500'000);
  kill(victims[0], SIGCONT);
  ExpectTheUsualResult(run);
  EXPECT_EQ(Read("run.log").find("killed"), std::string::npos) << Read("run.log");
  EXPECT_EQ(Read("run.log").find("starting it again"), std::string::npos) << Read("run.log");
}

INSTANTIATE_TEST_SUITE_P(Roles, RoleFreezeTest, testing::Values("run_scheduler", "ps", "worker"),
                         [](const auto& role) { return std::string(role.param); });

TEST_F(FreezeTest, AllProcessesFrozenAtOnceAreReplaced) {
  env::Process run = StartRun("2");
  for (const pid_t child : ChildrenOf(run.pid(), {})) kill(child, SIGSTOP);
  ExpectTheUsualResult(run);
}

// A machine that was suspended: nobody could hear anybody.
TEST_F(FreezeTest, FreezeOfTheWholeRunReplacesNobody) {
  env::Process run = StartRun("4");
  const auto children = ChildrenOf(run.pid(), {});
  kill(run.pid(), SIGSTOP);
  for (const pid_t child : children) kill(child, SIGSTOP);
  usleep(7'000'000);
  for (const pid_t child : children) kill(child, SIGCONT);
  kill(run.pid(), SIGCONT);
  ExpectTheUsualResult(run);
  EXPECT_EQ(Read("run.log").find("starting it again"), std::string::npos) << Read("run.log");
}

// Nobody looks after processes that were started by hand.
class ZombieTest : public HandClusterTest {
 protected:
  // Starts a cluster, and returns once it trains.
  void StartAll() {
    MakeData();
    scheduler_.emplace(StartScheduler(kJob));
    server_.emplace(StartServer(kJob));
    worker_.emplace(StartWorker(kJob));
    ASSERT_TRUE(WaitForText("scheduler.log", "train ")) << Read("scheduler.log");
  }
  void Freeze(const env::Process& zombie) {
    kill(zombie.pid(), SIGSTOP);
    ASSERT_TRUE(WaitForText("run/scheduler.log", ") silent for 5 s", seconds(30)));
  }
  void ExpectTheUsualResult(std::initializer_list<env::Process*> processes) {
    for (env::Process* process : processes) {
      const auto exit = process->Wait(kPatience);
      ASSERT_TRUE(exit && exit->ok())
          << Read("scheduler.log") << Read("ps.log") << Read("worker.log");
    }
    EXPECT_EQ(HashesOf("run"), TableHashes({"--set", "training.epochs=60"}));
  }

  static inline const std::vector<std::string> kJob = {"--set", "cluster.dead_after_s=5", "--set",
                                                       "training.epochs=60"};
  std::optional<env::Process> scheduler_, server_, worker_;
};

TEST_F(ZombieTest, ThawedWorkerWhosePlaceIsTakenEndsAndHarmsNothing) {
  StartAll();
  Freeze(*worker_);
  env::Process successor = StartWorker(kJob);
  ASSERT_TRUE(WaitForText("run/scheduler.log", "pid " + std::to_string(successor.pid())));
  kill(worker_->pid(), SIGCONT);
  const auto fenced = worker_->Wait(seconds(20));
  ASSERT_TRUE(fenced.has_value()) << "the zombie goes on";
  EXPECT_EQ(fenced->code, 4) << Read("worker.log");
  ExpectTheUsualResult({&successor, &*server_, &*scheduler_});
}

TEST_F(ZombieTest, FrozenServerIsNamedByTheOneThatWantsItsFolder) {
  StartAll();
  Freeze(*server_);
  env::Process refused = StartServer(kJob);
  const auto exit = refused.Wait(seconds(20));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 3) << Read("ps.log");
  EXPECT_NE(Read("ps.log").find("held by process " + std::to_string(server_->pid()) + " "),
            std::string::npos)
      << Read("ps.log");
  server_->Kill();
  env::Process successor = StartServer(kJob);
  ExpectTheUsualResult({&*worker_, &successor, &*scheduler_});
}

}  // namespace
}  // namespace skybridge::cluster
