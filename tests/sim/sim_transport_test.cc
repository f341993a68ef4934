// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_transport.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMessages = 20000;

Instant At(Duration since_start) { return {since_start}; }

// All arrivals of kMessages messages, one a millisecond, in order of sending.
std::vector<std::vector<Instant>> SendMany(SimTransport& transport, const char* from = "a",
                                           const char* to = "b") {
  std::vector<std::vector<Instant>> arrivals;
  for (int i = 0; i < kMessages; ++i) {
    arrivals.push_back(transport.Arrivals(from, to, At(milliseconds(i))));
  }
  return arrivals;
}

TEST(SimTransportTest, HealthyLinkDeliversEachMessageOnceInOrder) {
  SimTransport transport(1, {.delay_min = milliseconds(1), .delay_max = milliseconds(50)});
  Instant last;
  const auto arrivals = SendMany(transport);
  for (int i = 0; i < kMessages; ++i) {
    const auto& at = arrivals[static_cast<size_t>(i)];
    ASSERT_EQ(at.size(), 1u);
    EXPECT_GE(at[0], last);
    EXPECT_GE(at[0], At(milliseconds(i + 1)));
    EXPECT_LE(at[0], At(milliseconds(i + 50)));
    last = at[0];
  }
}

TEST(SimTransportTest, DropsAndDuplicatesAtTheirRates) {
  SimTransport transport(2, {.drop = 0.1, .duplicate = 0.2, .late_max = seconds(1)});
  int lost = 0;
  int doubled = 0;
  for (const auto& at : SendMany(transport)) {
    lost += at.empty();
    doubled += at.size() == 2;
  }
  EXPECT_NEAR(lost, 0.1 * kMessages, 0.01 * kMessages);
  EXPECT_NEAR(doubled, 0.2 * (kMessages - lost), 0.01 * kMessages);
  EXPECT_EQ(transport.sent(), static_cast<uint64_t>(kMessages));
  EXPECT_EQ(transport.dropped(), static_cast<uint64_t>(lost));
  EXPECT_EQ(transport.duplicated(), static_cast<uint64_t>(doubled));
}

TEST(SimTransportTest, ReorderedMessagesAreOvertaken) {
  SimTransport transport(3, {.reorder = 0.1, .late_max = milliseconds(100)});
  const auto arrivals = SendMany(transport);
  int overtaken = 0;
  for (size_t i = 1; i < arrivals.size(); ++i) overtaken += arrivals[i][0] < arrivals[i - 1][0];
  EXPECT_NEAR(overtaken, 0.1 * kMessages, 0.02 * kMessages);
}

TEST(SimTransportTest, CutLosesOneDirectionForAnIntervalOnly) {
  SimTransport transport(4, {});
  transport.CutOneWay("a", "b", At(seconds(2)), At(seconds(5)));
  const auto there = SendMany(transport, "a", "b");
  const auto back = SendMany(transport, "b", "a");
  for (size_t i = 0; i < there.size(); ++i) {
    EXPECT_EQ(there[i].empty(), i >= 2000 && i < 5000) << "message " << i;
    EXPECT_FALSE(back[i].empty()) << "message " << i;
  }
}

TEST(SimTransportTest, RandomCutsEndWithinTheirBoundAndLeavePauses) {
  SimTransport transport(5, {.cuts_per_second = 1, .cut_max = milliseconds(500)});
  int run = 0;
  int longest = 0;
  int calm = kMessages;
  int shortest_calm = kMessages;
  int cuts = 0;
  for (const auto& at : SendMany(transport)) {
    if (at.empty()) {
      if (run == 0) shortest_calm = std::min(shortest_calm, calm);
      cuts += run == 0;
      longest = std::max(longest, ++run);
      calm = 0;
    } else {
      run = 0;
      ++calm;
    }
  }
  EXPECT_GE(cuts, 8);  // 20 s, a pause of 1.5 s on average, cuts of 0.25 s.
  EXPECT_LE(cuts, 18);
  EXPECT_LE(longest, 501);
  EXPECT_GE(shortest_calm, 499);
}

TEST(SimTransportTest, HealedNetworkLosesNothing) {
  SimTransport transport(6, {.drop = 0.5,
                             .duplicate = 0.5,
                             .reorder = 0.5,
                             .late_max = seconds(1),
                             .cuts_per_second = 1,
                             .cut_max = seconds(1)});
  transport.CutOneWay("a", "b", At(seconds(0)), At(seconds(1000)));
  transport.Heal();
  Instant last;
  for (const auto& at : SendMany(transport)) {
    ASSERT_EQ(at.size(), 1u);
    EXPECT_GE(at[0], last);
    last = at[0];
  }
}

TEST(SimTransportTest, ReplaysComeLateAtTheirRateAndChangeNoArrivals) {
  const LinkFaults faults{.drop = 0.3, .late_max = seconds(1)};
  LinkFaults replaying = faults;
  replaying.replay = 0.1;
  replaying.replay_max = seconds(30);
  SimTransport transport(9, replaying);
  SimTransport twin(9, faults);
  int replays = 0;
  Duration latest{0};
  for (int i = 0; i < kMessages; ++i) {
    const Instant now = At(milliseconds(i));
    EXPECT_EQ(transport.Arrivals("a", "b", now), twin.Arrivals("a", "b", now));
    EXPECT_FALSE(twin.Replay("a", "b", now));
    const auto at = transport.Replay("a", "b", now);
    if (!at) continue;
    ++replays;
    EXPECT_GE(*at, now);
    latest = std::max(latest, *at - now);
  }
  EXPECT_NEAR(replays, 0.1 * kMessages, 0.01 * kMessages);
  EXPECT_GT(latest, seconds(29));
  EXPECT_LE(latest, seconds(30));
  transport.Heal();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(transport.Replay("a", "b", At(seconds(100))));
}

TEST(SimTransportTest, FateDependsOnTheSeedAndTheLinkAlone) {
  const LinkFaults faults{.drop = 0.3, .duplicate = 0.3, .late_max = seconds(1)};
  SimTransport alone(7, faults);
  SimTransport busy(7, faults);
  SimTransport other(8, faults);
  (void)SendMany(busy, "c", "d");  // For its effect on the streams, which must be none.
  const auto expected = SendMany(alone);
  EXPECT_EQ(SendMany(busy), expected);
  EXPECT_NE(SendMany(other), expected);
  EXPECT_NE(SendMany(alone, "b", "a"), expected);
}

}  // namespace
}  // namespace skybridge::sim
