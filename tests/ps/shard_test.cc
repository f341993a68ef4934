// SPDX-License-Identifier: Apache-2.0
#include "ps/shard.h"

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "common/bytes.h"
#include "common/hash.h"
#include "common/rng.h"
#include "ps/row_queries.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {
    {.name = "rows", .dim = 3, .init_stddev = 1},
    {.name = "more", .dim = 2, .optimizer = {.kind = RowOptimizer::kAdam, .linear_decay = true}},
    {.name = "counts", .kind = TableKind::kCounts}};
constexpr Attempt kFirst = Attempt(1);
constexpr Attempt kSecond = Attempt(2);

PhaseRules Lockstep(uint32_t phase, uint32_t ranks, uint64_t clock_begin = 0) {
  return {.phase = Phase(phase), .lockstep = true, .ranks = ranks, .clock_begin = clock_begin};
}
PhaseRules Async(uint32_t phase, uint32_t ranks = 2) {
  return {.phase = Phase(phase), .ranks = ranks};
}

PullRequest Pull(uint16_t rank, uint64_t clock, uint32_t phase = 1) {
  return {.phase = Phase(phase),
          .rank = Rank(rank),
          .attempt = kFirst,
          .clock = clock,
          .done = clock - 1};
}

PushRequest Push(uint16_t rank, uint64_t clock, uint32_t crc = 1, uint32_t phase = 1) {
  return {.phase = Phase(phase),
          .stream = StreamId(rank),
          .sequence = clock,
          .rank = Rank(rank),
          .attempt = kFirst,
          .crc = crc};
}

// A shard and its disk.
struct Host {
  explicit Host(SlotRange slots = {0, kSlotCount}, uint64_t memory_bytes = 1 << 20)
      : store(RecordBytes(kTables)),
        shard({.rows = {.tables = kTables, .seed = 1, .memory_bytes = memory_bytes}}, store) {
    shard.SetSlots({MapVersion(1), slots});
  }
  support::MemoryRowStore store;
  Shard shard;
};

class ShardTest : public testing::Test {
 protected:
  Host host_;
  Shard& shard_ = host_.shard;
};

