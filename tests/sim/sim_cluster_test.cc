// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_cluster.h"

#include <string>

#include <gtest/gtest.h>

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What the toy nodes of one test did, over all their lives.
struct Diary {
  std::vector<std::string> heard;  // "peer: header".
  int ticks = 0;
  int tasks_run = 0;
  int tasks_finished = 0;
};

class CountingTask : public Task {
 public:
  explicit CountingTask(Diary& diary) : diary_(diary) {}
  void Run() override { ++diary_.tasks_run; }

 private:
  Diary& diary_;
};

// Answers "ping" with a persisted "pong"; on each tick sends `per_tick` pings to `target`.
class Toy : public Node {
 public:
  Toy(Diary& diary, std::string target, int per_tick, bool task = false)
      : diary_(diary), target_(std::move(target)), per_tick_(per_tick), task_(task) {}

  Effects Handle(const Envelope& message, Instant now) override {
    CHECK(now >= last_);
    last_ = now;
    diary_.heard.push_back(message.peer + ": " + message.header);
    if (message.header == "stop") finished_ = true;
    if (message.header != "ping") return {};
    Effects effects;
    effects.persist.push_back({"heard ping"});
    effects.send.push_back({.peer = message.peer, .header = "pong"});
    return effects;
  }

  Effects Tick(Instant now) override {
    CHECK(now >= last_);
    last_ = now;
    ++diary_.ticks;
    Effects effects;
    for (int i = 0; i < per_tick_; ++i) effects.send.push_back({.peer = target_, .header = "ping"});
    if (task_) effects.start.push_back(std::make_unique<CountingTask>(diary_));
    return effects;
  }

  Effects Finish(std::unique_ptr<Task> task, Instant) override {
    CHECK(task != nullptr);
    ++diary_.tasks_finished;
    return {.send = {{.peer = target_, .header = "task done"}}};
  }

  bool finished() const override { return finished_; }

 private:
  Diary& diary_;
  const std::string target_;
  const int per_tick_;
  const bool task_;
  Instant last_;
  bool finished_ = false;
};

bool Never() { return false; }

// A client that pings a server.
struct Pair {
  explicit Pair(SimClusterOptions options, bool task = false) : cluster(options) {
    cluster.Add("client",
                [this, task] { return std::make_unique<Toy>(client, "server", 1, task); });
    cluster.Add("server", [this] { return std::make_unique<Toy>(server, "", 0); });
  }
  void RunFor(Duration time) { EXPECT_FALSE(cluster.Run(Never, cluster.now() + time)); }

  Diary client;
  Diary server;
  SimCluster cluster;
};

constexpr LinkFaults kBadLinks{.drop = 0.1,
                               .duplicate = 0.1,
                               .reorder = 0.1,
                               .delay_min = milliseconds(1),
                               .delay_max = milliseconds(9),
                               .late_max = milliseconds(100)};

TEST(SimClusterTest, RequestsNameALifeAndRepliesNameTheEndpoint) {
  Pair pair({.seed = 1});
  pair.RunFor(seconds(1));
  ASSERT_FALSE(pair.server.heard.empty());
  EXPECT_EQ(pair.server.heard[0], "client#1: ping");
  ASSERT_FALSE(pair.client.heard.empty());
  EXPECT_EQ(pair.client.heard[0], "server: pong");
}

TEST(SimClusterTest, TicksComeAboutOncePerPeriod) {
  Pair pair({.seed = 1, .tick = milliseconds(10)});
  pair.RunFor(seconds(10));
  EXPECT_NEAR(pair.client.ticks, 800, 20);  // 12.5 ms on average.
}

