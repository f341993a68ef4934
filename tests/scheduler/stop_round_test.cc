// SPDX-License-Identifier: Apache-2.0
#include "scheduler/stop_round.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Instant kStart{seconds(100)};
constexpr Incarnation kTrainer{1};
constexpr Incarnation kShard{2};

class StopRoundTest : public testing::Test {
 protected:
  StopRoundTest() { round.Begin(kStart); }
  StopRound round{milliseconds(500), seconds(5)};
};

TEST_F(StopRoundTest, TrainersHearItFirstThenShards) {
  EXPECT_THAT(round.Due({kTrainer}, {kShard}, kStart), ElementsAre(kTrainer));
  EXPECT_THAT(round.Due({kTrainer}, {kShard}, kStart + milliseconds(499)), IsEmpty());
  EXPECT_THAT(round.Due({kTrainer}, {kShard}, kStart + milliseconds(500)), ElementsAre(kTrainer));
  EXPECT_THAT(round.Due({}, {kShard}, kStart + milliseconds(501)), ElementsAre(kShard));
}

TEST_F(StopRoundTest, ShardsDoNotWaitForEverForASilentTrainer) {
  (void)round.Due({kTrainer}, {kShard}, kStart + milliseconds(2400));
  EXPECT_THAT(round.Due({kTrainer}, {kShard}, kStart + milliseconds(2501)), ElementsAre(kShard));
}

TEST_F(StopRoundTest, OverWhenAllHaveLeftOrPatienceRunsOut) {
  EXPECT_TRUE(round.Over({}, {}, kStart));
  EXPECT_FALSE(round.Over({kTrainer}, {}, kStart + seconds(5)));
  EXPECT_FALSE(round.Over({}, {kShard}, kStart + seconds(5)));
  EXPECT_TRUE(round.Over({kTrainer}, {kShard}, kStart + milliseconds(5001)));
}

}  // namespace
}  // namespace skybridge::scheduler
