// SPDX-License-Identifier: Apache-2.0
#include "ps/push_ledger.h"

#include <set>

#include <gtest/gtest.h>

#include "common/rng.h"

namespace skybridge::ps {
namespace {

constexpr StreamId kStream = StreamId(7);
constexpr Attempt kFirst = Attempt(1);
constexpr Attempt kSecond = Attempt(2);

void Apply(PushLedger& ledger, uint64_t sequence) {
  const auto is_new = ledger.IsNew(kStream, sequence, kFirst);
  ASSERT_TRUE(is_new.has_value()) << is_new.error();
  ASSERT_TRUE(*is_new);
  ledger.Mark(kStream, sequence);
}

TEST(PushLedgerTest, ARepeatIsNotNew) {
  PushLedger ledger;
  Apply(ledger, 0);
  Apply(ledger, 2);
  EXPECT_FALSE(*ledger.IsNew(kStream, 0, kFirst));
  EXPECT_FALSE(*ledger.IsNew(kStream, 2, kFirst));
  EXPECT_TRUE(*ledger.IsNew(kStream, 1, kFirst));
}

TEST(PushLedgerTest, APushThatWasNotMarkedIsStillNew) {
  PushLedger ledger;
  EXPECT_TRUE(*ledger.IsNew(kStream, 0, kFirst));
  EXPECT_TRUE(*ledger.IsNew(kStream, 0, kFirst));
}

TEST(PushLedgerTest, TheWindowEndsAtItsWidth) {
  PushLedger ledger;
  EXPECT_TRUE(ledger.IsNew(kStream, PushLedger::kWindow - 1, kFirst).has_value());
  EXPECT_EQ(ledger.IsNew(kStream, PushLedger::kWindow, kFirst).status().code(),
            StatusCode::kOutOfRange);
  Apply(ledger, 0);
  EXPECT_TRUE(ledger.IsNew(kStream, PushLedger::kWindow, kFirst).has_value());
}

TEST(PushLedgerTest, AQueryFencesEarlierAttemptsAndTellsWhatWasApplied) {
  PushLedger ledger;
  for (const uint64_t sequence : {0, 1, 4, 6}) Apply(ledger, sequence);
  const auto progress = ledger.Query(kStream, kSecond);
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(*progress, (StreamProgress{.next = 2, .applied = {4, 6}}));
  EXPECT_EQ(ledger.IsNew(kStream, 2, kFirst).status(),
            Status(StatusCode::kFenced, "stream 7: attempt 2 has taken over from 1", 2));
  EXPECT_EQ(ledger.Query(kStream, kFirst).status().code(), StatusCode::kFenced);
  EXPECT_TRUE(*ledger.IsNew(kStream, 2, kSecond));
}

TEST(PushLedgerTest, APushOfALaterAttemptFencesToo) {
  PushLedger ledger;
  EXPECT_TRUE(*ledger.IsNew(kStream, 0, kSecond));
  EXPECT_EQ(ledger.IsNew(kStream, 0, kFirst).status().code(), StatusCode::kFenced);
}

TEST(PushLedgerTest, AStreamClosesOnlyWhenAllItsPushesWereApplied) {
  PushLedger ledger;
  Apply(ledger, 0);
  EXPECT_EQ(ledger.Close(kStream, 2).code(), StatusCode::kDataLoss);
  Apply(ledger, 2);
  EXPECT_EQ(ledger.Close(kStream, 1).code(), StatusCode::kDataLoss);  // One too many.
  Apply(ledger, 1);
  EXPECT_TRUE(ledger.Close(kStream, 3).ok());
  EXPECT_TRUE(ledger.Close(kStream, 3).ok());  // A repeat.
  EXPECT_EQ(ledger.Close(kStream, 4).code(), StatusCode::kDataLoss);
  EXPECT_EQ(ledger.streams_open(), 0u);
  EXPECT_FALSE(*ledger.IsNew(kStream, 3, kFirst));
  EXPECT_EQ(*ledger.Query(kStream, kSecond), StreamProgress{.next = 3});
}

TEST(PushLedgerTest, AnEmptyStreamClosesWithoutEverBeingSeen) {
  PushLedger ledger;
  EXPECT_TRUE(ledger.Close(kStream, 0).ok());
  EXPECT_EQ(ledger.Close(StreamId(8), 1).code(), StatusCode::kDataLoss);
}

TEST(PushLedgerTest, OpenAndClosedStreamsAreBounded) {
  PushLedger ledger({.streams_open_max = 2, .streams_closed_max = 1});
  EXPECT_TRUE(ledger.IsNew(StreamId(0), 0, kFirst).has_value());
  EXPECT_TRUE(ledger.Query(StreamId(1), kFirst).has_value());
  EXPECT_EQ(ledger.IsNew(StreamId(2), 0, kFirst).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(ledger.Close(StreamId(0), 0).ok());
  EXPECT_TRUE(ledger.IsNew(StreamId(2), 0, kFirst).has_value());
  EXPECT_EQ(ledger.Close(StreamId(1), 0).code(), StatusCode::kResourceExhausted);
}

TEST(PushLedgerTest, ANewPhaseBeginsWithNothing) {
  PushLedger ledger;
  Apply(ledger, 0);
  ASSERT_TRUE(ledger.Close(kStream, 1).ok());
  ledger.Clear();
  EXPECT_TRUE(*ledger.IsNew(kStream, 0, kFirst));
}

// Against the set of what was applied.
TEST(PushLedgerTest, RandomHistoriesApplyEachPushOnce) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    PushLedger ledger;
    std::set<uint64_t> applied;
    uint64_t next = 0;
    for (int event = 0; event < 3000; ++event) {
      const uint64_t sequence = next + rng.Below(1200) - std::min<uint64_t>(next, 50);
      const auto is_new = ledger.IsNew(kStream, sequence, kFirst);
      if (sequence >= next + PushLedger::kWindow) {
        ASSERT_EQ(is_new.status().code(), StatusCode::kOutOfRange);
        continue;
      }
      ASSERT_TRUE(is_new.has_value()) << is_new.error();
      ASSERT_EQ(*is_new, !applied.contains(sequence)) << sequence;
      if (!*is_new) continue;
      ledger.Mark(kStream, sequence);
      applied.insert(sequence);
      while (applied.contains(next)) ++next;
    }
    const auto progress = ledger.Query(kStream, kFirst);
    ASSERT_EQ(progress->next, next);
    ASSERT_EQ(progress->applied, (std::vector<uint64_t>(applied.lower_bound(next), applied.end())));
  }
}

}  // namespace
}  // namespace skybridge::ps