TEST_F(ShardTest, PhasesComeOneAfterTheOther) {
  EXPECT_EQ(shard_.Push(Push(0, 1)).status().code(), StatusCode::kNotReady);
  ASSERT_TRUE(shard_.Open(Async(1)).ok());
  EXPECT_TRUE(shard_.Open(Async(1)).ok());
  EXPECT_EQ(shard_.Open(Lockstep(1, 2)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(shard_.Open(Async(2)).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(shard_.Push(Push(0, 1, 1, 2)).status().code(), StatusCode::kNotReady);
  EXPECT_EQ(shard_.Close(Phase(2), 0).status().code(), StatusCode::kNotReady);
  EXPECT_TRUE(shard_.Close(Phase(1), 0)->closed);
  EXPECT_TRUE(shard_.Close(Phase(1), 0)->closed);
  EXPECT_EQ(shard_.Push(Push(0, 1)).status().code(), StatusCode::kGone);
  EXPECT_EQ(shard_.Admit(Pull(0, 1)).status().code(), StatusCode::kGone);
  ASSERT_TRUE(shard_.Open(Async(2)).ok());
  EXPECT_TRUE(shard_.Close(Phase(1), 0)->closed);  // Late news.
  EXPECT_EQ(shard_.Open(Async(1)).code(), StatusCode::kGone);
}

TEST_F(ShardTest, ALockstepPhaseBeginsWhereTheRowsStand) {
  EXPECT_EQ(shard_.Open(Lockstep(1, 2, 5)).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(shard_.Open(Lockstep(1, 0)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(shard_.Open(Lockstep(1, 70000)).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(shard_.Open(Lockstep(1, 2)).ok());
}

TEST_F(ShardTest, LockstepCommitsWhenAllHaveCertifiedAndThenServes) {
  ASSERT_TRUE(shard_.Open(Lockstep(1, 2)).ok());
  EXPECT_TRUE(*shard_.Admit(Pull(0, 1)));
  EXPECT_TRUE(*shard_.Push(Push(0, 1)));
  EXPECT_TRUE(*shard_.Push(Push(1, 1)));
  EXPECT_FALSE(*shard_.Push(Push(1, 1)));
  EXPECT_FALSE(*shard_.Admit(Pull(0, 2)));
  EXPECT_EQ(shard_.committed(), 0u);
  EXPECT_NE(shard_.Waiting().find("rank 1"), std::string::npos) << shard_.Waiting();
  EXPECT_TRUE(*shard_.Admit(Pull(1, 2)));
  EXPECT_EQ(shard_.committed(), 1u);
  EXPECT_TRUE(*shard_.Ready(Pull(0, 2)));
  EXPECT_EQ(shard_.Admit(Pull(0, 1)).status().code(), StatusCode::kGone);
}

TEST_F(ShardTest, ALockstepPhaseClosesAtItsLastClock) {
  ASSERT_TRUE(shard_.Open(Lockstep(1, 1)).ok());
  ASSERT_TRUE(*shard_.Push(Push(0, 1)));
  EXPECT_FALSE(shard_.Close(Phase(1), 1)->closed);
  ASSERT_TRUE(shard_.Done(Phase(1), Rank(0), kFirst, 1).ok());
  const auto summary = shard_.Close(Phase(1), 1);
  EXPECT_EQ(*summary, (PhaseSummary{.closed = true, .committed = 1, .pushes = 1}));
  EXPECT_TRUE(shard_.Open(Lockstep(2, 3, 1)).ok());
}

TEST_F(ShardTest, InLockstepTheStreamIsTheRank) {
  ASSERT_TRUE(shard_.Open(Lockstep(1, 2)).ok());
  PushRequest push = Push(0, 1);
  push.stream = StreamId(1);
  EXPECT_EQ(shard_.Push(push).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(ShardTest, ARefusedPushChangesNothing) {
  ASSERT_TRUE(shard_.Open(Lockstep(1, 1)).ok());
  PushRequest bad = Push(0, 1);
  bad.attempt = kSecond;
  bad.rows.parts = {{TableId(0), {RowId(2), RowId(1)}, std::vector<float>(6), {}}};
  EXPECT_EQ(shard_.Push(bad).status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(*shard_.Push(Push(0, 1)));  // The bad one has not fenced it.
}

TEST_F(ShardTest, OnArrivalEachPushAppliesOnceAndStreamsClose) {
  ASSERT_TRUE(shard_.Open(Async(1)).ok());
  PushRequest push = Push(0, 0);
  push.rows.parts = {{TableId(2), {RowId(4)}, {}, {5}}};
  EXPECT_TRUE(*shard_.Push(push));
  push.crc = 2;  // A successor's bytes differ, and that is fine here.
  EXPECT_FALSE(*shard_.Push(push));
  PullRequest pull = Pull(0, 1);
  pull.parts = {{TableId(2), {RowId(4)}, true}};
  EXPECT_TRUE(*shard_.Admit(pull));
  const auto reply = ReadRows(shard_.rows(), pull);
  EXPECT_EQ(*reply, std::string("\5\0\0\0", 4));

  EXPECT_EQ(shard_.Close(Phase(1), 0).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(shard_.CloseStream(Phase(1), StreamId(0), 2).code(), StatusCode::kDataLoss);
  EXPECT_TRUE(shard_.CloseStream(Phase(1), StreamId(0), 1).ok());
  const auto summary = shard_.Close(Phase(1), 0);
  EXPECT_EQ(*summary, (PhaseSummary{.closed = true, .pushes = 1, .duplicates = 1}));
  EXPECT_EQ(shard_.in_flight().used(), 0u);
}

TEST_F(ShardTest, AChunkedPushAppliesWhenItIsWhole) {
  ASSERT_TRUE(shard_.Open(Async(1)).ok());
  PushRequest first = Push(0, 0), second = Push(0, 0);
  first.chunks = second.chunks = 2;
  second.chunk = 1;
  first.rows.parts = {{TableId(2), {RowId(4)}, {}, {}}};
  second.rows.parts = {{TableId(2), {RowId(5)}, {}, {}}};
  EXPECT_TRUE(*shard_.Push(second));
  EXPECT_EQ(shard_.rows().rows(TableId(2)), 0u);
  EXPECT_TRUE(*shard_.Push(first));
  EXPECT_EQ(shard_.rows().rows(TableId(2)), 2u);
  EXPECT_FALSE(*shard_.Push(second));
}

TEST_F(ShardTest, BoundedStalenessParksTheFastRank) {
  PhaseRules rules = Async(1);
  rules.staleness_max = 1;
  ASSERT_TRUE(shard_.Open(rules).ok());
  EXPECT_TRUE(*shard_.Admit(Pull(0, 2)));
  EXPECT_FALSE(*shard_.Admit(Pull(0, 3)));
  ASSERT_TRUE(shard_.Done(Phase(1), Rank(1), kFirst, 1).ok());
  EXPECT_TRUE(*shard_.Admit(Pull(0, 3)));
  EXPECT_FALSE(*shard_.Admit(Pull(0, 4)));
  ASSERT_TRUE(shard_.Retire(Phase(1), Rank(1), true).ok());
  EXPECT_TRUE(*shard_.Admit(Pull(0, 4)));
}

TEST_F(ShardTest, SuccessorsAskByTheKindOfPhase) {
  ASSERT_TRUE(shard_.Open(Lockstep(1, 1)).ok());
  EXPECT_EQ(*shard_.QueryRank(Phase(1), Rank(0), kSecond), RankProgress());
  EXPECT_EQ(shard_.Admit(Pull(0, 1)).status().code(), StatusCode::kFenced);
  EXPECT_EQ(shard_.QueryStream(Phase(1), StreamId(0), kSecond).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(shard_.Retire(Phase(1), Rank(0), true).code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(shard_.Close(Phase(1), 0)->closed);
  ASSERT_TRUE(shard_.Open(Async(2)).ok());
  EXPECT_EQ(*shard_.QueryStream(Phase(2), StreamId(0), kSecond), StreamProgress());
  EXPECT_EQ(shard_.Push(Push(0, 0, 1, 2)).status().code(), StatusCode::kFenced);
  EXPECT_EQ(shard_.QueryRank(Phase(2), Rank(0), kSecond).status().code(),
            StatusCode::kFailedPrecondition);
}

TEST_F(ShardTest, AReadOnlyPhaseServesReadsAtTheExpectedClockAlone) {
  PhaseRules rules = Lockstep(1, 0);
  rules.read_only = true;
  ASSERT_TRUE(shard_.Open(rules).ok());
  PullRequest pull = Pull(0, 1);
  EXPECT_EQ(shard_.Admit(pull).status().code(), StatusCode::kFailedPrecondition);
  pull.read_only = true;
  EXPECT_TRUE(*shard_.Admit(pull));
  pull.expect_committed = 3;
  EXPECT_EQ(shard_.Admit(pull).status().code(), StatusCode::kGone);
  EXPECT_EQ(shard_.Push(Push(0, 1)).status().code(), StatusCode::kFailedPrecondition);
}

// ---------------------------------------------------------------- lockstep, end to end

// What rank r pushes at a clock: a pure function, as it is for real trainers.
PushRows Gradients(uint16_t rank, uint64_t clock) {
  Rng rng(99, Purpose::kTest, rank, clock);
  PushRows rows{.rate = 1.0f / static_cast<float>(clock)};
  for (uint32_t t = 0; t < kTables.size(); ++t) {
    std::set<uint64_t> ids;
    for (int i = 0; i < 40; ++i) ids.insert(rng.Below(i % 4 == 0 ? 4000 : 60));
    PushPart part{.table = TableId(t)};
    for (const uint64_t id : ids) {
      part.ids.push_back(RowId(id));
      part.sightings.push_back(1 + static_cast<uint32_t>(rng.Below(3)));
      for (uint32_t d = 0; d < kTables[t].dim; ++d) part.gradients.push_back(rng.Normal());
    }
    rows.parts.push_back(std::move(part));
  }
  return rows;
}

// The rows of `all` whose slots are in `slots`.
PushRows Share(const PushRows& all, SlotRange slots) {
  PushRows share{.rate = all.rate};
  for (const PushPart& part : all.parts) {
    PushPart& mine = share.parts.emplace_back(PushPart{.table = part.table});
    const size_t dim = kTables[Number(part.table)].dim;
    for (size_t i = 0; i < part.ids.size(); ++i) {
      const uint32_t slot = Number(SlotOf(part.table, part.ids[i]));
      if (slot < slots.begin || slot >= slots.end) continue;
      mine.ids.push_back(part.ids[i]);
      mine.sightings.push_back(part.sightings[i]);
      for (size_t d = 0; d < dim; ++d) mine.gradients.push_back(part.gradients[i * dim + d]);
    }
  }
  return share;
}

// Trains `clocks` clocks of three ranks against `shards` shards; a seed picks whose turn it is,
// which messages are doubled, and when a rank is replaced. Returns the sum of the shards' hashes.
std::vector<TableSum> Train(uint32_t shards, uint64_t memory_bytes, uint64_t seed) {
  constexpr uint16_t kRanks = 3;
  constexpr uint64_t kClocks = 25;
  struct RankState {
    uint64_t clock = 1;  // Being worked on.
    size_t pulled = 0;   // Shards that answered the pull.
    size_t pushed = 0;   // Shards that accepted the push.
    uint16_t attempt = 1;
  };
  std::vector<std::unique_ptr<Host>> hosts;
  std::vector<SlotRange> slots;
  for (uint32_t s = 0; s < shards; ++s) {
    slots.push_back(EvenSlots(s, shards));
    hosts.push_back(std::make_unique<Host>(slots.back(), memory_bytes));
    EXPECT_TRUE(hosts.back()->shard.Open(Lockstep(1, kRanks)).ok());
  }
  Rng rng(seed, Purpose::kTest);
  std::vector<RankState> ranks(kRanks);
  const auto finished = [&](const RankState& rank) { return rank.clock > kClocks + 1; };
  for (int event = 0; !std::ranges::all_of(ranks, finished); ++event) {
    CHECK_LT(event, 100000) << "no progress";
    const auto r = static_cast<uint16_t>(rng.Below(kRanks));
    RankState& rank = ranks[r];
    if (finished(rank)) continue;
    if (rng.Below(60) == 0) {  // Replaced: the successor asks how far it got (L10).
      ++rank.attempt;
      uint64_t done = 0;
      for (const auto& host : hosts) {
        const auto progress = host->shard.QueryRank(Phase(1), Rank(r), Attempt(rank.attempt));
        EXPECT_TRUE(progress.has_value()) << progress.error();
        done = std::max({done, progress->done, progress->committed});
      }
      rank = {.clock = done + 1, .attempt = rank.attempt};
    }
    if (rank.pulled < shards) {
      PullRequest pull = Pull(r, rank.clock);
      pull.attempt = Attempt(rank.attempt);
      Shard& shard = hosts[rank.pulled]->shard;
      const auto admitted =
          rank.clock <= kClocks
              ? shard.Admit(pull)
              : Result<bool>(shard.Done(Phase(1), Rank(r), pull.attempt, kClocks).ok());
      EXPECT_TRUE(admitted.has_value()) << admitted.error();
      if (admitted && *admitted && ++rank.pulled == shards && rank.clock > kClocks) ++rank.clock;
      continue;
    }
    PushRequest push = Push(r, rank.clock);
    push.attempt = Attempt(rank.attempt);
    push.rows = Share(Gradients(r, rank.clock), slots[rank.pushed]);
    for (uint64_t times = 1 + rng.Below(2); times > 0; --times) {
      EXPECT_TRUE(hosts[rank.pushed]->shard.Push(push).has_value());
    }
    if (++rank.pushed == shards) rank = {.clock = rank.clock + 1, .attempt = rank.attempt};
  }
  std::vector<TableSum> sums(kTables.size());
  for (const auto& host : hosts) {
    EXPECT_TRUE(host->shard.Close(Phase(1), kClocks)->closed);
    EXPECT_LE(host->shard.rows().memory_bytes(), memory_bytes);
    const auto hashes = HashTables(host->shard.rows());
    for (size_t t = 0; t < sums.size(); ++t) {
      sums[t].hash += (*hashes)[t].hash;
      sums[t].rows += (*hashes)[t].rows;
    }
  }
  return sums;
}

TEST(ShardLockstepTest, AnyShardsTimingRepeatsAndMemoryGiveTheSameRows) {
  constexpr uint64_t kPlenty = 4 << 20;
  constexpr uint64_t kScarce = 40 << 10;  // About a fifth of the rows.
  const std::vector<TableSum> expected = Train(1, kPlenty, 0);
  EXPECT_GT(expected[0].rows, 500u);
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const auto shards = static_cast<uint32_t>(1 + seed % 4);
    EXPECT_EQ(Train(shards, seed % 2 == 0 ? kPlenty : kScarce, seed), expected)
        << "seed=" << seed << " shards=" << shards;
  }
}

}  // namespace
}  // namespace skybridge::ps
