// SPDX-License-Identifier: Apache-2.0
#include "launch/chaos_plan.h"

#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Plays a plan against five processes; one text a fault.
std::vector<std::string> Play(const ChaosOptions& options) {
  ChaosPlan plan(options);
  std::vector<std::string> played;
  while (!plan.over()) {
    const Fault fault = plan.Next();
    played.push_back(fmt::format("{} {} {} {} {}", static_cast<int>(fault.kind), fault.victims,
                                 fault.pause.count(), fault.length.count(), plan.Victim(5)));
    plan.Count(fault.kind);
  }
  return played;
}

TEST(ChaosPlanTest, TheSeedAloneDecides) {
  const ChaosOptions options{.seed = 3, .kills = 30, .freezes = 10};
  EXPECT_EQ(Play(options), Play(options));
  ChaosOptions other = options;
  other.seed = 4;
  EXPECT_NE(Play(options), Play(other));
  EXPECT_EQ(Play(options).size(), 40u);
}

TEST(ChaosPlanTest, FaultsAreMixedAndWithinTheirBounds) {
  const ChaosOptions options{.seed = 1, .kills = 2000, .freezes = 2000};
  ChaosPlan plan(options);
  uint64_t all = 0, two = 0, short_freezes = 0, kills_first_half = 0;
  for (int i = 0; !plan.over(); ++i) {
    const Fault fault = plan.Next();
    plan.Count(fault.kind);
    const bool kill = fault.kind == Fault::Kind::kKill;
    if (kill && i < 2000) ++kills_first_half;
    all += fault.victims == Fault::kAll;
    two += fault.victims == 2;
    EXPECT_GE(fault.pause, milliseconds(200));
    EXPECT_LE(fault.pause, milliseconds(1500));
    if (kill) continue;
    EXPECT_GE(fault.length, milliseconds(99));
    EXPECT_LE(fault.length, seconds(20));
    short_freezes += fault.length < milliseconds(1414);
  }
  EXPECT_EQ(plan.kills(), 2000u);
  EXPECT_EQ(plan.freezes(), 2000u);
  EXPECT_NEAR(static_cast<double>(all), 100, 40);
  EXPECT_NEAR(static_cast<double>(two), 100, 40);
  EXPECT_NEAR(static_cast<double>(short_freezes), 1000, 150);
  EXPECT_NEAR(static_cast<double>(kills_first_half), 1000, 150);
}

TEST(ChaosPlanTest, AFaultOfManyMayOvershootAndEndsThePlan) {
  ChaosPlan plan({.seed = 1, .kills = 3});
  for (int i = 0; i < 5; ++i) plan.Count(Fault::Kind::kKill);
  EXPECT_TRUE(plan.over());
}

TEST(ChaosPlanTest, OptionsOutOfBoundsAreNamed) {
  EXPECT_TRUE(ChaosOptions().Validate().ok());
  EXPECT_EQ(ChaosOptions({.kills = 0}).Validate().message(),
            "kills 0, freezes 0: there is nothing to do");
  EXPECT_EQ(ChaosOptions({.pause_s = 0}).Validate().message(), "pause_s 0: expected 0.01 to 3600");
  EXPECT_EQ(ChaosOptions({.freeze_s = 0.01}).Validate().message(),
            "freeze_s 0.01: expected 0.1 to 3600");
}

}  // namespace
}  // namespace skybridge::launch
