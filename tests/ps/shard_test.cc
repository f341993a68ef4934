// SPDX-License-Identifier: Apache-2.0
#include "ps/shard.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/bytes.h"
#include "common/hash.h"
#include "common/rng.h"
#include "ps/row_queries.h"
#include "tests/ps/image_steps.h"
#include "tests/support/memory_redo_log.h"
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

constexpr uint64_t kNoImages = ~uint64_t{0};

// A shard and its disk.
struct Host {
  explicit Host(SlotRange slots = {0, kSlotCount}, uint64_t memory_bytes = 1 << 20,
                uint64_t image_log_bytes = kNoImages)
      : own{MapVersion(1), slots},
        options{.rows = {.tables = kTables, .seed = 1, .memory_bytes = memory_bytes},
                .image_log_bytes = image_log_bytes},
        store(RecordBytes(kTables)) {
    Restart();
  }
  // The process dies; another takes up what is on disk.
  void Restart() {
    piece.reset();
    shard = std::make_unique<Shard>(options, store, log);
    const Status recovered = shard->journal().Recover();
    EXPECT_TRUE(recovered.ok()) << recovered;
    EXPECT_TRUE(shard->TakeMap(own).ok());
  }

  // A step of an image begins, or ends, or takes its time.
  void ContinueImage(Rng& rng) {
    if (piece == nullptr) {
      piece = shard->journal().ContinueImage();
    } else if (rng.Below(8) > 0) {
      piece->Run();
      shard->journal().TakePiece(*piece);
      piece.reset();
      EXPECT_TRUE(shard->journal().Sync().ok());
    }
  }

  const OwnSlots own;
  const ShardOptions options;
  support::MemoryRowStore store;
  support::MemoryRedoLog log;
  std::unique_ptr<Shard> shard;
  std::unique_ptr<Task> piece;
};

// Of a push that must be taken.
PushOutcome Outcome(const Result<PushOutcome>& result) {
  EXPECT_TRUE(result.has_value()) << result.status();
  return result ? *result : PushOutcome::kIncomplete;
}

class ShardTest : public testing::Test {
 protected:
  Host host_;
  Shard& shard_ = *host_.shard;
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
  EXPECT_EQ(Outcome(shard_.Push(Push(0, 1))), PushOutcome::kAccepted);
  EXPECT_EQ(Outcome(shard_.Push(Push(1, 1))), PushOutcome::kAccepted);
  EXPECT_EQ(Outcome(shard_.Push(Push(1, 1))), PushOutcome::kDuplicate);
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
  ASSERT_EQ(Outcome(shard_.Push(Push(0, 1))), PushOutcome::kAccepted);
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
  EXPECT_EQ(Outcome(shard_.Push(Push(0, 1))),
            PushOutcome::kAccepted);  // The bad one has not fenced it.
}

// Room for one push of 600 bytes, not for two.
class NarrowShardTest : public ShardTest {
 protected:
  NarrowShardTest() : narrow_(Options(host_), host_.store, host_.log) {
    EXPECT_TRUE(narrow_.journal().Recover().ok());
    EXPECT_TRUE(narrow_.TakeMap(host_.own).ok());
    EXPECT_TRUE(narrow_.Open(Lockstep(1, 2)).ok());
  }
  static ShardOptions Options(const Host& host) {
    ShardOptions options = host.options;
    options.in_flight_bytes_max = 1000;
    return options;
  }
  static PushRequest Wide(uint16_t rank) {
    PushRequest push = Push(rank, 1);
    push.rows.parts = {{TableId(0), {}, {}, {}}};
    for (uint64_t id = 0; id < 30; ++id) {
      push.rows.parts[0].ids.push_back(RowId(id));
      push.rows.parts[0].gradients.insert(push.rows.parts[0].gradients.end(), 3, 0.0f);
    }
    return push;
  }
  Shard narrow_;
};

// L12: or all ranks would be told for ever to come again.
TEST_F(NarrowShardTest, PushesOfAClockThatNeverFitTogetherAreRefusedForGood) {
  EXPECT_EQ(Outcome(narrow_.Push(Wide(0))), PushOutcome::kAccepted);
  const Status refused = narrow_.Push(Wide(1)).status();
  EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.message().find("fewer trainers"), std::string::npos) << refused;
}

// What is here already needs no second room.
TEST_F(NarrowShardTest, ARepeatIsNotTakenForMore) {
  PushRequest chunk = Wide(0);
  chunk.chunks = 2;
  EXPECT_EQ(Outcome(narrow_.Push(chunk)), PushOutcome::kIncomplete);
  EXPECT_EQ(Outcome(narrow_.Push(chunk)), PushOutcome::kIncomplete);
  chunk.attempt = kSecond;  // A successor's takes the place of its predecessor's.
  EXPECT_EQ(Outcome(narrow_.Push(chunk)), PushOutcome::kIncomplete);
}

