// SPDX-License-Identifier: Apache-2.0
#include "ps/grouped_ledger.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "common/rng.h"

namespace skybridge::ps {
namespace {

constexpr StreamId kStream = StreamId(7);
constexpr StreamId kOther = StreamId(8);
constexpr Attempt kFirst = Attempt(1);
constexpr Attempt kSecond = Attempt(2);

PushLedger::Snapshot Open(StreamProgress progress) {
  return {.open = {{kStream, std::move(progress), Attempt(0)}}, .closed = {}};
}

std::vector<std::pair<uint32_t, uint32_t>> WhereNew(GroupedLedger& ledger, uint64_t sequence) {
  const auto slots = ledger.WhereNew(kStream, sequence, kFirst);
  EXPECT_TRUE(slots.has_value()) << slots.status();
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  for (const SlotRange& range : *slots) pairs.emplace_back(range.begin, range.end);
  return pairs;
}
using Slots = std::vector<std::pair<uint32_t, uint32_t>>;

// Slots from 0 have pushes below 2, those from 100 below 4, those from 300 below 2 and push 3.
class GroupedLedgerTest : public testing::Test {
 protected:
  GroupedLedgerTest() {
    ledger_.Restore({{0, Open({.next = 2})},
                     {100, Open({.next = 4})},
                     {300, Open({.next = 2, .applied = {3}})}});
  }
  GroupedLedger ledger_;
};

TEST_F(GroupedLedgerTest, APushIsNewWhereItWasNotApplied) {
  EXPECT_EQ(WhereNew(ledger_, 1), Slots{});
  EXPECT_EQ(WhereNew(ledger_, 2), (Slots{{0, 100}, {300, kSlotCount}}));
  EXPECT_EQ(WhereNew(ledger_, 3), (Slots{{0, 100}}));
  EXPECT_EQ(WhereNew(ledger_, 4), (Slots{{0, kSlotCount}}));
  EXPECT_FALSE(*ledger_.IsNew(kStream, 1, kFirst));
  EXPECT_TRUE(*ledger_.IsNew(kStream, 3, kFirst));
}

TEST_F(GroupedLedgerTest, AStreamHasWhatAllGroupsHave) {
  EXPECT_EQ(*ledger_.Query(kStream, kFirst), StreamProgress{.next = 2});
  ledger_.Mark(kStream, 3, kFirst);
  EXPECT_EQ(*ledger_.Query(kStream, kFirst), (StreamProgress{.next = 2, .applied = {3}}));
  ledger_.Mark(kStream, 2, kFirst);
  EXPECT_EQ(*ledger_.Query(kStream, kFirst), StreamProgress{.next = 4});
}

TEST_F(GroupedLedgerTest, NeighboursThatHaveBecomeEqualAreOne) {
  ledger_.Mark(kStream, 4, kFirst);
  EXPECT_EQ(ledger_.groups(), 3u);
  ledger_.Mark(kStream, 3, kFirst);
  EXPECT_EQ(ledger_.groups(), 3u);
  ledger_.Mark(kStream, 2, kFirst);
  EXPECT_EQ(ledger_.groups(), 1u);
  EXPECT_EQ(WhereNew(ledger_, 5), (Slots{{0, kSlotCount}}));
}

TEST_F(GroupedLedgerTest, AGroupThatEqualsOnlyADistantOneStays) {
  ledger_.Restore({{0, Open({.next = 2})}, {100, Open({.next = 4})}, {300, Open({.next = 2})}});
  EXPECT_EQ(ledger_.groups(), 3u);
  EXPECT_EQ(WhereNew(ledger_, 2), (Slots{{0, 100}, {300, kSlotCount}}));
}

TEST_F(GroupedLedgerTest, AFenceHoldsInAllGroups) {
  ASSERT_TRUE(ledger_.Query(kStream, kSecond).has_value());
  EXPECT_EQ(ledger_.IsNew(kStream, 1, kFirst).status().code(), StatusCode::kFenced);
  EXPECT_EQ(ledger_.Query(kStream, kFirst).status().code(), StatusCode::kFenced);
  for (const GroupedLedger::GroupState& group : ledger_.Take()) {
    EXPECT_EQ(group.ledger.open[0].attempt, kSecond);
  }
}

TEST_F(GroupedLedgerTest, AStreamClosesWhenAllGroupsHaveItAll) {
  EXPECT_EQ(ledger_.Close(kStream, 4).code(), StatusCode::kDataLoss);
  ledger_.Mark(kStream, 2, kFirst);  // Now the last group lacks nothing, the first push 3.
  EXPECT_EQ(ledger_.Close(kStream, 4).code(), StatusCode::kDataLoss);
  EXPECT_EQ(ledger_.streams_open(), 1u);
  ledger_.Mark(kStream, 3, kFirst);
  EXPECT_TRUE(*ledger_.MayClose(kStream, 4));
  ASSERT_TRUE(ledger_.Close(kStream, 4).ok());
  EXPECT_FALSE(*ledger_.MayClose(kStream, 4));
  EXPECT_EQ(ledger_.streams_open(), 0u);
}

TEST_F(GroupedLedgerTest, AStreamThatOnlySomeHaveClosedClosesInTheRest) {
  ledger_.Restore({{0, {.open = {}, .closed = {{kStream, 3}}}}, {100, Open({.next = 2})}});
  EXPECT_EQ(WhereNew(ledger_, 2), (Slots{{100, kSlotCount}}));
  EXPECT_EQ(*ledger_.Query(kStream, kFirst), StreamProgress{.next = 2});
  ledger_.Mark(kStream, 2, kFirst);
  EXPECT_EQ(ledger_.groups(), 2u);
  EXPECT_TRUE(*ledger_.MayClose(kStream, 3));
  ASSERT_TRUE(ledger_.Close(kStream, 3).ok());
  EXPECT_EQ(ledger_.groups(), 1u);
}

TEST_F(GroupedLedgerTest, ANewPhaseBeginsWithOneGroup) {
  ledger_.Clear();
  EXPECT_EQ(ledger_.groups(), 1u);
  EXPECT_EQ(WhereNew(ledger_, 0), (Slots{{0, kSlotCount}}));
  ledger_.Clear();
  EXPECT_EQ(ledger_.Take(), GroupedLedger::Snapshot(1));
}

TEST_F(GroupedLedgerTest, ItComesBackAsItWas) {
  ASSERT_TRUE(ledger_.Query(kOther, kSecond).has_value());
  const GroupedLedger::Snapshot taken = ledger_.Take();
  GroupedLedger other;
  other.Restore(taken);
  EXPECT_EQ(other.Take(), taken);
  EXPECT_EQ(taken.size(), 3u);
}

TEST_F(GroupedLedgerTest, SlotsComeWithWhatWasPushedToThemAndGo) {
  GroupedLedger ledger;
  GroupedLedger other;
  for (const uint64_t sequence : {0, 1}) {
    ASSERT_TRUE(*ledger.IsNew(kStream, sequence, kFirst));
    ledger.Mark(kStream, sequence, kFirst);
  }
  ASSERT_TRUE(*other.IsNew(kStream, 0, kFirst));
  other.Mark(kStream, 0, kFirst);
  ASSERT_TRUE(ledger.Install({100, 200}, other.Take()).ok());
  EXPECT_EQ(ledger.groups(), 3u);
  EXPECT_EQ(*ledger.WhereNew(kStream, 1, kFirst), (std::vector<SlotRange>{{100, 200}}));
  EXPECT_EQ(ledger.Query(kStream, kFirst)->next, 1u);
  GroupedLedger gone;
  gone.Restore(ledger.Take());
  gone.Forget({100, 200});
  EXPECT_EQ(gone.groups(), 1u);
  EXPECT_FALSE(*gone.IsNew(kStream, 1, kFirst));
  ledger.Mark(kStream, 1, kFirst);
  EXPECT_EQ(ledger.groups(), 1u);
}

TEST_F(GroupedLedgerTest, OfSlotsThatComeEachGroupKeepsWhatItHas) {
  GroupedLedger other;  // [0, 100): nothing; [100, 200): one push; from there on two.
  for (const uint64_t sequence : {0, 1}) {
    ASSERT_TRUE(*other.IsNew(kStream, sequence, kFirst));
    other.Mark(kStream, sequence, kFirst);
  }
  GroupedLedger one;
  ASSERT_TRUE(*one.IsNew(kStream, 0, kFirst));
  one.Mark(kStream, 0, kFirst);
  ASSERT_TRUE(other.Install({0, 200}, one.Take()).ok());
  ASSERT_TRUE(other.Install({0, 100}, GroupedLedger().Take()).ok());
  ASSERT_EQ(other.groups(), 3u);

  GroupedLedger ledger;
  ASSERT_TRUE(ledger.Install({50, 300}, other.Take()).ok());
  EXPECT_EQ(*ledger.WhereNew(kStream, 0, kFirst),
            (std::vector<SlotRange>{{0, 100}, {300, kSlotCount}}));
  ledger.Mark(kStream, 0, kFirst);
  EXPECT_EQ(*ledger.WhereNew(kStream, 1, kFirst),
            (std::vector<SlotRange>{{0, 200}, {300, kSlotCount}}));
}

TEST_F(GroupedLedgerTest, AStreamThatIsClosedSomewhereIsClosedInSlotsThatCome) {
  GroupedLedger ledger;
  GroupedLedger other;
  for (GroupedLedger* one : {&ledger, &other}) {
    ASSERT_TRUE(*one->IsNew(kStream, 0, kFirst));
    one->Mark(kStream, 0, kFirst);
  }
  ASSERT_TRUE(ledger.Close(kStream, 1).ok());
  ASSERT_TRUE(ledger.Install({0, 200}, other.Take()).ok());
  EXPECT_EQ(ledger.streams_open(), 0u);
  EXPECT_EQ(ledger.groups(), 1u);
  EXPECT_EQ(ledger.Install({0, 200}, GroupedLedger().Take()).code(), StatusCode::kDataLoss);
}

// Against the set of what each slot has.
TEST_F(GroupedLedgerTest, RandomHistoriesApplyEachPushOnceInEachSlot) {
  constexpr uint32_t kGroups = 5;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    std::vector<std::set<std::pair<uint64_t, uint64_t>>> applied(kGroups);
    const uint64_t streams = 1 + rng.Below(3);
    GroupedLedger::Snapshot begin;
    for (uint32_t g = 0; g < kGroups; ++g) {
      PushLedger one;
      for (uint64_t event = rng.Below(40); event > 0; --event) {
        const StreamId stream = StreamId(rng.Below(streams));
        const uint64_t sequence = rng.Below(12);
        if (!*one.IsNew(stream, sequence, Attempt(0))) continue;
        one.Mark(stream, sequence);
        applied[g].emplace(Number(stream), sequence);
      }
      begin.push_back({g * 100, one.Take()});
    }
    GroupedLedger ledger;
    ledger.Restore(begin);
    for (int event = 0; event < 400; ++event) {
      const StreamId stream = StreamId(rng.Below(streams));
      const uint64_t sequence = rng.Below(20);
      const auto slots = ledger.WhereNew(stream, sequence, kFirst);
      ASSERT_TRUE(slots.has_value());
      for (uint32_t g = 0; g < kGroups; ++g) {
        const bool is_new = std::ranges::any_of(*slots, [&](const SlotRange& range) {
          return range.begin <= g * 100 && g * 100 < range.end;
        });
        ASSERT_EQ(is_new, applied[g].emplace(Number(stream), sequence).second) << "group " << g;
      }
      if (!slots->empty()) ledger.Mark(stream, sequence, kFirst);
      const auto progress = ledger.Query(stream, kFirst);
      for (uint64_t s = 0; s < 25; ++s) {
        const bool all = std::ranges::all_of(applied, [&](const auto& set) {
          return set.contains({Number(stream), s});
        });
        const bool told = s < progress->next || std::ranges::count(progress->applied, s) == 1;
        ASSERT_EQ(told, all) << "push " << s;
      }
    }
    for (uint64_t s = 0; s < streams; ++s) {
      for (uint64_t sequence = 0; sequence < 20; ++sequence) {
        if (*ledger.IsNew(StreamId(s), sequence, kFirst))
          ledger.Mark(StreamId(s), sequence, kFirst);
      }
    }
    EXPECT_EQ(ledger.groups(), 1u);
  }
}

}  // namespace
}  // namespace skybridge::ps
