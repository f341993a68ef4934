// SPDX-License-Identifier: Apache-2.0
#include "ps/image_merge.h"

#include <gtest/gtest.h>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

constexpr uint32_t kHalf = kSlotCount / 2;

PushLedger::Snapshot Ledger(uint64_t next, uint16_t attempt = 0) {
  return {.open = {{StreamId(1), {.next = next}, Attempt(attempt)}}, .closed = {{StreamId(9), 4}}};
}

ShardImage Async(GroupedLedger::Snapshot ledger) {
  ShardImage image{.redo = 70, .begin = 80};
  image.rules = PhaseRules{.phase = Phase(2), .staleness_max = 3, .ranks = 2};
  image.summary = {.pushes = 10, .duplicates = 1};
  image.ledger = std::move(ledger);
  image.gate = {{5, 1}, {7, 0}};
  return image;
}

ShardImage Lockstep(uint64_t committed) {
  ShardImage image{.redo = 70, .begin = 80};
  image.rules = PhaseRules{.phase = Phase(2), .lockstep = true, .ranks = 2};
  image.commit = {
      .committed = committed,
      .ranks = {{Attempt(3), committed, committed, {8}, 0}, {Attempt(4), 1, 1, {}, 75}}};
  image.gate.resize(2);
  return image;
}

TEST(ImageMergeTest, ATargetHasTheLedgersOfItsSourcesBySlots) {
  ImageMerge merge({{0, 1000}, {1000, 3000}, {3000, kSlotCount}});
  ASSERT_TRUE(merge.Add({0, kHalf}, Async({{0, Ledger(1)}, {1500, Ledger(2)}})).ok());
  ASSERT_TRUE(merge.Add({kHalf, kSlotCount}, Async({{0, Ledger(3)}})).ok());
  EXPECT_EQ(merge.images()[0].ledger, (GroupedLedger::Snapshot{{0, Ledger(1)}}));
  EXPECT_EQ(merge.images()[1].ledger,
            (GroupedLedger::Snapshot{{0, Ledger(1)}, {1500, Ledger(2)}, {kHalf, Ledger(3)}}));
  EXPECT_EQ(merge.images()[2].ledger, (GroupedLedger::Snapshot{{0, Ledger(3)}}));
}

TEST(ImageMergeTest, AttemptsBeginAnewAndEqualNeighboursAreOneGroup) {
  ImageMerge merge({{0, kSlotCount}});
  PushLedger::Snapshot fenced = Ledger(2, 7);
  fenced.open.push_back({StreamId(5), {}, Attempt(2)});  // Fenced, but nothing was pushed.
  ASSERT_TRUE(merge.Add({0, kHalf}, Async({{0, fenced}})).ok());
  ASSERT_TRUE(merge.Add({kHalf, kSlotCount}, Async({{0, Ledger(2, 6)}})).ok());
  EXPECT_EQ(merge.images()[0].ledger, (GroupedLedger::Snapshot{{0, Ledger(2)}}));
}

TEST(ImageMergeTest, ItBeginsAnEmptyLogWithAGateThatCountsAnew) {
  ImageMerge merge({{0, kSlotCount}});
  ASSERT_TRUE(merge.Add({0, kSlotCount}, Async({{0, Ledger(1)}})).ok());
  const ShardImage& image = merge.images()[0];
  EXPECT_EQ(image.redo, 1u);
  EXPECT_EQ(image.begin, 1u);
  EXPECT_EQ(image.rules, Async({}).rules);
  EXPECT_EQ(image.gate, std::vector<StalenessGate::State>(2));
}

TEST(ImageMergeTest, WhatSourcesCountedIsCountedOnce) {
  ImageMerge merge({{0, 100}, {100, kHalf}, {kHalf, kSlotCount}});
  ASSERT_TRUE(merge.Add({0, 1000}, Async({{}})).ok());
  ASSERT_TRUE(merge.Add({1000, kSlotCount}, Async({{}})).ok());
  const PhaseSummary once{.pushes = 10, .duplicates = 1};
  EXPECT_EQ(merge.images()[0].summary, once);
  EXPECT_EQ(merge.images()[1].summary, once);
  EXPECT_EQ(merge.images()[2].summary, PhaseSummary());
}

// Nothing is pending at a cut, and what ranks pushed last is cut in other pieces now.
TEST(ImageMergeTest, InLockstepEveryRankStandsAtTheCut) {
  ImageMerge merge({{0, kSlotCount}});
  ASSERT_TRUE(merge.Add({0, kHalf}, Lockstep(6)).ok());
  ASSERT_TRUE(merge.Add({kHalf, kSlotCount}, Lockstep(6)).ok());
  const ClockCommit::RankState rank{.done = 6};
  EXPECT_EQ(merge.images()[0].commit,
            (ClockCommit::Snapshot{.committed = 6, .ranks = {rank, rank}}));
  EXPECT_EQ(merge.images()[0].ledger, GroupedLedger::Snapshot(1));
}

TEST(ImageMergeTest, SourcesOfOneCutAgree) {
  const ShardImage first = Lockstep(6);
  const auto after_first = [&](const ShardImage& other) {
    ImageMerge merge({{0, kSlotCount}});
    EXPECT_TRUE(merge.Add({0, kHalf}, first).ok());
    return merge.Add({kHalf, kSlotCount}, other);
  };
  EXPECT_TRUE(after_first(first).ok());
  const Status later = after_first(Lockstep(7));
  EXPECT_EQ(later.code(), StatusCode::kDataLoss);
  EXPECT_NE(later.message().find("clock 7"), std::string::npos) << later;
  ShardImage other = first;
  other.rules->phase = Phase(3);
  EXPECT_EQ(after_first(other).code(), StatusCode::kDataLoss);
  other = first;
  other.summary.closed = true;
  EXPECT_EQ(after_first(other).code(), StatusCode::kDataLoss);
  other = first;
  other.commit.ranks.pop_back();
  EXPECT_EQ(after_first(other).code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace skybridge::ps