TEST(SimClusterTest, SameSeedHasTheSameTraceAndAnotherSeedAnother) {
  const auto trace = [](uint64_t seed) {
    Pair pair({.seed = seed, .links = kBadLinks, .task_max = milliseconds(50)}, true);
    pair.cluster.At({seconds(2)}, [&] { pair.cluster.Crash("server"); });
    pair.cluster.At({seconds(3)}, [&] { pair.cluster.Restart("server"); });
    pair.RunFor(seconds(5));
    return pair.cluster.trace_hash();
  };
  EXPECT_EQ(trace(1), trace(1));
  EXPECT_NE(trace(1), trace(2));
}

TEST(SimClusterTest, TraceDependsOnTheBytesOfMessages) {
  class Talker : public Toy {
   public:
    Talker(Diary& diary, Envelope word) : Toy(diary, "", 0), word_(std::move(word)) {}
    Effects Tick(Instant) override { return {.send = {word_}}; }

   private:
    const Envelope word_;
  };
  const auto trace = [](const char* header, const char* payload) {
    Diary diary;
    SimCluster cluster({.seed = 1});
    const Envelope word{.peer = "nobody", .header = header, .payload = payload};
    cluster.Add("talker", [&] { return std::make_unique<Talker>(diary, word); });
    EXPECT_FALSE(cluster.Run(Never, {seconds(1)}));
    return cluster.trace_hash();
  };
  EXPECT_EQ(trace("a", "b"), trace("a", "b"));
  EXPECT_NE(trace("a", "b"), trace("x", "b"));
  EXPECT_NE(trace("a", "b"), trace("a", "x"));
  EXPECT_NE(trace("a", "b"), trace("ab", ""));
}

TEST(SimClusterTest, CrashedNodeReceivesNothingUntilItRestarts) {
  Pair pair({.seed = 1, .links = kBadLinks});
  pair.RunFor(seconds(1));
  const size_t heard = pair.server.heard.size();
  EXPECT_GT(heard, 0u);

  pair.cluster.Crash("server");
  EXPECT_EQ(pair.cluster.node("server"), nullptr);
  const int ticks = pair.server.ticks;
  pair.RunFor(seconds(1));
  EXPECT_EQ(pair.server.heard.size(), heard);
  EXPECT_EQ(pair.server.ticks, ticks);

  pair.cluster.Restart("server");
  EXPECT_NE(pair.cluster.node("server"), nullptr);
  pair.RunFor(seconds(1));
  EXPECT_GT(pair.server.heard.size(), heard);
  EXPECT_EQ(pair.cluster.crashes(), 1u);
}

TEST(SimClusterTest, MessagesToOneLifeDoNotReachTheNext) {
  Pair pair({.seed = 1, .links = {.delay_min = milliseconds(500), .delay_max = milliseconds(500)}});
  pair.RunFor(milliseconds(900));  // Pings arrived, pongs are under way.
  ASSERT_FALSE(pair.server.heard.empty());
  ASSERT_TRUE(pair.client.heard.empty());
  pair.cluster.Crash("client");
  pair.cluster.Restart("client");
  pair.RunFor(milliseconds(900));  // Pongs to the first life arrive now.
  EXPECT_TRUE(pair.client.heard.empty());
  pair.RunFor(milliseconds(300));
  EXPECT_FALSE(pair.client.heard.empty());
  EXPECT_EQ(pair.server.heard.back(), "client#2: ping");
}

TEST(SimClusterTest, ReplayedRequestsReachTheNextLife) {
  Pair pair({.seed = 1, .links = {.drop = 1, .replay = 1, .replay_max = seconds(1)}});
  pair.RunFor(milliseconds(900));
  pair.cluster.Crash("server");
  pair.cluster.Crash("client");  // Nobody sends any more.
  pair.cluster.Restart("server");
  const size_t heard = pair.server.heard.size();
  EXPECT_GT(heard, 0u);
  pair.RunFor(seconds(2));
  EXPECT_GT(pair.server.heard.size(), heard);
  EXPECT_EQ(pair.server.heard.back(), "client#1: ping");
}

