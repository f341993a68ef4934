// SPDX-License-Identifier: Apache-2.0
#include "ps/staleness_gate.h"

#include <gtest/gtest.h>

namespace skybridge::ps {
namespace {

constexpr Rank kFast = Rank(0);
constexpr Rank kSlow = Rank(1);

bool Serves(const StalenessGate& gate, Rank rank, uint64_t clock) {
  const auto may = gate.MayServe(rank, clock);
  EXPECT_TRUE(may.has_value()) << may.error();
  return may && *may;
}

TEST(StalenessGateTest, FastRankWaitsAtTheBound) {
  StalenessGate gate(2, 2);
  EXPECT_TRUE(Serves(gate, kFast, 3));
  EXPECT_FALSE(Serves(gate, kFast, 4));
  ASSERT_TRUE(gate.SetDone(kFast, 3).ok());
  EXPECT_FALSE(Serves(gate, kFast, 4));
  ASSERT_TRUE(gate.SetDone(kSlow, 1).ok());
  EXPECT_TRUE(Serves(gate, kFast, 4));
}

TEST(StalenessGateTest, WithoutABoundNobodyWaits) {
  const StalenessGate gate(2, std::nullopt);
  EXPECT_TRUE(Serves(gate, kFast, 1'000'000));
}

TEST(StalenessGateTest, AnOldReportChangesNothing) {
  StalenessGate gate(2, 0);
  ASSERT_TRUE(gate.SetDone(kFast, 5).ok());
  ASSERT_TRUE(gate.SetDone(kSlow, 5).ok());
  ASSERT_TRUE(gate.SetDone(kSlow, 3).ok());
  EXPECT_TRUE(Serves(gate, kFast, 6));
}

TEST(StalenessGateTest, ARetiredRankHoldsNobodyBack) {
  StalenessGate gate(2, 0);
  ASSERT_TRUE(gate.SetDone(kFast, 5).ok());
  EXPECT_FALSE(Serves(gate, kFast, 6));
  ASSERT_TRUE(gate.Retire(kSlow, 1).ok());
  EXPECT_TRUE(Serves(gate, kFast, 6));
  ASSERT_TRUE(gate.Retire(kFast, 1).ok());
  EXPECT_TRUE(Serves(gate, kFast, 100));  // Nobody takes part.
}

TEST(StalenessGateTest, ARankThatComesBackStandsLevelWithTheSlowest) {
  StalenessGate gate(3, 1);
  ASSERT_TRUE(gate.SetDone(kSlow, 2).ok());
  ASSERT_TRUE(gate.Retire(kSlow, 1).ok());
  ASSERT_TRUE(gate.SetDone(kFast, 10).ok());
  ASSERT_TRUE(gate.SetDone(Rank(2), 12).ok());
  ASSERT_TRUE(gate.Retire(kSlow, 2).ok());
  ASSERT_TRUE(gate.Retire(kSlow, 2).ok());  // A repeat.
  EXPECT_EQ(gate.ranks()[1].done, 10u);
  EXPECT_TRUE(Serves(gate, kFast, 12));
  EXPECT_FALSE(Serves(gate, kFast, 13));
  EXPECT_TRUE(Serves(gate, kSlow, 3));  // Whoever has not heard where it stands is served.
  EXPECT_TRUE(Serves(gate, kSlow, 12));
  EXPECT_FALSE(Serves(gate, kSlow, 13));
  ASSERT_TRUE(gate.SetDone(kSlow, 3).ok());
  EXPECT_EQ(gate.ranks()[1].done, 10u);
}

TEST(StalenessGateTest, ALateRetirementOrReturnChangesNothing) {
  StalenessGate gate(2, 0);
  ASSERT_TRUE(gate.SetDone(kFast, 5).ok());
  for (const uint32_t changes : {1, 2, 3, 2, 1}) {
    ASSERT_TRUE(gate.Retire(kSlow, changes).ok());
  }
  EXPECT_TRUE(Serves(gate, kFast, 6)) << "it is out";
  ASSERT_TRUE(gate.Retire(kSlow, 4).ok());
  ASSERT_TRUE(gate.Retire(kSlow, 3).ok());
  ASSERT_TRUE(gate.SetDone(kFast, 6).ok());
  EXPECT_FALSE(Serves(gate, kFast, 7)) << "it is back, at 5";
}

TEST(StalenessGateTest, ARankThatDoesNotExistIsRefused) {
  StalenessGate gate(2, 0);
  EXPECT_EQ(gate.SetDone(Rank(2), 1).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(gate.Retire(Rank(2), 1).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(gate.MayServe(Rank(2), 1).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skybridge::ps
