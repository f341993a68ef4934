// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <chrono>
#include <filesystem>

#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

using std::chrono::seconds;

std::vector<std::string> CountingFor(int epochs) {
  std::vector<std::string> job = kCounting;
  job.insert(job.end(), {"--set", "training.epochs=" + std::to_string(epochs)});
  return job;
}

class DeathTest : public ClusterTest {
 protected:
  // A run long enough to be disturbed, once it trains.
  env::Process StartLongRun(std::vector<std::string> more = {}) {
    MakeData();
    std::vector<std::string> arguments = {
        "run",   Path("job.pbtxt"),   "--hash", "--run_dir",         Path("run"),
        "--set", "cluster.workers=2", "--set",  "training.epochs=60"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    env::Process run = Start(arguments, "run.log");
    EXPECT_TRUE(WaitForText("run.log", "train ")) << Read("run.log");
    return run;
  }
};

// Promise: a worker's death changes nothing but time.
TEST_F(DeathTest, KilledWorkerLeavesTheLockstepResultAsItIs) {
  env::Process run = StartLongRun();
  const auto workers = ChildrenOf(run.pid(), {"worker"});
  ASSERT_EQ(workers.size(), 2u);
  kill(workers[0], SIGKILL);
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && exit->ok()) << Read("run.log");
  EXPECT_EQ(HashesOf("run"), TableHashes({"--set", "training.epochs=60"}));
}

// Promise: outside lockstep a worker's death makes no batch count twice or never.
TEST_F(DeathTest, KilledWorkerCountsEachBatchOnceOutsideLockstep) {
  env::Process run = StartLongRun(CountingFor(60));
  const auto workers = ChildrenOf(run.pid(), {"worker"});
  ASSERT_EQ(workers.size(), 2u);
  kill(workers[1], SIGKILL);
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && exit->ok()) << Read("run.log");
  EXPECT_EQ(HashesOf("run"), TableHashes(CountingFor(60)));
}

// Promise: training does not notice that the scheduler died.
TEST_F(DeathTest, KilledSchedulerLeavesTheLockstepResultAsItIs) {
  env::Process run = StartLongRun();
  const auto schedulers = ChildrenOf(run.pid(), {"run_scheduler"});
  ASSERT_EQ(schedulers.size(), 1u);
  kill(schedulers[0], SIGKILL);
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && exit->ok()) << Read("run.log");
  EXPECT_NE(Read("run.log").find("scheduler: killed by SIGKILL; starting it again (restart 1)"),
            std::string::npos)
      << Read("run.log");
  EXPECT_EQ(HashesOf("run"), TableHashes({"--set", "training.epochs=60"}));
}

// Promise: nothing that a server had answered is lost with it.
TEST_F(DeathTest, KilledServerLeavesTheLockstepResultAsItIs) {
  env::Process run = StartLongRun({"--set", "cluster.servers=2"});
  const auto servers = ChildrenOf(run.pid(), {"ps"});
  ASSERT_EQ(servers.size(), 2u);
  kill(servers[0], SIGKILL);
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && exit->ok()) << Read("run.log");
  EXPECT_NE(Read("run.log").find("server-0: killed by SIGKILL; starting it again (restart 1)"),
            std::string::npos)
      << Read("run.log");
  EXPECT_EQ(HashesOf("run"), TableHashes({"--set", "training.epochs=60"}));
}

TEST_F(DeathTest, AllProcessesKilledAtOnceLeaveTheLockstepResultAsItIs) {
  env::Process run = StartLongRun();
  for (const pid_t child : ChildrenOf(run.pid(), {})) kill(child, SIGKILL);
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && exit->ok()) << Read("run.log");
  EXPECT_EQ(HashesOf("run"), TableHashes({"--set", "training.epochs=60"}));
}

// Outside lockstep rows cannot be compared, but how often each was counted can.
TEST_F(DeathTest, KilledServerCountsEachBatchOnceOutsideLockstep) {
  env::Process run = StartLongRun(CountingFor(60));
  const auto servers = ChildrenOf(run.pid(), {"ps"});
  ASSERT_EQ(servers.size(), 1u);
  kill(servers[0], SIGKILL);
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && exit->ok()) << Read("run.log");
  EXPECT_EQ(HashesOf("run"), TableHashes(CountingFor(60)));
}

