// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>
#include <map>
#include <tuple>

#include "tests/cluster/garbage_peer.h"
#include "tests/cluster/hand_cluster.h"
#include "tests/cluster/proxy.h"

namespace skybridge::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Link { kSchedulerShard, kSchedulerWorker, kWorkerShard };

struct NamedFault {
  const char* name;
  LinkFault fault;
  bool resets = false;  // Connections that there are end, too.
  Duration length = milliseconds(1000);
};

const NamedFault kFaults[] = {
    {"Delay", {.delay = milliseconds(200)}},
    {"Slow", {.bytes_per_s = 2000}},
    {"Stall", {.hold_up = true, .hold_down = true}},
    {"HeldUp", {.hold_up = true}},
    {"HeldDown", {.hold_down = true}},
    {"Resets", {.reset_after = 3000}},
    // Longer than a handshake may take (2 s): who connected meanwhile must connect again.
    {"HalfOpen", {.half_open = true}, true, milliseconds(3000)}};

// A cluster of processes with a proxy on one of its links.
class LinkTest : public HandClusterTest {
 protected:
  void StartCluster(Link link, std::vector<std::string> job) {
    MakeData();
    scheduler_.emplace(StartScheduler(job));
    std::vector<std::string> server = job, worker = job;
    if (link == Link::kWorkerShard) {
      const std::string own = "tcp://127.0.0.1:" + std::to_string(FreePort());
      proxy_.emplace(own);
      server.insert(server.end(), {"--listen", own, "--advertise", proxy_->endpoint()});
    } else {
      proxy_.emplace(endpoint());
      std::vector<std::string>& node = link == Link::kSchedulerShard ? server : worker;
      node.insert(node.end(), {"--scheduler", proxy_->endpoint()});
    }
    server_.emplace(StartServer(server));
    worker_.emplace(StartWorker(worker));
    ASSERT_TRUE(WaitForText("scheduler.log", "train ")) << Read("scheduler.log");
    ASSERT_GT(proxy_->connections(), 0u) << "the link does not lead through the proxy";
  }
  void ExpectTheUsualResult(const std::vector<std::string>& job) {
    for (auto* process : {&worker_, &server_, &scheduler_}) {
      const auto exit = (*process)->Wait(kPatience);
      ASSERT_TRUE(exit && exit->ok())
          << Read("scheduler.log") << Read("ps.log") << Read("worker.log");
    }
    static auto& expected = *new std::map<std::vector<std::string>, decltype(HashesOf(""))>;
    if (expected[job].empty()) expected[job] = TableHashes(job);
    EXPECT_EQ(HashesOf("run"), expected[job]);
  }

  std::optional<Proxy> proxy_;
  std::optional<env::Process> scheduler_, server_, worker_;
};

class LinkFaultTest : public LinkTest,
                      public testing::WithParamInterface<std::tuple<Link, NamedFault>> {};

// Promise: whatever a link does for a while, the result is the same.
TEST_P(LinkFaultTest, IsOutlived) {
  const auto& [link, fault] = GetParam();
  const std::vector<std::string> job = {"--set", "training.epochs=30"};
  StartCluster(link, job);
  if (HasFatalFailure()) return;
  const uint64_t before = proxy_->connections();
  proxy_->Set(fault.fault);
  if (fault.resets) proxy_->Reset();
  usleep(static_cast<useconds_t>(fault.length / std::chrono::microseconds(1)));
  EXPECT_FALSE(scheduler_->Poll().has_value()) << "the job was over before the fault was";
  if (fault.resets) {
    EXPECT_GT(proxy_->connections(), before) << "nobody connected again";
  }
  proxy_->Set({});
  ExpectTheUsualResult(job);
}

std::string NameOf(const testing::TestParamInfo<std::tuple<Link, NamedFault>>& it) {
  constexpr const char* kLinks[] = {"SchedulerShard", "SchedulerWorker", "WorkerShard"};
  const auto& [link, fault] = it.param;
  return std::string(kLinks[static_cast<size_t>(link)]) + fault.name;
}

INSTANTIATE_TEST_SUITE_P(Links, LinkFaultTest,
                         testing::Combine(testing::Values(Link::kSchedulerShard,
                                                          Link::kSchedulerWorker,
                                                          Link::kWorkerShard),
                                          testing::ValuesIn(kFaults)),
                         NameOf);

// Promise: who is cut off for good is replaced, and cannot do harm when the link is back.
TEST_F(LinkTest, ServerCutOffLongerThanTheExpiryIsFencedAndItsSuccessorGoesOn) {
  const std::vector<std::string> job = {"--set", "training.epochs=60", "--set",
                                        "cluster.dead_after_s=2"};
  StartCluster(Link::kSchedulerShard, job);
  if (HasFatalFailure()) return;
  proxy_->Set({.hold_up = true, .hold_down = true});
  ASSERT_TRUE(WaitForText("run/scheduler.log", ") silent for 2 s", seconds(10)));
  proxy_->Set({});
  const auto fenced = server_->Wait(seconds(20));
  ASSERT_TRUE(fenced.has_value()) << "it goes on";
  EXPECT_EQ(fenced->code, 4) << Read("ps.log");
  EXPECT_NE(Read("ps.log").find("is out: silent for 2 s"), std::string::npos) << Read("ps.log");
  server_.emplace(StartServer(job));
  ExpectTheUsualResult(job);
}

TEST_F(LinkTest, WhereAServerIsReachedHasToBeAPlaceForOneShard) {
  MakeData();
  Pretend("tcp://127.0.0.1:1", std::string(32, '7'));
  const std::string log = "ps.log";
  env::Process nonsense = StartServer({"--advertise", "nonsense"});
  auto exit = nonsense.Wait(seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 2);
  EXPECT_NE(Read(log).find("--advertise \"nonsense\": it is no endpoint"), std::string::npos);
  env::Process two =
      StartServer({"--advertise", "tcp://127.0.0.1:2", "--set", "cluster.shards_per_server=2"});
  exit = two.Wait(seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 1);
  EXPECT_NE(Read(log).find("the job has 2 in each server"), std::string::npos) << Read(log);
}

}  // namespace
}  // namespace skybridge::cluster