TEST_F(NarrowShardTest, APushThatTheFullLogRefusedIsNotTakenForMore) {
  host_.log.failure = Status(StatusCode::kResourceExhausted, "disk full");
  for (int repeat = 0; repeat < 2; ++repeat) {
    EXPECT_EQ(narrow_.Push(Wide(0)).status().code(), StatusCode::kResourceExhausted);
  }
  host_.log.failure = Status();
  EXPECT_EQ(Outcome(narrow_.Push(Wide(0))), PushOutcome::kAccepted);
}

TEST_F(ShardTest, OnArrivalEachPushAppliesOnceAndStreamsClose) {
  ASSERT_TRUE(shard_.Open(Async(1)).ok());
  PushRequest push = Push(0, 0);
  push.rows.parts = {{TableId(2), {RowId(4)}, {}, {5}}};
  EXPECT_EQ(Outcome(shard_.Push(push)), PushOutcome::kAccepted);
  push.crc = 2;  // A successor's bytes differ, and that is fine here.
  EXPECT_EQ(Outcome(shard_.Push(push)), PushOutcome::kDuplicate);
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
  EXPECT_EQ(Outcome(shard_.Push(second)), PushOutcome::kIncomplete);
  EXPECT_EQ(shard_.rows().rows(TableId(2)), 0u);
  EXPECT_EQ(Outcome(shard_.Push(first)), PushOutcome::kAccepted);
  EXPECT_EQ(shard_.rows().rows(TableId(2)), 2u);
  EXPECT_EQ(Outcome(shard_.Push(second)), PushOutcome::kDuplicate);
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
  ASSERT_TRUE(shard_.Retire(Phase(1), Rank(1), 1).ok());
  EXPECT_TRUE(*shard_.Admit(Pull(0, 4)));
}

TEST_F(ShardTest, SuccessorsAskByTheKindOfPhase) {
  ASSERT_TRUE(shard_.Open(Lockstep(1, 1)).ok());
  EXPECT_EQ(*shard_.QueryRank(Phase(1), Rank(0), kSecond), RankProgress());
  EXPECT_EQ(shard_.Admit(Pull(0, 1)).status().code(), StatusCode::kFenced);
  EXPECT_EQ(shard_.QueryStream(Phase(1), StreamId(0), kSecond).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(shard_.Retire(Phase(1), Rank(0), 1).code(), StatusCode::kFailedPrecondition);
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

// What a successor of `rank` finds out: the last clock that it need not compute again (L10).
uint64_t FarthestDone(const std::vector<std::unique_ptr<Host>>& hosts, Rank rank, Attempt attempt) {
  uint64_t done = 0;
  for (const auto& host : hosts) {
    const auto progress = host->shard->QueryRank(Phase(1), rank, attempt);
    EXPECT_TRUE(progress.has_value()) << progress.error();
    done = std::max({done, progress->done, progress->committed});
  }
  return done;
}

struct TrainOptions {
  uint32_t shards = 1;
  uint64_t memory_bytes = 4 << 20;
  uint64_t image_log_bytes = kNoImages;
  uint64_t events_per_crash = 1 << 30;  // Of some shard.
};

// Trains 25 clocks of three ranks; a seed picks whose turn it is, which messages are doubled, when
// a rank is replaced and when a shard dies. Returns the sum of the shards' hashes.
std::vector<TableSum> Train(const TrainOptions& options, uint64_t seed) {
  const uint32_t shards = options.shards;
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
    hosts.push_back(
        std::make_unique<Host>(slots.back(), options.memory_bytes, options.image_log_bytes));
    EXPECT_TRUE(hosts.back()->shard->Open(Lockstep(1, kRanks)).ok());
  }
  std::vector<RankState> ranks(kRanks);
  Rng rng(seed, Purpose::kTest);
  const auto finished = [&](const RankState& rank) { return rank.clock > kClocks + 1; };
  for (int event = 0; !std::ranges::all_of(ranks, finished); ++event) {
    CHECK_LT(event, 100000) << "no progress";
    const auto r = static_cast<uint16_t>(rng.Below(kRanks));
    RankState& rank = ranks[r];
    if (finished(rank)) continue;
    Host& disturbed = *hosts[rng.Below(shards)];
    for (int step = 0; step < 2; ++step) disturbed.ContinueImage(rng);
    if (rng.Below(options.events_per_crash) == 0) disturbed.Restart();
    if (rng.Below(60) == 0) {  // Replaced: the successor asks how far it got (L10).
      ++rank.attempt;
      const uint64_t done = FarthestDone(hosts, Rank(r), Attempt(rank.attempt));
      rank = {.clock = done + 1, .attempt = rank.attempt};
    }
    if (rank.pulled < shards) {
      PullRequest pull = Pull(r, rank.clock);
      pull.attempt = Attempt(rank.attempt);
      Shard& shard = *hosts[rank.pulled]->shard;
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
      EXPECT_TRUE(hosts[rank.pushed]->shard->Push(push).has_value());
    }
    if (++rank.pushed == shards) rank = {.clock = rank.clock + 1, .attempt = rank.attempt};
  }
  std::vector<TableSum> sums(kTables.size());
  for (const auto& host : hosts) {
    EXPECT_TRUE(host->shard->Close(Phase(1), kClocks)->closed);
    EXPECT_LE(host->shard->rows().memory_bytes(), options.memory_bytes);
    if (options.image_log_bytes != kNoImages) {
      EXPECT_GT(host->log.first(), 1u) << "no log was released";
    }
    const auto hashes = HashTables(host->shard->rows());
    for (size_t t = 0; t < sums.size(); ++t) {
      sums[t].hash += (*hashes)[t].hash;
      sums[t].rows += (*hashes)[t].rows;
    }
  }
  return sums;
}

constexpr uint64_t kScarce = 40 << 10;  // About a fifth of the rows.

TEST(ShardLockstepTest, AnyShardsTimingRepeatsAndMemoryGiveTheSameRows) {
  const std::vector<TableSum> expected = Train({}, 0);
  EXPECT_GT(expected[0].rows, 500u);
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    TrainOptions options{.shards = static_cast<uint32_t>(1 + seed % 4)};
    if (seed % 2 == 1) options.memory_bytes = kScarce;
    EXPECT_EQ(Train(options, seed), expected) << "seed=" << seed << " shards=" << options.shards;
  }
}