TEST(SimClusterTest, ReplayedRepliesReachTheLifeThatAskedAndNoOther) {
  Pair pair({.seed = 1, .links = {.drop = 1, .replay = 1, .replay_max = seconds(1)}});
  pair.RunFor(milliseconds(900));
  pair.cluster.Crash("server");  // Nobody answers any more.
  const size_t heard = pair.client.heard.size();
  EXPECT_GT(heard, 0u);
  pair.RunFor(milliseconds(50));
  EXPECT_GT(pair.client.heard.size(), heard);  // Some are under way.
  const size_t before = pair.client.heard.size();
  pair.cluster.Crash("client");
  pair.cluster.Restart("client");
  pair.RunFor(seconds(2));
  EXPECT_EQ(pair.client.heard.size(), before);
}

TEST(SimClusterTest, AnObserverSeesWhatWasDone) {
  class Watch : public SimObserver {
   public:
    void Started(const std::string& node) override { seen.push_back(node + " starts"); }
    void Hears(const std::string& node, const Envelope& message) override {
      seen.push_back(node + " hears " + message.header);
    }
    void Kept(const std::string& node, const Record& record) override {
      seen.push_back(node + " keeps " + record.bytes);
    }
    void Said(const std::string& node, const Envelope& message) override {
      seen.push_back(node + " says " + message.header + " to " + message.peer);
    }
    std::vector<std::string> seen;
  };
  Watch watch;
  Pair pair({.seed = 1, .tick = milliseconds(100)});
  pair.cluster.Observe(&watch);
  pair.RunFor(milliseconds(99));
  EXPECT_EQ(watch.seen,
            (std::vector<std::string>{"client says ping to server", "server hears ping",
                                      "server keeps heard ping", "server says pong to client#1",
                                      "client hears pong"}));
  pair.cluster.Crash("server");
  pair.cluster.Restart("server");
  EXPECT_EQ(watch.seen.back(), "server starts");
}

TEST(SimClusterTest, RecordsAreDurableBeforeAnyMessageLeaves) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Pair pair({.seed = seed, .tick = milliseconds(100)});
    pair.RunFor(milliseconds(110));
    pair.cluster.CrashInNextEffects("server");
    pair.RunFor(milliseconds(300));
    ASSERT_EQ(pair.cluster.node("server"), nullptr);
    EXPECT_LE(pair.client.heard.size(), pair.cluster.records("server").size());
  }
}

TEST(SimClusterTest, CrashWithinEffectsStopsBeforeBetweenOrAfterTheParts) {
  int before = 0;
  int between = 0;
  int after = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Pair pair({.seed = seed});
    pair.cluster.CrashInNextEffects("server");
    pair.RunFor(milliseconds(300));
    const size_t persisted = pair.cluster.records("server").size();
    const size_t sent = pair.client.heard.size();
    before += persisted == 0 && sent == 0;
    between += persisted == 1 && sent == 0;
    after += persisted == 1 && sent == 1;
  }
  EXPECT_EQ(before + between + after, 300);
  EXPECT_GT(before, 50);
  EXPECT_GT(between, 50);
  EXPECT_GT(after, 50);
}

TEST(SimClusterTest, TasksFinishAfterTheirDelayAndACrashLosesThem) {
  Pair pair({.seed = 1, .task_min = milliseconds(400), .task_max = milliseconds(400)}, true);
  pair.RunFor(milliseconds(390));
  EXPECT_EQ(pair.client.tasks_run, 0);
  pair.RunFor(seconds(1));
  EXPECT_GT(pair.client.tasks_finished, 0);
  EXPECT_EQ(pair.client.tasks_run, pair.client.tasks_finished);

  const int finished = pair.client.tasks_finished;
  pair.cluster.Crash("client");
  const int half_done = pair.client.tasks_run - finished;  // Of about 16 under way.
  EXPECT_GT(half_done, 0);
  EXPECT_LT(half_done, 16);
  pair.RunFor(seconds(1));
  EXPECT_EQ(pair.client.tasks_finished, finished);
  EXPECT_EQ(pair.client.tasks_run, finished + half_done);
}

