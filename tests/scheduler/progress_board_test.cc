// SPDX-License-Identifier: Apache-2.0
#include "scheduler/progress_board.h"

#include <chrono>

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using std::chrono::seconds;

constexpr Instant kStart;
constexpr Incarnation kOne{1};
constexpr Incarnation kTwo{2};

ProgressBoard Training() {
  ProgressBoard board;
  board.BeginPhase({.phase = "train", .base = 100, .total = 200, .by_leases = false, .divisor = 2},
                   kStart);
  return board;
}

TEST(ProgressBoardTest, BeforeTheFirstPhaseItWaits) {
  const JobProgress progress = ProgressBoard().Snapshot(kStart);
  EXPECT_EQ(progress.phase, "waiting");
  EXPECT_EQ(progress.total, 0u);
  EXPECT_EQ(progress.seconds_left, -1);
}

TEST(ProgressBoardTest, AddsNodesUpAndGivesRateLossAndTimeLeft) {
  ProgressBoard board = Training();
  board.Heartbeat(kOne, {.examples = 300, .loss_sum = 600, .done = 12}, kStart + seconds(2));
  board.Heartbeat(kTwo, {.examples = 100, .loss_sum = 200, .done = 8}, kStart + seconds(4));
  const JobProgress progress = board.Snapshot(kStart + seconds(4));
  EXPECT_EQ(progress.done, 110u);
  EXPECT_EQ(progress.total, 200u);
  EXPECT_EQ(progress.examples, 400u);
  EXPECT_DOUBLE_EQ(progress.examples_per_second, 100);
  EXPECT_DOUBLE_EQ(progress.mean_loss.value(), 2);
  EXPECT_DOUBLE_EQ(progress.seconds_left, 36) << "10 steps took 4 s, 90 are left";
}

TEST(ProgressBoardTest, RateAndLossLookBackTenSeconds) {
  ProgressBoard board = Training();
  for (int t = 1; t <= 60; ++t) {
    const uint64_t examples = t <= 40 ? 0 : static_cast<uint64_t>(t - 40) * 7;
    board.Heartbeat(kOne, {.examples = examples, .loss_sum = static_cast<double>(examples) * 3},
                    kStart + seconds(t));
  }
  const JobProgress progress = board.Snapshot(kStart + seconds(60));
  EXPECT_DOUBLE_EQ(progress.examples_per_second, 7);
  EXPECT_DOUBLE_EQ(progress.mean_loss.value(), 3);
}

TEST(ProgressBoardTest, FinishedLeaseIsNotCountedTwice) {
  ProgressBoard board = Training();
  board.Heartbeat(kOne, {.examples = 90, .loss_sum = 9, .done = 18}, kStart + seconds(1));
  board.LeaseDone(kOne, {.examples = 100, .loss_sum = 10, .done = 20});
  EXPECT_EQ(board.Snapshot(kStart + seconds(1)).examples, 100u);
  EXPECT_EQ(board.Snapshot(kStart + seconds(1)).done, 110u);
  board.Heartbeat(kOne, {}, kStart + seconds(2));
  EXPECT_EQ(board.Snapshot(kStart + seconds(2)).examples, 100u);
}

TEST(ProgressBoardTest, DeadNodesStepsAreDoneAgainItsExamplesStay) {
  ProgressBoard board = Training();
  board.Heartbeat(kOne, {.examples = 90, .loss_sum = 9, .done = 18}, kStart + seconds(1));
  board.NodeGone(kOne);
  board.NodeGone(kOne);
  EXPECT_EQ(board.Snapshot(kStart + seconds(1)).examples, 90u);
  EXPECT_EQ(board.Snapshot(kStart + seconds(1)).done, 100u);
}

TEST(ProgressBoardTest, OtherPhasesCountLeasesAndNeverMoreThanThereAre) {
  ProgressBoard board = Training();
  board.BeginPhase({.phase = "export", .total = 2}, kStart + seconds(9));
  board.LeaseDone(kOne, {.done = 50});
  EXPECT_EQ(board.Snapshot(kStart + seconds(10)).done, 1u);
  EXPECT_DOUBLE_EQ(board.Snapshot(kStart + seconds(10)).seconds_left, 1);
  board.LeaseDone(kOne, {});
  board.LeaseDone(kOne, {});
  EXPECT_EQ(board.Snapshot(kStart + seconds(10)).done, 2u);
}

}  // namespace
}  // namespace skybridge::scheduler