// Promise: what killed `run` itself has not killed the job.
TEST_F(DeathTest, KilledRunGoesOnWhenItIsResumed) {
  env::Process run = StartLongRun();
  kill(run.pid(), SIGKILL);
  ASSERT_TRUE(run.Wait(seconds(10)).has_value());
  EXPECT_NE(Read("run/store/shard-0/log_life_boot"), "") << "it needs its machine";
  const Outcome resumed = Call({"run", "--resume", Path("run"), "--hash"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_EQ(HashesOf("run"), TableHashes({"--set", "training.epochs=60"}));
}

// Promise: a job that had to give work up goes on with it once that can be done.
TEST_F(DeathTest, WhatCouldNotBeWrittenIsWrittenWhenTheRunIsResumed) {
  MakeData();
  const std::vector<std::string> job = {"--set", "export.path=" + Path("blocked/export")};
  Write("blocked", "a file");
  std::vector<std::string> arguments = {"run", Path("job.pbtxt"), "--hash", "--run_dir",
                                        Path("run")};
  arguments.insert(arguments.end(), job.begin(), job.end());
  const Outcome first = Call(arguments);
  EXPECT_EQ(first.exit_code, 3) << first.output;
  EXPECT_NE(first.output.find("run --resume"), std::string::npos) << first.output;
  std::filesystem::remove(Path("blocked"));
  const Outcome resumed = Call({"run", "--resume", Path("run")});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_TRUE(std::filesystem::exists(Path("blocked/export/MANIFEST.json")));
  EXPECT_EQ(HashesOf("run"), TableHashes({}));
}

// Promise: at POWER what was answered is synced, whatever happens to the machine.
TEST_F(DeathTest, AtPowerAKilledRunDoesNotNeedItsMachine) {
  env::Process run = StartLongRun({"--set", "cluster.durability=POWER"});
  kill(run.pid(), SIGKILL);
  ASSERT_TRUE(run.Wait(seconds(10)).has_value());
  EXPECT_TRUE(std::filesystem::exists(Path("run/store/shard-0/log_life")));
  EXPECT_FALSE(std::filesystem::exists(Path("run/store/shard-0/log_life_boot")));
}

TEST_F(DeathTest, InterruptedRunGoesOnWhenItIsResumed) {
  env::Process run = StartLongRun();
  kill(run.pid(), SIGINT);
  ASSERT_TRUE(run.Wait(seconds(15)).has_value());
  EXPECT_EQ(Read("run/store/shard-0/log_life_boot"), "") << "its machine may go down now";
  const Outcome resumed = Call({"run", "--resume", Path("run"), "--hash"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_EQ(HashesOf("run"), TableHashes({"--set", "training.epochs=60"}));
}

TEST_F(DeathTest, KilledRunLeavesNoProcessBehind) {
  env::Process run = StartLongRun({"--set", "training.epochs=2000"});
  const auto children = ChildrenOf(run.pid(), {});
  ASSERT_EQ(children.size(), 4u);
  kill(run.pid(), SIGKILL);
  ASSERT_TRUE(run.Wait(seconds(10)).has_value());
  for (const pid_t child : children) {
    for (int look = 0; look < 500 && kill(child, 0) == 0; ++look) usleep(10000);
    EXPECT_NE(kill(child, 0), 0) << child;
  }
}

TEST_F(DeathTest, InterruptEndsCleanly) {
  env::Process run = StartLongRun({"--set", "training.epochs=2000"});
  kill(run.pid(), SIGINT);
  const auto exit = run.Wait(seconds(15));
  ASSERT_TRUE(exit.has_value()) << "still running";
  EXPECT_EQ(exit->code, 130) << Read("run.log");
  EXPECT_NE(Read("run.log").find("to go on: skybridge run --resume " + Path("run")),
            std::string::npos)
      << Read("run.log");
}

TEST_F(DeathTest, RunInUseIsNotResumed) {
  env::Process run = StartLongRun({"--set", "training.epochs=2000"});
  const Outcome second = Call({"run", "--resume", Path("run")});
  EXPECT_EQ(second.exit_code, 1) << second.output;
  EXPECT_NE(second.output.find("another run uses it"), std::string::npos) << second.output;
  EXPECT_NE(second.output.find(std::to_string(run.pid())), std::string::npos) << second.output;
  EXPECT_FALSE(run.Poll().has_value());
}

// Who waited for a run that then succeeded must not begin it again.
TEST_F(DeathTest, RunThatSucceedsWhileItIsToBeResumedIsDone) {
  env::Process run = StartLongRun({"--set", "training.epochs=20"});
  const Outcome second = Call({"run", "--resume", Path("run")});
  EXPECT_EQ(second.exit_code, 1) << second.output;
  EXPECT_NE(second.output.find("this run has succeeded"), std::string::npos) << second.output;
  const auto exit = run.Wait(kPatience);
  EXPECT_TRUE(exit && exit->ok()) << Read("run.log");
}

}  // namespace
}  // namespace skybridge::cluster