TEST(SimClusterTest, TasksOfAFinishedNodeEndWithIt) {
  Pair pair({.seed = 1, .task_min = milliseconds(400), .task_max = milliseconds(400)}, true);
  pair.RunFor(milliseconds(390));
  Envelope stop{.peer = "", .header = "stop"};
  pair.cluster.node("client")->Handle(stop, pair.cluster.clock("client"));
  ASSERT_TRUE(pair.cluster.node("client")->finished());
  pair.RunFor(seconds(1));
  pair.cluster.Crash("client");  // Would run again what is under way.
  EXPECT_EQ(pair.client.tasks_run, 0);
}

TEST(SimClusterTest, WhatWasUnderWayMayReachALaterCluster) {
  Pair earlier({.seed = 1, .links = {.delay_min = seconds(9), .delay_max = seconds(9)}});
  earlier.RunFor(seconds(1));
  const auto requests = earlier.cluster.TakeRequests();
  ASSERT_FALSE(requests.empty());
  EXPECT_EQ(requests[0].to, "server");
  EXPECT_EQ(requests[0].message.peer, "client#1");
  Diary diary;
  SimCluster later({.seed = 2});
  later.Add("server", [&] { return std::make_unique<Toy>(diary, "", 0); });
  later.Deliver(requests[0], {seconds(3)});
  later.Deliver({.to = "nobody", .message = {}}, {seconds(3)});
  EXPECT_FALSE(later.Run(Never, {seconds(4)}));
  EXPECT_EQ(diary.heard, std::vector<std::string>{"client#0: ping"});
}

TEST(SimClusterTest, ANodeMayBeginWithRecordsOfAnEarlierOne) {
  SimCluster cluster({.seed = 1});
  size_t found = 0;
  Diary diary;
  cluster.Add("a",
              [&] {
                found = cluster.records("a").size();
                return std::make_unique<Toy>(diary, "", 0);
              },
              {{"one"}, {"two"}});
  EXPECT_EQ(found, 2u);
}

TEST(SimClusterTest, FrozenNodeCatchesUpLater) {
  Pair pair({.seed = 1});
  pair.cluster.Freeze("server", {seconds(2)});
  pair.RunFor(milliseconds(1990));
  EXPECT_TRUE(pair.server.heard.empty());
  EXPECT_EQ(pair.server.ticks, 0);
  pair.RunFor(milliseconds(20));
  EXPECT_GT(pair.server.heard.size(), 60u);  // Two seconds of pings.
}

TEST(SimClusterTest, FinishedNodeStaysAndDoesNothing) {
  class Stopper : public Toy {
   public:
    using Toy::Toy;
    Effects Tick(Instant) override { return {.send = {{.peer = "server", .header = "stop"}}}; }
  };
  Pair pair({.seed = 1});
  Diary diary;
  pair.cluster.Add("stopper", [&] { return std::make_unique<Stopper>(diary, "server", 0); });
  const auto server_finished = [&] { return pair.cluster.node("server")->finished(); };
  EXPECT_TRUE(pair.cluster.Run(server_finished, {seconds(1)}));
  const size_t heard = pair.server.heard.size();
  pair.RunFor(seconds(1));
  EXPECT_EQ(pair.server.heard.size(), heard);
  pair.cluster.Restart("server");
  EXPECT_FALSE(server_finished());
}

TEST(SimClusterTest, RunStopsAtItsConditionAndAtItsDeadline) {
  Pair pair({.seed = 1});
  EXPECT_TRUE(pair.cluster.Run([&] { return pair.client.ticks == 3; }, {seconds(9)}));
  EXPECT_EQ(pair.client.ticks, 3);
  EXPECT_FALSE(pair.cluster.Run(Never, {seconds(9)}));
  EXPECT_EQ(pair.cluster.now(), Instant{seconds(9)});
}

}  // namespace
}  // namespace skybridge::sim