// P2, P3: with and without images, with rows in memory and on disk.
TEST(ShardLockstepTest, DeathsOfShardsChangeNothing) {
  const std::vector<TableSum> expected = Train({}, 0);
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    TrainOptions options{.shards = static_cast<uint32_t>(1 + seed % 3),
                         .events_per_crash = 10 + 5 * (seed % 7)};
    if (seed % 2 == 1) options.memory_bytes = kScarce;
    if (seed % 3 > 0) options.image_log_bytes = 20 << 10;
    EXPECT_EQ(Train(options, seed), expected) << "seed=" << seed;
  }
}

// ---------------------------------------------------------------- outside lockstep, with deaths

// Every push adds one to each of its rows, so the counts tell how often each was applied (P1). A
// rank repeats a push until it is accepted and now and then again; streams of one partition each.
void CountPushes(uint64_t seed, const TrainOptions& options) {
  SCOPED_TRACE(testing::Message() << "seed=" << seed);
  constexpr uint64_t kStreams = 6;
  constexpr uint64_t kPushes = 30;
  Host host({0, kSlotCount}, options.memory_bytes, options.image_log_bytes);
  PhaseRules rules = Async(1, 2);
  ASSERT_TRUE(host.shard->Open(rules).ok());
  Rng rng(seed, Purpose::kTest);
  std::vector<uint64_t> next(kStreams, 0);
  const auto push_of = [](uint64_t stream, uint64_t sequence) {
    PushRequest push = Push(static_cast<uint16_t>(stream % 2), sequence);
    push.stream = StreamId(stream);
    push.rows = Gradients(static_cast<uint16_t>(stream), sequence + 1);
    for (PushPart& part : push.rows.parts) part.sightings.assign(part.ids.size(), 1);
    return push;
  };
  std::map<std::pair<TableId, RowId>, uint32_t> expected;
  uint64_t left = kStreams * kPushes;
  while (left > 0) {
    host.ContinueImage(rng);
    if (rng.Below(options.events_per_crash) == 0) host.Restart();
    const uint64_t stream = rng.Below(kStreams);
    const uint64_t sequence = next[stream];
    if (sequence == kPushes) continue;
    // Two in flight may arrive in either order.
    const bool swap = sequence + 1 < kPushes && rng.Below(3) == 0;
    for (const uint64_t s : swap ? std::vector{sequence + 1, sequence} : std::vector{sequence}) {
      const PushRequest push = push_of(stream, s);
      EXPECT_EQ(Outcome(host.shard->Push(push)), PushOutcome::kAccepted);
      if (rng.Below(5) == 0) host.Restart();
      EXPECT_EQ(Outcome(host.shard->Push(push)), PushOutcome::kDuplicate);
      for (const PushPart& part : push.rows.parts) {
        for (const RowId id : part.ids) ++expected[{part.table, id}];
      }
      ++next[stream];
      --left;
    }
  }
  for (uint64_t stream = 0; stream < kStreams; ++stream) {
    EXPECT_TRUE(host.shard->CloseStream(Phase(1), StreamId(stream), kPushes).ok());
    if (rng.Below(2) == 0) host.Restart();
    EXPECT_TRUE(host.shard->CloseStream(Phase(1), StreamId(stream), kPushes).ok());
  }
  EXPECT_EQ(host.shard->Close(Phase(1), 0)->pushes, kStreams * kPushes);
  host.Restart();
  EXPECT_TRUE(host.shard->Close(Phase(1), 0)->closed);
  std::map<std::pair<TableId, RowId>, uint32_t> counted;
  for (uint32_t t = 0; t < kTables.size(); ++t) {
    const RowLayout& layout = host.shard->rows().layout(TableId(t));
    ASSERT_TRUE(host.shard->rows()
                    .ForEach(TableId(t),
                             [&](RowId id, std::string_view record) {
                               counted[{TableId(t), id}] = layout.header(record.data()).count;
                             })
                    .ok());
    EXPECT_EQ(host.shard->rows().rows(TableId(t)),
              static_cast<uint64_t>(std::ranges::count_if(
                  expected, [&](const auto& row) { return row.first.first == TableId(t); })));
  }
  EXPECT_EQ(counted, expected);
}

