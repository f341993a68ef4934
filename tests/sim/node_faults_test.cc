// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/node_faults.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Notes when it was started and when it ticked.
struct Diary {
  std::vector<Instant> starts;
  std::vector<Instant> ticks;
};

// One node under faults for ten minutes.
struct Observed {
  explicit Observed(const NodeFaults& faults, Duration end = minutes(10), bool may_crash = true)
      : cluster({.seed = 1}) {
    class Ticker : public Node {
     public:
      Ticker(Diary& diary, SimCluster& cluster) : diary_(diary), cluster_(cluster) {}
      Effects Handle(const Envelope&, Instant) override { return {}; }
      Effects Tick(Instant) override {
        diary_.ticks.push_back(cluster_.now());
        return {.send = {{.peer = "nobody"}}};
      }
      Effects Finish(std::unique_ptr<Task>, Instant) override { return {}; }
      bool finished() const override { return false; }

     private:
      Diary& diary_;
      SimCluster& cluster_;
    };
    cluster.Add("x", [this] {
      diary.starts.push_back(cluster.now());
      return std::make_unique<Ticker>(diary, cluster);
    });
    PlanNodeFaults(
        1, faults, "x", {end}, [may_crash] { return may_crash; }, cluster);
    EXPECT_FALSE(cluster.Run([] { return false; }, {minutes(10)}));
  }

  // The longest time without a tick.
  Duration LongestPause() const {
    Duration longest{0};
    for (size_t i = 1; i < diary.ticks.size(); ++i) {
      longest = std::max(longest, diary.ticks[i] - diary.ticks[i - 1]);
    }
    return longest;
  }

  Diary diary;
  SimCluster cluster;
};

TEST(NodeFaultsTest, CrashedNodeComesBackAtTheGivenRate) {
  const Observed run({.crashes_per_minute = 6, .restart_max = milliseconds(800)});
  EXPECT_NEAR(static_cast<double>(run.diary.starts.size()), 60, 15);
  EXPECT_EQ(run.cluster.crashes() + 1, run.diary.starts.size());
  EXPECT_LT(run.LongestPause(), seconds(1));
  EXPECT_NE(run.cluster.node("x"), nullptr);
}

TEST(NodeFaultsTest, NodeThatDoesNotRestartCrashesOnce) {
  const Observed run({.crashes_per_minute = 6, .restarts = false});
  EXPECT_EQ(run.cluster.crashes(), 1u);
  EXPECT_EQ(run.cluster.node("x"), nullptr);
}

TEST(NodeFaultsTest, NothingCrashesThatMayNot) {
  const Observed run({.crashes_per_minute = 6}, minutes(10), false);
  EXPECT_EQ(run.cluster.crashes(), 0u);
}

TEST(NodeFaultsTest, FaultsStopAtTheEnd) {
  const Observed run({.crashes_per_minute = 60, .freezes_per_minute = 60, .freeze_max = seconds(1)},
                     minutes(1));
  EXPECT_GT(run.diary.starts.size(), 10u);
  EXPECT_LT(run.diary.starts.back(), Instant{minutes(1) + seconds(1)});
}

TEST(NodeFaultsTest, FreezesKeepTheirLengthAndLeaveTimeBetween) {
  const Observed run({.freezes_per_minute = 6, .freeze_max = seconds(4)});
  EXPECT_GT(run.LongestPause(), seconds(2));
  EXPECT_LT(run.LongestPause(), seconds(5));
  EXPECT_EQ(run.diary.starts.size(), 1u);
}

}  // namespace
}  // namespace skybridge::sim
