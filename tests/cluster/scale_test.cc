// SPDX-License-Identifier: Apache-2.0
//
// `skybridge scale`: servers join and leave a job that trains.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

using std::chrono::seconds;

class ScaleTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    MakeData();
  }
  // Long enough for some moves.
  std::vector<std::string> Run(const std::string& run, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {
        "run",   Path("job.pbtxt"),   "--hash", "--run_dir",          Path(run),
        "--set", "cluster.servers=2", "--set",  "training.epochs=100"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  // A run that was killed after `scale` had given it a third server.
  void KillWithThree(const std::string& folder) const {
    env::Process run = Start(Run(folder), folder + ".log");
    ASSERT_TRUE(WaitForText(folder + "/servers.now", "2 2 1"));
    ASSERT_EQ(Scale(folder, 3).exit_code, 0);
    run.Kill();
    ASSERT_TRUE(run.Wait(kPatience).has_value());
  }
  Outcome Scale(const std::string& run, uint32_t servers) const {
    return Call({"scale", Path(run), "--servers", std::to_string(servers)});
  }
};

TEST_F(ScaleTest, ServersThatComeAndGoLeaveEveryTableAsItWouldBe) {
  env::Process run = Start(Run("scaled"), "scaled.log");
  ASSERT_TRUE(WaitForText("scaled/servers.now", "2 2 1"));
  Outcome outcome = Scale("scaled", 3);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("3 servers have rows, 3 should"), std::string::npos)
      << outcome.output;
  // The one that joined is a server as any other.
  for (const pid_t pid : ChildrenOf(run.pid(), {"ps", "--joins"})) kill(pid, SIGKILL);
  outcome = Scale("scaled", 1);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("1 servers have rows, 1 should"), std::string::npos)
      << outcome.output;
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && exit->ok()) << Read("scaled.log");
  const Outcome calm = Call(Run("calm"));
  ASSERT_EQ(calm.exit_code, 0) << calm.output;
  EXPECT_EQ(HashesOf("scaled"), HashesOf("calm"));
  EXPECT_FALSE(HashesOf("calm").empty());
}

TEST_F(ScaleTest, ARunThatGoesOnHasTheServersThatItHad) {
  ASSERT_NO_FATAL_FAILURE(KillWithThree("scaled"));
  const Outcome resumed = Call({"run", "--resume", Path("scaled")});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  const Outcome calm = Call(Run("calm"));
  EXPECT_EQ(HashesOf("scaled"), HashesOf("calm"));
}

