// SPDX-License-Identifier: Apache-2.0
#include "launch/local_cluster.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <regex>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/files.h"
#include "launch/server_count.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;

// A scheduler that takes down its orders, each with the number of its life.
constexpr const char* kScheduler = R"(
printf 'listening\ttcp://127.0.0.1:4567\n' >&0
while IFS= read -r order; do echo "$life $order" >> "$F/orders"; done
)";
constexpr const char* kIdle = "exec sleep 1000\n";

// Clusters whose processes are shell scripts. The test's own time passes with each look.
class LocalClusterTest : public testing::Test {
 protected:
  // What a role runs: $F is the folder, $life counts the processes of a place, $me names it.
  void Play(const std::string& role, const std::string& script) const {
    scratch_.Write(role + ".sh", script);
  }
  LocalCluster& Start(std::function<void(LocalCluster::Options&)> change = {}) {
    const std::string program = scratch_.Write(
        "program", "#!/bin/sh\nF=" + scratch_.path() +
                       "\nme=$1-$9; [ $1 = run_scheduler ] && me=scheduler\n"
                       "echo \"$*\" >> $F/$me.starts; life=$(wc -l < $F/$me.starts)\n"
                       ". $F/$1.sh\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    LocalCluster::Options options{.program = program,
                                  .folder = {scratch_.path()},
                                  .base = "/",
                                  .job = {.high = 1, .low = 2},
                                  .shape = {.servers = 1, .workers = 1, .trainers_per_worker = 2},
                                  .restarts = {.futile_max = 2}};
    if (change) change(options);
    cluster_ = std::make_unique<LocalCluster>(
        std::move(options), [this](const std::string& line) { said_.push_back(line); });
    EXPECT_TRUE(cluster_->Start(now_).ok());
    return *cluster_;
  }
  // Looks, a hundredth of a second apart, until `what` holds.
  bool Until(const std::function<bool()>& what) {
    env::Process nap = *env::Process::Spawn({.arguments = {"sleep", "60"}, .log_path = {}});
    while (!what()) {
      if (nap.Wait(milliseconds(1))) return false;
      now_ = now_ + milliseconds(10);
      cluster_->Look(now_);
    }
    return true;
  }
  std::string Text(const std::string& file) const {
    const auto text = env::ReadFile(scratch_.path() + "/" + file);
    return text ? *text : "";
  }
  bool Has(const std::string& file, const std::string& text) const {
    return Text(file).find(text) != std::string::npos;
  }
  // The end of a process that had started.
  bool HasExit(const std::string& node, const std::string& kind) const {
    return std::regex_search(Text("orders"), std::regex(node + "\t[1-9][0-9]*\t" + kind));
  }
  bool Said(const std::string& line) const { return std::ranges::count(said_, line) > 0; }

  data::ScratchFolder scratch_;
  Instant now_;
  std::vector<std::string> said_;
  std::unique_ptr<LocalCluster> cluster_;
};

TEST_F(LocalClusterTest, NodesAreToldWhereTheSchedulerListens) {
  Play("run_scheduler", kScheduler);
  Play("ps", kIdle);
  Play("worker", kIdle);
  Start();
  ASSERT_TRUE(Until([&] { return !Text("worker-0.starts").empty(); }));
  ASSERT_TRUE(Until([&] { return !Text("ps-0.starts").empty(); }));
  const std::string id(15, '0');
  EXPECT_EQ(Text("ps-0.starts"), "ps --job_id " + id + "1" + id +
                                     "2 --scheduler tcp://127.0.0.1:4567 --base / --number 0 "
                                     "--store " +
                                     scratch_.path() + "/store --checkpoints " + scratch_.path() +
                                     "/checkpoints " + scratch_.path() + "/job.pbtxt\n");
  cluster_->WaitAndStop(seconds(0));
}

TEST_F(LocalClusterTest, EveryEndIsToldForEachNodeOfTheProcess) {
  Play("run_scheduler", kScheduler);
  Play("ps", kIdle);
  Play("worker", "[ $life = 1 ] && kill -KILL $$; exec sleep 1000\n");
  Start();
  ASSERT_TRUE(Until([&] { return HasExit("exited\t2\t1", "again"); }));
  EXPECT_TRUE(HasExit("1 exited\t2\t0", "again")) << Text("orders");
  EXPECT_TRUE(Said("worker-0: killed by SIGKILL; starting it again (restart 1)"));
  EXPECT_TRUE(Until([&] { return cluster_->restarts() == 1; }));
}