TEST(ShardAsyncTest, DeathsCountEachPushOnce) {
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    TrainOptions options{.events_per_crash = 5 + 5 * (seed % 5)};
    if (seed % 2 == 1) options.memory_bytes = kScarce;
    if (seed % 3 > 0) options.image_log_bytes = 20 << 10;
    CountPushes(seed, options);
  }
}

// ---------------------------------------------------------------- the log

TEST_F(ShardTest, AFullLogRefusesAndTheSamePushGoesWellLater) {
  ASSERT_TRUE(shard_.Open(Async(1)).ok());
  host_.log.failure = Status(StatusCode::kResourceExhausted, "disk full");
  PushRequest first = Push(0, 0), second = Push(0, 0);
  first.chunks = second.chunks = 2;
  second.chunk = 1;
  first.rows.parts = {{TableId(2), {RowId(4)}, {}, {}}};
  second.rows.parts = {{TableId(2), {RowId(5)}, {}, {}}};
  EXPECT_EQ(Outcome(shard_.Push(first)), PushOutcome::kIncomplete);
  EXPECT_EQ(shard_.Push(second).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(shard_.Push(second).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(shard_.rows().rows(TableId(2)), 0u);
  EXPECT_TRUE(shard_.journal().failure().ok()) << shard_.journal().failure();
  host_.log.failure = Status();
  EXPECT_EQ(Outcome(shard_.Push(first)), PushOutcome::kAccepted);  // Any chunk will do.
  EXPECT_EQ(shard_.rows().rows(TableId(2)), 2u);
  EXPECT_EQ(shard_.in_flight().used(), 0u);
}

// G5: a fence holds also after a restart, or a zombie could push what its successor recomputes.
TEST_F(ShardTest, AFenceOutlivesTheShard) {
  ASSERT_TRUE(shard_.Open(Lockstep(1, 1)).ok());
  ASSERT_TRUE(shard_.QueryRank(Phase(1), Rank(0), kSecond).has_value());
  host_.Restart();
  EXPECT_EQ(host_.shard->Push(Push(0, 1)).status().code(), StatusCode::kFenced);
}

// Or rank 0, which was served here, waits at another shard for rank 1, which waits here for rank 0.
TEST_F(ShardTest, HowFarARankGotOutsideLockstepOutlivesTheShard) {
  PhaseRules rules = Async(1);
  rules.staleness_max = 1;
  ASSERT_TRUE(shard_.Open(rules).ok());
  for (uint64_t clock = 1; clock <= 4; ++clock) {
    EXPECT_TRUE(*shard_.Admit(Pull(0, clock)));
    EXPECT_TRUE(*shard_.Admit(Pull(1, clock)));
  }
  host_.Restart();
  EXPECT_TRUE(*host_.shard->Admit(Pull(1, 5)));
}

// L4: a certificate that came alone is not repeated.
TEST_F(ShardTest, ACertificateThatCameAloneOutlivesTheShard) {
  ASSERT_TRUE(shard_.Open(Lockstep(1, 2)).ok());
  ASSERT_TRUE(shard_.Push(Push(0, 1)).has_value());
  ASSERT_TRUE(shard_.Push(Push(1, 1)).has_value());
  ASSERT_TRUE(shard_.Done(Phase(1), Rank(0), kFirst, 1).ok());
  host_.Restart();
  ASSERT_TRUE(host_.shard->Done(Phase(1), Rank(1), kFirst, 1).ok());
  EXPECT_EQ(host_.shard->committed(), 1u);
}

}  // namespace
}  // namespace skybridge::ps