// Threads are as many servers as the job says: enough if all others are gone, and only then.
TEST_F(ScaleTest, ARunThatHasItsOwnServersAgainGoesOnAsThreads) {
  ASSERT_NO_FATAL_FAILURE(KillWithThree("scaled"));
  for (const char* wish : {"8 3", "9 2"}) {  // The latter is too late for the rows of the third.
    Write("scaled/servers.wanted", wish);
    const Outcome refused = Call({"run", "--resume", Path("scaled"), "--in_process"});
    EXPECT_EQ(refused.exit_code, 1) << refused.output;
    EXPECT_NE(refused.output.find("leave --in_process out"), std::string::npos) << refused.output;
  }
  env::Process run = Start({"run", "--resume", Path("scaled")}, "resumed.log");
  ASSERT_TRUE(WaitForText("scaled/servers.now", "2 2 1")) << Read("resumed.log");
  run.Kill();
  ASSERT_TRUE(run.Wait(kPatience).has_value());
  const Outcome resumed = Call({"run", "--resume", Path("scaled"), "--in_process"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  const Outcome calm = Call(Run("calm"));
  EXPECT_EQ(HashesOf("scaled"), HashesOf("calm"));
}

TEST_F(ScaleTest, OutsideLockstepEachBatchCountsOnce) {
  env::Process run = Start(Run("scaled", kCounting), "scaled.log");
  ASSERT_TRUE(WaitForText("scaled/servers.now", "2 2 1"));
  ASSERT_EQ(Scale("scaled", 3).exit_code, 0);
  ASSERT_EQ(Scale("scaled", 1).exit_code, 0);
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && exit->ok()) << Read("scaled.log");
  const Outcome calm = Call(Run("calm", kCounting));
  EXPECT_EQ(HashesOf("scaled"), HashesOf("calm"));
}

TEST_F(ScaleTest, ARunThatIsKilledIsNotWaitedFor) {
  env::Process run = Start(Run("scaled"), "scaled.log");
  ASSERT_TRUE(WaitForText("scaled/servers.now", "2 2 1"));
  const auto schedulers = ChildrenOf(run.pid(), {"run_scheduler"});
  ASSERT_EQ(schedulers.size(), 1u);
  kill(schedulers[0], SIGSTOP);  // It takes no wish up.
  env::Process scale = Start({"scale", Path("scaled"), "--servers", "3"}, "scale.log");
  ASSERT_TRUE(WaitForText("scaled/servers.wanted", "1 3"));
  run.Kill();
  const auto exit = scale.Wait(seconds(20));
  ASSERT_TRUE(exit.has_value()) << "it waits for ever";
  EXPECT_EQ(exit->code, 3) << Read("scale.log");
  EXPECT_NE(Read("scale.log").find("the run ended before"), std::string::npos) << Read("scale.log");
}

// Promise: whoever waits hears what became of his wish, whoever else wishes meanwhile.
TEST_F(ScaleTest, AWishInWhosePlaceAnotherComesIsNotWaitedFor) {
  env::Process run = Start(Run("scaled"), "scaled.log");
  ASSERT_TRUE(WaitForText("scaled/servers.now", "2 2 1"));
  const auto schedulers = ChildrenOf(run.pid(), {"run_scheduler"});
  ASSERT_EQ(schedulers.size(), 1u);
  kill(schedulers[0], SIGSTOP);  // It takes no wish up.
  env::Process first = Start({"scale", Path("scaled"), "--servers", "3"}, "first.log");
  ASSERT_TRUE(WaitForText("scaled/servers.wanted", "1 3"));
  env::Process other = Start({"scale", Path("scaled"), "--servers", "4"}, "other.log");
  auto exit = first.Wait(seconds(20));
  ASSERT_TRUE(exit.has_value()) << "it waits for ever";
  EXPECT_EQ(exit->code, 1) << Read("first.log");
  EXPECT_NE(Read("first.log").find("another wish, for 4, came after it"), std::string::npos)
      << Read("first.log");
  const Outcome again = Call({"scale", Path("scaled"), "--servers", "4", "--wait=false"});
  EXPECT_EQ(again.exit_code, 0) << again.output;
  kill(schedulers[0], SIGCONT);
  exit = other.Wait(kPatience);
  EXPECT_TRUE(exit && exit->ok()) << Read("other.log");
  EXPECT_NE(Read("other.log").find("4 servers have rows, 4 should"), std::string::npos)
      << Read("other.log");
}

// Promise: a number of servers that the job could not have begun with is refused.
TEST_F(ScaleTest, FewerServersThanPushesFitIntoAreRefused) {
  const std::vector<std::string> tight = {"--set", "cluster.push_memory_bytes=8388608",
                                          "--set", "consistency.trainers=64",
                                          "--set", "training.batch=64",
                                          "--set", "query.dim=256",
                                          "--set", "candidate.dim=256"};
  std::vector<std::string> one = Run("one", tight);
  *std::ranges::find(one, "cluster.servers=2") = "cluster.servers=1";
  const Outcome refused = Call(one);
  ASSERT_EQ(refused.exit_code, 1) << refused.output;
  env::Process run = Start(Run("two", tight), "two.log");
  ASSERT_TRUE(WaitForText("two/servers.now", "2 2 1")) << Read("two.log");
  const Outcome scaled = Scale("two", 1);
  EXPECT_EQ(scaled.exit_code, 1) << scaled.output;
  EXPECT_NE(scaled.output.find("cluster.push_memory_bytes"), std::string::npos) << scaled.output;
}

TEST_F(ScaleTest, WhatCannotBeScaledSaysWhy) {
  EXPECT_EQ(Scale("nowhere", 2).exit_code, 1);
  std::vector<std::string> arguments = Run("done");
  arguments.back() = "training.epochs=1";
  ASSERT_EQ(Call(arguments).exit_code, 0);
  const Outcome over = Scale("done", 2);
  EXPECT_EQ(over.exit_code, 1);
  EXPECT_NE(over.output.find("its job is done"), std::string::npos) << over.output;
  const Outcome none = Scale("done", 0);
  EXPECT_NE(none.output.find("--servers 0: must be 1 to 1024"), std::string::npos) << none.output;
  // A lock that cannot be looked at says nothing about a run.
  std::filesystem::create_directories(Path("locked/lock"));
  Write("locked/run.json", "{}");
  const Outcome locked = Scale("locked", 2);
  EXPECT_EQ(locked.exit_code, 3) << locked.output;
  EXPECT_NE(locked.output.find("locked/lock: Is a directory"), std::string::npos) << locked.output;
}

}  // namespace
}  // namespace skybridge::cluster