TEST_F(LocalClusterTest, NodeThatCannotRunIsGivenUpAndTheSchedulerIsTold) {
  Play("run_scheduler", kScheduler);
  Play("ps", "exit 3\n");
  Play("worker", kIdle);
  Start();
  ASSERT_TRUE(Until([&] { return HasExit("exited\t1\t0", "final"); }));
  EXPECT_THAT(said_.back(), HasSubstr("given up after 3 starts in a row that came to nothing"));
  EXPECT_FALSE(cluster_->ended().has_value()) << "that is for the scheduler to say";
}

TEST_F(LocalClusterTest, AnEndThatNoStartMendsIsFinalAtOnce) {
  Play("run_scheduler", kScheduler);
  Play("ps", "exit 1\n");
  Play("worker", "exit 0\n");
  Start();
  ASSERT_TRUE(Until([&] { return HasExit("exited\t1\t0", "final"); }));
  EXPECT_EQ(said_.size(), 1u) << "one that has done its work is not worth a word";
  EXPECT_FALSE(Has("orders", "exited\t2")) << Text("orders");
}

// Of several shards in it, one may not have taken its leave.
TEST_F(LocalClusterTest, AServerThatEndsWellIsToldToHaveEnded) {
  Play("run_scheduler", kScheduler);
  Play("ps", "echo $$ > $F/pid; exit 0\n");
  Play("worker", kIdle);
  Start();
  ASSERT_TRUE(Until([&] { return Has("orders", "exited\t1\t0"); }));
  const std::string exit = fmt::format("exited\t1\t0\t{}\tagain", std::stoi(Text("pid")));
  EXPECT_TRUE(Has("orders", exit)) << Text("orders");
}

TEST_F(LocalClusterTest, EndsAreToldAgainToTheNextSchedulerUntilOneHasSettledThem) {
  // The first two die of what they hear; the second one has settled it.
  Play("run_scheduler", R"(
printf 'listening\ttcp://127.0.0.1:4567\n' >&0
while IFS= read -r order; do
  echo "$life $order" >> $F/orders
  [ $life = 2 ] && printf 'progress\ttrain\t1\t1\tline\t1\t1\tscaled\n' >&0
  [ $life -lt 3 ] && kill -KILL $$
done
)");
  Play("ps", "[ $life = 1 ] && exit 3; exec sleep 1000\n");
  Play("worker", kIdle);
  Start([](LocalCluster::Options& options) { options.shape.trainers_per_worker = 1; });
  ASSERT_TRUE(Until([&] { return cluster_->restarts() == 3; }));
  ASSERT_TRUE(Until([&] { return Has("scheduler.starts", "\n") && Text("orders").size() > 0; }));
  cluster_->RequestStop("enough");
  ASSERT_TRUE(Until([&] { return Has("orders", "3 stop\tenough"); }));
  EXPECT_TRUE(HasExit("1 exited\t1\t0", "again")) << Text("orders");
  EXPECT_TRUE(HasExit("2 exited\t1\t0", "again")) << Text("orders");
  EXPECT_FALSE(Has("orders", "3 exited")) << Text("orders");
}

TEST_F(LocalClusterTest, SchedulerThatCannotRunEndsTheRun) {
  Play("run_scheduler", "echo a reason; exit 3\n");
  Play("ps", kIdle);
  Play("worker", kIdle);
  Start();
  ASSERT_TRUE(Until([&] { return cluster_->ended().has_value(); }));
  EXPECT_EQ(cluster_->ended()->code(), StatusCode::kUnavailable);
  EXPECT_THAT(cluster_->ended()->message(), HasSubstr("ends with: a reason; given up after 3"));
  EXPECT_EQ(Text("ps-0.starts"), "") << "nodes wait for a scheduler that listens";
}

TEST_F(LocalClusterTest, SchedulerThatLeavesWithoutAWordIsNoSuccess) {
  Play("run_scheduler", "exit 0\n");
  Start();
  ASSERT_TRUE(Until([&] { return cluster_->ended().has_value(); }));
  EXPECT_EQ(cluster_->ended()->code(), StatusCode::kInternal);
}

TEST_F(LocalClusterTest, TheSchedulersLastWordEndsTheRun) {
  Play("run_scheduler", "printf 'report\\tall good\\nended\\t0\\t\\n' >&0; exit 0\n");
  Start();
  ASSERT_TRUE(Until([&] { return cluster_->ended().has_value(); }));
  EXPECT_TRUE(cluster_->ended()->ok());
  EXPECT_EQ(cluster_->report(), "all good");
}

