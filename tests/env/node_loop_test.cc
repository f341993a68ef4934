// SPDX-License-Identifier: Apache-2.0
#include "env/node_loop.h"

#include <deque>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::env {
namespace {

using std::chrono::milliseconds;
using Words = std::vector<std::string>;

// What happened around the node, in order.
Words* happened;

struct FakeClock : Clock {
  Instant Now() override { return now; }
  Instant now;
};

// Gives what is in `incoming`; silence costs the whole timeout, a message one millisecond.
class FakeTransport : public Transport {
 public:
  explicit FakeTransport(FakeClock& clock) : clock_(clock) {}
  void Send(Envelope message) override { happened->push_back("send " + message.header); }
  std::optional<Envelope> Receive(Duration timeout) override {
    if (incoming.empty()) {
      clock_.now = clock_.now + timeout;
      return std::nullopt;
    }
    clock_.now = clock_.now + milliseconds(1);
    Envelope message = std::move(incoming.front());
    incoming.pop_front();
    return message;
  }
  std::deque<Envelope> incoming;

 private:
  FakeClock& clock_;
};

struct FakeLog : RecordLog {
  Status Write(std::span<const Record> records) override {
    for (const Record& record : records) happened->push_back("persist " + record.bytes);
    return result;
  }
  Status result;
};

struct NoTask : Task {
  void Run() override {}
};

// Persists, sends and starts at "all"; ends at "end" or after `ticks_max` ticks.
class FakeNode : public Node {
 public:
  Effects Handle(const Envelope& message, Instant) override {
    Effects out;
    happened->push_back("handle " + message.header);
    if (message.header == "end") finished_ = true;
    if (message.header == "all") {
      out.start.push_back(std::make_unique<NoTask>());
      out.send.push_back({.peer = "peer", .header = "reply"});
      out.persist.push_back({"record"});
    }
    return out;
  }
  Effects Tick(Instant now) override {
    ticks.push_back(now);
    if (ticks.size() >= ticks_max) finished_ = true;
    return {};
  }
  Effects Finish(std::unique_ptr<Task>, Instant) override {
    happened->push_back("finish");
    finished_ = true;
    return {};
  }
  bool finished() const override { return finished_; }

  size_t ticks_max = 1000;
  std::vector<Instant> ticks;

 private:
  bool finished_ = false;
};

class NodeLoopTest : public testing::Test {
 protected:
  NodeLoopTest() { happened = &happened_; }
  void Arrive(const Words& headers) {
    for (const std::string& header : headers) transport_.incoming.push_back({"peer", header, ""});
  }
  Status Run() {
    TaskPool pool(1);
    TaskQueue tasks(pool, [] {});
    return RunNode(node_, {clock_, transport_, tasks, log_}, stop_.get_token());
  }

  Words happened_;
  FakeClock clock_;
  FakeTransport transport_{clock_};
  FakeLog log_;
  FakeNode node_;
  std::stop_source stop_;
};

TEST_F(NodeLoopTest, RecordsAreKeptBeforeMessagesLeaveAndTasksComeBack) {
  Arrive({"all"});
  node_.ticks_max = 1'000'000;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(happened_, (Words{"handle all", "persist record", "send reply", "finish"}));
}

TEST_F(NodeLoopTest, NodeThatCannotPersistDoesNotSpeak) {
  log_.result = Status(StatusCode::kUnavailable, "disk failed");
  Arrive({"all", "more"});
  EXPECT_EQ(Run(), log_.result);
  EXPECT_EQ(happened_, (Words{"handle all", "persist record"}));
}

TEST_F(NodeLoopTest, SilenceTicksEveryFewMilliseconds) {
  node_.ticks_max = 10;
  ASSERT_TRUE(Run().ok());
  for (size_t i = 1; i < node_.ticks.size(); ++i) {
    EXPECT_EQ(node_.ticks[i] - node_.ticks[i - 1], milliseconds(5));
  }
}

TEST_F(NodeLoopTest, LoadDoesNotKeepTicksAway) {
  node_.ticks_max = 10;
  for (int i = 0; i < 1000; ++i) Arrive({"message"});
  ASSERT_TRUE(Run().ok());
  ASSERT_EQ(node_.ticks.size(), 10u);
  for (size_t i = 1; i < node_.ticks.size(); ++i) {
    EXPECT_LE(node_.ticks[i] - node_.ticks[i - 1], milliseconds(21));
  }
  EXPECT_GE(happened_.size(), 100u);
}

TEST_F(NodeLoopTest, FinishedNodeHearsNothingMore) {
  Arrive({"end", "more"});
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(happened_, (Words{"handle end"}));
}

TEST_F(NodeLoopTest, StopRequestEndsTheLoop) {
  stop_.request_stop();
  Arrive({"more"});
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(happened_.empty());
}

}  // namespace
}  // namespace skybridge::env