TEST_F(LocalClusterTest, ResumedRunTellsThatTheNodesOfTheFormerOneAreDead) {
  Play("run_scheduler", R"(
printf 'listening\ttcp://127.0.0.1:4567\n' >&0
for order in 1 2 3; do IFS= read -r line; echo "$line" >> $F/orders; done
until [ -s $F/settle ]; do sleep 0.01; done
printf 'progress\twaiting\t0\t3\tline\t1\t1\tscaled\n' >&0
exec sleep 1000
)");
  Play("ps", kIdle);
  Play("worker", kIdle);
  Start([](LocalCluster::Options& options) { options.resumed = true; });
  ASSERT_TRUE(Until([&] { return Has("orders", "exited\t2\t1\tany\tagain"); }));
  for (const char* node : {"exited\t1\t0\tany\tagain", "exited\t2\t0\tany\tagain"}) {
    EXPECT_TRUE(Has("orders", node)) << Text("orders");
  }
  EXPECT_TRUE(Has("orders", "it ended with the run before")) << Text("orders");
  // Were it told again once nodes are there, it would end them.
  const Instant told = now_;
  ASSERT_TRUE(Until([&] { return now_ - told > seconds(1); }));
  EXPECT_FALSE(Has("ps-0.starts", "ps"));
  scratch_.Write("settle", "now");
  EXPECT_TRUE(Until([&] { return Has("ps-0.starts", "ps"); }));
}

TEST_F(LocalClusterTest, NothingIsStartedAgainAfterAStop) {
  Play("run_scheduler", kScheduler);
  Play("ps", "echo $$ > $F/pid; exec sleep 1000\n");
  Play("worker", kIdle);
  Start();
  ASSERT_TRUE(Until([&] { return Has("pid", "\n"); }));
  cluster_->RequestStop("interrupted");
  ASSERT_EQ(kill(std::stoi(Text("pid")), SIGKILL), 0);
  const std::string exit = fmt::format("exited\t1\t0\t{}\tfinal", std::stoi(Text("pid")));
  ASSERT_TRUE(Until([&] { return Has("orders", exit); })) << Text("orders");
  EXPECT_EQ(said_, std::vector<std::string>{"server-0: killed by SIGKILL"});
}

// A hung process holds its place, and a server's lock on its folder, until it is killed.
TEST_F(LocalClusterTest, NodeThatTheSchedulerHasGivenUpIsKilledAndStartedAgain) {
  Play("run_scheduler", R"(
printf 'listening\ttcp://127.0.0.1:4567\n' >&0
until [ -s $F/pid ]; do sleep 0.01; done
while [ $(wc -l < $F/ps-0.starts) = 1 ]; do
  printf "lost\t$(cat $F/pid)\tsilent for 12 s\nprogress\ttrain\t1\t0\tline\t1\t1\tscaled\n" >&0; sleep 0.01
done
exec sleep 1000
)");
  Play("ps", "[ $life = 1 ] && echo $$ > $F/pid; exec sleep 1000\n");
  Play("worker", kIdle);
  Start();
  ASSERT_TRUE(Until([&] { return !said_.empty(); }));
  EXPECT_EQ(said_[0], "server-0: silent for 12 s: killed; starting it again (restart 1)");
  EXPECT_GE(now_ - Instant{}, seconds(12)) << "a younger one is not meant";
}

// `skybridge scale` leaves its wish in the folder.
TEST_F(LocalClusterTest, ServersThatAreWantedJoinOnceTheSchedulerExpectsThem) {
  Play("run_scheduler", R"(
printf 'listening\ttcp://127.0.0.1:4567\n' >&0
while IFS= read -r order; do
  echo "$life $order" >> "$F/orders"
  printf 'progress\ttrain\t1\t1\tline\t1\t2\tscaling\n' >&0
done
)");
  Play("ps", kIdle);
  Play("worker", kIdle);
  Start();
  ASSERT_TRUE(Until([&] { return !Text("ps-0.starts").empty(); }));
  ASSERT_TRUE(WantServers({scratch_.path()}, 2).has_value());
  ASSERT_TRUE(Until([&] { return !Text("ps-1.starts").empty(); }));
  EXPECT_TRUE(Has("orders", "shards\t2")) << Text("orders");
  EXPECT_TRUE(Has("ps-1.starts", "--joins")) << Text("ps-1.starts");
  EXPECT_FALSE(Has("ps-0.starts", "--joins"));
  EXPECT_TRUE(Said("2 servers are wanted"));
  EXPECT_TRUE(Said("server-1 joins"));
  ASSERT_TRUE(Until([&] {
    return ReadServers({scratch_.path()}) == ServersNow{.wish = 1, .wanted = 2, .servers = 1};
  }));
  scratch_.Write("servers.wanted", "1 3\n");  // Of somebody who wished at the same moment.
  EXPECT_TRUE(Until([&] { return Has("orders", "shards\t3"); })) << Text("orders");
  cluster_.reset();
  EXPECT_EQ(ReadServers({scratch_.path()}), std::nullopt);
  EXPECT_EQ(ServersWanted({scratch_.path()})->servers, 3u);
}

TEST_F(LocalClusterTest, AServerThatTookItsLeaveComesBackWhenItIsWantedAgain) {
  // One server is wanted, then two.
  Play("run_scheduler", R"(
printf 'listening\ttcp://127.0.0.1:4567\n' >&0
wanted=2
while true; do
  printf "progress\ttrain\t1\t1\tline\t1\t$wanted\tscaled\n" >&0; sleep 0.01
done
)");
  Play("ps", "[ $me-$life = ps-1-1 ] && exit 0; exec sleep 1000\n");
  Play("worker", kIdle);
  Start();
  ASSERT_TRUE(Until([&] { return Has("ps-1.starts", "\n"); }));
  const Instant left = now_;
  ASSERT_TRUE(Until([&] { return std::ranges::count(Text("ps-1.starts"), '\n') == 2; }));
  EXPECT_GE(now_ - left, seconds(1)) << "the news of it may be old";
}

// Its slots are on the way to others; nobody else has them.
TEST_F(LocalClusterTest, AServerThatStillHasRowsIsStartedThoughItIsNotWantedAnyMore) {
  Play("run_scheduler", R"(
printf 'listening\ttcp://127.0.0.1:4567\n' >&0
while true; do printf 'progress\ttrain\t1\t3\tline\t2\t1\tscaling\n' >&0; sleep 0.01; done
)");
  Play("ps", kIdle);
  Play("worker", kIdle);
  Start([](LocalCluster::Options& options) { options.resumed = true; });
  EXPECT_TRUE(Until([&] { return Has("ps-1.starts", "--joins"); }));
}

TEST_F(LocalClusterTest, AServerThatCannotJoinIsToldAndTriedAgain) {
  Play("run_scheduler", R"(
printf 'listening\ttcp://127.0.0.1:4567\n' >&0
while true; do printf 'progress\ttrain\t1\t1\tline\t1\t2\tscaling\n' >&0; sleep 0.01; done
)");
  Play("ps", "[ $me = ps-1 ] && exit 1; exec sleep 1000\n");
  Play("worker", kIdle);
  Start();
  const ServersNow stuck{.wanted = 2, .servers = 1, .stuck = 1};
  ASSERT_TRUE(Until([&] { return ReadServers({scratch_.path()}) == stuck; }));
  const Instant since = now_;
  ASSERT_TRUE(Until([&] { return std::ranges::count(Text("ps-1.starts"), '\n') == 2; }));
  EXPECT_GE(now_ - since, seconds(20));
  ASSERT_TRUE(Until([&] { return ReadServers({scratch_.path()}) == stuck; }));
  for (const int starts : {3, 4}) {
    const Instant asked = now_;
    const auto wish = WantServers({scratch_.path()}, 2);
    ASSERT_TRUE(wish.has_value()) << wish.status();
    ASSERT_TRUE(Until([&] { return std::ranges::count(Text("ps-1.starts"), '\n') == starts; }));
    EXPECT_LE(now_ - asked, seconds(5)) << "somebody asked for it, again";
    ASSERT_TRUE(Until([&] {
      const auto news = ReadServers({scratch_.path()});
      return news && news->wish == wish->number && news->stuck == 1;
    }));
  }
}

TEST_F(LocalClusterTest, SchedulerThatSaysNothingIsKilledAndStartedAgain) {
  Play("run_scheduler", R"(
printf 'listening\ttcp://127.0.0.1:4567\n' >&0
[ $life = 1 ] && exec sleep 1000
while true; do printf 'progress\ttrain\t1\t0\tline\t1\t1\tscaled\n' >&0; sleep 0.01; done
)");
  Play("ps", kIdle);
  Play("worker", kIdle);
  Start();
  ASSERT_TRUE(Until([&] { return !said_.empty(); }));
  EXPECT_EQ(said_[0], "scheduler: silent for 12 s: killed; starting it again (restart 1)");
  EXPECT_TRUE(Until([&] { return cluster_->progress().done == 1; }));
}

}  // namespace
}  // namespace skybridge::launch
