// SPDX-License-Identifier: Apache-2.0
#include "ps/restore.h"

#include <algorithm>
#include <deque>
#include <set>

#include "common/rng.h"
#include "tests/ps/cut_shard.h"

namespace skybridge::ps {
namespace {

constexpr Phase kPhase = Phase(3);
constexpr uint32_t kShardCounts[] = {1, 2, 3, 5, 8};

uint32_t AnyShardCount(Rng& rng) { return kShardCounts[rng.Below(std::size(kShardCounts))]; }

// What a stream pushes: a pure function. `digits`: gradients are eighths, so that sums are exact.
PushRows RowsAt(const TableSpecs& tables, uint64_t stream, uint64_t sequence, bool digits) {
  Rng rng(99, Purpose::kTest, stream, sequence);
  PushRows rows{.rate = digits ? 1.0f : 1.0f / static_cast<float>(sequence + 1)};
  for (uint32_t t = 0; t < tables.size(); ++t) {
    std::set<uint64_t> ids;
    for (int i = 0; i < 12; ++i) ids.insert(rng.Below(i % 4 == 0 ? 2000 : 40));
    PushPart part{.table = TableId(t)};
    for (const uint64_t id : ids) {
      part.ids.push_back(RowId(id));
      part.sightings.push_back(1 + static_cast<uint32_t>(rng.Below(3)));
      for (uint32_t d = 0; d < tables[t].dim; ++d) {
        const auto eighths = static_cast<float>(1 + rng.Below(16)) / 8;
        part.gradients.push_back(digits ? eighths : rng.Normal());
      }
    }
    rows.parts.push_back(std::move(part));
  }
  return rows;
}

// Memory that holds everything or a part, images seldom or often.
ShardOptions AnyOptions(const TableSpecs& tables, Rng& rng) {
  return {.rows = {.tables = tables,
                   .seed = 1,
                   .memory_bytes = rng.Below(2) == 0 ? 28u << 10 : 1u << 20},
          .image_log_bytes = rng.Below(2) == 0 ? 6u << 10 : 30u << 10};
}

uint64_t PushesOf(const CutShards& shards) {
  uint64_t sum = 0;
  for (const auto& shard : shards) sum += shard->shard->journal().Image().summary.pushes;
  return sum;
}

bool IsUploaded(const RoundAnswer& answer) {
  CHECK(answer.state != RoundAnswer::State::kFailed) << answer.failure;
  return answer.state == RoundAnswer::State::kUploaded;
}

// What all shards sent in a round, which is over then.
std::vector<CutFragment> EndRound(const CutShards& shards, uint32_t number) {
  std::vector<CutFragment> parts;
  for (const auto& shard : shards) {
    parts.push_back(shard->Part(shard->round->Collect(number)));
    EXPECT_EQ(shard->round->End(number, true).state, RoundAnswer::State::kEnded);
  }
  return parts;
}

// ---------------------------------------------------------------- outside lockstep

const TableSpecs kExactTables = {{.name = "sums",
                                  .dim = 2,
                                  .init_constant = 0.5f,
                                  .optimizer = {.kind = RowOptimizer::kSgd, .learning_rate = 1}},
                                 {.name = "counts", .kind = TableKind::kCounts}};

// Streams of pushes, their trainers, and a scheduler that closes them and cuts. Every event is one
// message to one shard.
class AsyncJob {
 public:
  static constexpr uint64_t kStreams = 9;
  static constexpr uint64_t kPushes = 14;
  static constexpr uint64_t kInFlight = 3;  // Pushes of a stream, so that shards have gaps.

  AsyncJob(uint64_t seed, uint32_t shards)
      : rng_(seed, Purpose::kTest),
        shards_(NewShards(shards, AnyOptions(kExactTables, rng_), objects_)) {
    for (const auto& shard : shards_) {
      shard->Start();
      EXPECT_TRUE(shard->shard->Open(kRules).ok());
    }
    BeginTrainers();
  }

  bool finished() const {
    return done_.size() == kStreams &&
           std::ranges::all_of(questions_, [](const auto& queue) { return queue.empty(); });
  }
  const CutShards& shards() const { return shards_; }

  void Step() {
    CHECK(!testing::Test::HasFatalFailure()) << "or it would be repeated for ever";
    const size_t s = rng_.Below(shards_.size());
    shards_[s]->Advance();
    // A death would end the round (K5).
    if (!in_round_ && rng_.Below(60) == 0) shards_[s]->Start();
    if (rng_.Below(3) == 0) return Answer(s);
    const uint64_t stream = std::min(rng_.Below(kStreams), rng_.Below(kStreams));
    if (!done_.contains(stream)) Train(stream);
  }

  // Lets a round go by while training goes on, then more training that is lost.
  std::vector<CutFragment> CutWhileTraining() {
    in_round_ = true;
    ++round_;
    const auto all = [&](auto&& reached) {
      while (!std::ranges::all_of(shards_, reached)) Step();
    };
    all([&](const auto& shard) {
      return rng_.Below(3) == 0 &&
             shard->round->Prepare(round_).state == RoundAnswer::State::kPrepared;
    });
    for (uint64_t events = rng_.Below(40); events > 0; --events) Step();
    done_at_cut_ = done_;
    for (auto& queue : questions_) queue.push_back(std::nullopt);
    all([&](const auto& shard) { return IsUploaded(shard->round->Collect(round_)); });
    in_round_ = false;
    std::vector<CutFragment> fragments = EndRound(shards_, round_);
    for (uint64_t events = rng_.Below(60); events > 0; --events) Step();
    return fragments;
  }

  // All processes are gone; others go on from the cut.
  void Restore(const std::vector<CutFragment>& fragments, uint32_t shards) {
    shards_ = NewShards(shards, AnyOptions(kExactTables, rng_), objects_);
    const Status restored = RestoreInto(shards_, fragments, 500 + rng_.Below(4000));
    ASSERT_TRUE(restored.ok()) << restored;
    for (const auto& shard : shards_) {
      shard->Start();
      ASSERT_TRUE(shard->shard->Open(kRules).ok());
    }
    done_ = done_at_cut_;
    BeginTrainers();
    for (const uint64_t stream : done_) AskToClose(stream);
  }

 private:
  static constexpr PhaseRules kRules = {.phase = kPhase, .ranks = 2};

  struct Trainer {
    uint16_t attempt = 0;  // 0: the stream is not leased yet.
    // By shard: what it has, as its answers told.
    std::vector<std::set<uint64_t>> has;
  };

  void BeginTrainers() {
    trainers_.assign(kStreams, {});
    questions_.assign(shards_.size(), {});
  }

  // The scheduler's next question to a shard: close a stream, or cut.
  void Answer(size_t s) {
    if (questions_[s].empty()) return;
    const std::optional<uint64_t> stream = questions_[s].front();
    questions_[s].pop_front();
    if (!stream) {
      EXPECT_EQ(shards_[s]->round->Cut(round_, kPhase, 0).state, RoundAnswer::State::kCut);
      return;
    }
    const Status closed = shards_[s]->shard->CloseStream(kPhase, StreamId(*stream), kPushes);
    ASSERT_TRUE(closed.ok()) << closed << " on shard " << s << " of " << shards_.size();
  }

  void AskToClose(uint64_t stream) {
    for (auto& queue : questions_) queue.push_back(stream);
  }

  void Train(uint64_t stream) {
    Trainer& trainer = trainers_[stream];
    if (trainer.attempt == 0 || rng_.Below(80) == 0) Lease(stream);
    // Pushes that are on their way: those of the first few batches that some shard has not.
    std::vector<std::pair<uint64_t, size_t>> missing;
    uint64_t batches = 0;
    for (uint64_t batch = 0; batch < kPushes && batches < kInFlight; ++batch) {
      const size_t before = missing.size();
      for (size_t s = 0; s < shards_.size(); ++s) {
        if (!trainer.has[s].contains(batch)) missing.emplace_back(batch, s);
      }
      if (missing.size() > before) ++batches;
    }
    if (missing.empty()) {
      done_.insert(stream);
      AskToClose(stream);
      return;
    }
    const auto [batch, s] = missing[rng_.Below(missing.size())];
    for (uint64_t times = 1 + rng_.Below(2); times > 0; --times) Push(stream, batch, s);
    trainer.has[s].insert(batch);
  }

  // A trainer takes the stream over: what all shards have, it skips; the rest it sends to all (G5).
  void Lease(uint64_t stream) {
    Trainer& trainer = trainers_[stream];
    ++trainer.attempt;
    std::vector<std::set<uint64_t>> has(shards_.size());
    std::set<uint64_t> all;
    for (uint64_t batch = 0; batch < kPushes; ++batch) all.insert(batch);
    for (size_t s = 0; s < shards_.size(); ++s) {
      const auto progress =
          shards_[s]->shard->QueryStream(kPhase, StreamId(stream), Attempt(trainer.attempt));
      ASSERT_TRUE(progress.has_value()) << progress.error();
      std::erase_if(all, [&](uint64_t batch) {
        return batch >= progress->next && !std::ranges::binary_search(progress->applied, batch);
      });
    }
    trainer.has.assign(shards_.size(), all);
  }

  void Push(uint64_t stream, uint64_t batch, size_t s) {
    PushRequest push{
        .phase = kPhase,
        .stream = StreamId(stream),
        .sequence = batch,
        .rank = Rank(static_cast<uint16_t>(stream % 2)),
        .attempt = Attempt(trainers_[stream].attempt),
        .rows = Share(RowsAt(kExactTables, stream, batch, true), shards_[s]->own.slots)};
    const auto pushed = shards_[s]->shard->Push(std::move(push));
    ASSERT_TRUE(pushed.has_value()) << pushed.error();
  }

  Rng rng_;
  support::MemoryObjectStore objects_;
  CutShards shards_;
  std::vector<Trainer> trainers_;
  std::set<uint64_t> done_;         // Streams whose leases are done ...
  std::set<uint64_t> done_at_cut_;  // ... and those that the scheduler's part of the cut has.
  std::vector<std::deque<std::optional<uint64_t>>> questions_;  // By shard; nothing: cut.
  uint32_t round_ = 0;
  bool in_round_ = false;
};

// What all pushes together give.
AllRows AllPushesOnce() {
  support::MemoryObjectStore objects;
  const CutShards one = NewShards(1, {.rows = {.tables = kExactTables, .seed = 1}}, objects);
  one[0]->Start();
  EXPECT_TRUE(one[0]->shard->Open({.phase = kPhase, .ranks = 2}).ok());
  for (uint64_t stream = 0; stream < AsyncJob::kStreams; ++stream) {
    for (uint64_t batch = 0; batch < AsyncJob::kPushes; ++batch) {
      EXPECT_TRUE(one[0]
                      ->shard
                      ->Push({.phase = kPhase,
                              .stream = StreamId(stream),
                              .sequence = batch,
                              .attempt = Attempt(1),
                              .rows = RowsAt(kExactTables, stream, batch, true)})
                      .has_value());
    }
  }
  return RowsOf(one);
}

// G5 through restores: cuts anywhere, other numbers of shards, one restore upon the other.
TEST(RestoreTest, OutsideLockstepEachPushCountsOnceInEachRow) {
  const AllRows expected = AllPushesOnce();
  size_t grouped = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest, 1);
    AsyncJob job(seed, AnyShardCount(rng));
    for (uint64_t restores = 1 + rng.Below(3); restores > 0 && !job.finished(); --restores) {
      for (uint64_t events = rng.Below(600); events > 0; --events) job.Step();
      const std::vector<CutFragment> fragments = job.CutWhileTraining();
      job.Restore(fragments, AnyShardCount(rng));
      if (testing::Test::HasFatalFailure()) return;
      uint64_t pushes = 0;
      for (const CutFragment& cut : fragments) pushes += (*cut.Open())->image().summary.pushes;
      EXPECT_EQ(PushesOf(job.shards()), pushes);
      for (const auto& shard : job.shards())
        grouped += shard->shard->journal().Image().ledger.size() > 1;
    }
    for (int event = 0; !job.finished(); ++event) {
      ASSERT_LT(event, 200000) << "no progress";
      job.Step();
    }
    for (const auto& shard : job.shards()) {
      EXPECT_TRUE(shard->shard->Close(kPhase, 0)->closed);
      EXPECT_EQ(shard->shard->journal().Image().ledger.size(), 1u);
    }
    const AllRows rows = RowsOf(job.shards());
    EXPECT_EQ(rows.size(), expected.size());
    ASSERT_TRUE(rows == expected);
  }
  EXPECT_GT(grouped, 100u);
}

// ---------------------------------------------------------------- lockstep

const TableSpecs kLockstepTables = {
    {.name = "rows", .dim = 3, .init_stddev = 1},
    {.name = "more", .dim = 2, .optimizer = {.kind = RowOptimizer::kAdam, .linear_decay = true}},
    {.name = "counts", .kind = TableKind::kCounts}};

// Ranks in lockstep; every event is one message to one shard.
class LockstepJob {
 public:
  static constexpr uint16_t kRanks = 3;
  static constexpr uint64_t kClocks = 16;

  LockstepJob(uint64_t seed, uint32_t shards)
      : rng_(seed, Purpose::kTest),
        shards_(NewShards(shards, AnyOptions(kLockstepTables, rng_), objects_)) {
    for (const auto& shard : shards_) {
      shard->Start();
      EXPECT_TRUE(shard->shard->Open(kRules).ok());
    }
    ranks_.assign(kRanks, {});
  }

  bool finished() const { return std::ranges::all_of(ranks_, &LockstepJob::IsFinished); }
  const CutShards& shards() const { return shards_; }

  void Step() {
    CHECK(!testing::Test::HasFatalFailure()) << "or it would be repeated for ever";
    const size_t s = rng_.Below(shards_.size());
    shards_[s]->Advance();
    if (!in_round_ && rng_.Below(60) == 0) shards_[s]->Start();
    const auto r = static_cast<uint16_t>(rng_.Below(kRanks));
    if (!IsFinished(ranks_[r])) {
      if (ranks_[r].attempt == 0 || rng_.Below(60) == 0) Lease(r);
      Work(r);
    }
    // As a shard does after each message.
    for (const auto& shard : shards_) shard->Advance();
  }

  // All shards cut right after the commit of one clock (K2); if that was too late for one, at a
  // later one.
  std::vector<CutFragment> CutWhileTraining() {
    in_round_ = true;
    ++round_;
    const auto all = [&](auto&& reached) {
      while (!std::ranges::all_of(shards_, reached)) Step();
    };
    all([&](const auto& shard) {
      return rng_.Below(3) == 0 &&
             shard->round->Prepare(round_).state == RoundAnswer::State::kPrepared;
    });
    do {
      cut_clock_ = std::min(HighestCommitted() + rng_.Below(3), kClocks);
    } while (!AskAllToCut());
    all([&](const auto& shard) { return IsUploaded(shard->round->Collect(round_)); });
    in_round_ = false;
    std::vector<CutFragment> fragments = EndRound(shards_, round_);
    for (uint64_t events = rng_.Below(60); events > 0; --events) Step();
    return fragments;
  }

  void Restore(const std::vector<CutFragment>& fragments, uint32_t shards) {
    shards_ = NewShards(shards, AnyOptions(kLockstepTables, rng_), objects_);
    const Status restored = RestoreInto(shards_, fragments, 500 + rng_.Below(4000));
    ASSERT_TRUE(restored.ok()) << restored;
    for (const auto& shard : shards_) {
      shard->Start();
      ASSERT_EQ(shard->shard->committed(), cut_clock_);
      // The rest of the phase begins here.
      PhaseRules rules = kRules;
      rules.clock_begin = cut_clock_;
      ASSERT_TRUE(shard->shard->Open(rules).ok());
    }
    ranks_.assign(kRanks, {});
  }

 private:
  static constexpr PhaseRules kRules = {.phase = kPhase, .lockstep = true, .ranks = kRanks};

  struct RankState {
    uint64_t clock = 1;    // Being worked on.
    size_t pulled = 0;     // Shards that answered the pull.
    size_t pushed = 0;     // Shards that accepted the push.
    uint16_t attempt = 0;  // 0: not leased yet.
  };
  static bool IsFinished(const RankState& rank) { return rank.clock > kClocks + 1; }

  uint64_t HighestCommitted() const {
    uint64_t highest = 0;
    for (const auto& shard : shards_) highest = std::max(highest, shard->shard->committed());
    return highest;
  }

  // False if it was too late for one.
  bool AskAllToCut() {
    for (const auto& shard : shards_) {
      for (uint64_t events = rng_.Below(30); events > 0; --events) Step();
      const RoundAnswer answer = shard->round->Cut(round_, kPhase, cut_clock_);
      if (answer.state == RoundAnswer::State::kTooLate) return false;
      EXPECT_EQ(answer.state, RoundAnswer::State::kCut) << answer.failure;
    }
    return true;
  }

  // L10.
  void Lease(uint16_t r) {
    RankState& rank = ranks_[r];
    ++rank.attempt;
    uint64_t done = 0;
    for (const auto& shard : shards_) {
      const auto progress = shard->shard->QueryRank(kPhase, Rank(r), Attempt(rank.attempt));
      ASSERT_TRUE(progress.has_value()) << progress.error();
      done = std::max({done, progress->done, progress->committed});
    }
    rank = {.clock = done + 1, .attempt = rank.attempt};
  }

  void Work(uint16_t r) {
    RankState& rank = ranks_[r];
    const auto attempt = Attempt(rank.attempt);
    if (rank.pulled < shards_.size()) {
      Shard& shard = *shards_[rank.pulled]->shard;
      if (rank.clock > kClocks) {
        ASSERT_TRUE(shard.Done(kPhase, Rank(r), attempt, kClocks).ok());
        ++rank.pulled;
      } else {
        const auto admitted = shard.Admit({.phase = kPhase,
                                           .rank = Rank(r),
                                           .attempt = attempt,
                                           .clock = rank.clock,
                                           .done = rank.clock - 1});
        ASSERT_TRUE(admitted.has_value()) << admitted.error();
        rank.pulled += *admitted ? 1 : 0;
      }
      if (rank.pulled == shards_.size() && rank.clock > kClocks) ++rank.clock;
      return;
    }
    for (uint64_t times = 1 + rng_.Below(2); times > 0; --times) Push(r, rank.pushed);
    if (++rank.pushed == shards_.size()) rank = {.clock = rank.clock + 1, .attempt = rank.attempt};
  }

  void Push(uint16_t r, size_t s) {
    const uint64_t clock = ranks_[r].clock;
    const auto pushed = shards_[s]->shard->Push(
        {.phase = kPhase,
         .stream = StreamId(r),
         .sequence = clock,
         .rank = Rank(r),
         .attempt = Attempt(ranks_[r].attempt),
         .crc = static_cast<uint32_t>(s),
         .rows = Share(RowsAt(kLockstepTables, r, clock, false), shards_[s]->own.slots)});
    ASSERT_TRUE(pushed.has_value()) << pushed.error();
  }

  Rng rng_;
  support::MemoryObjectStore objects_;
  CutShards shards_;
  std::vector<RankState> ranks_;
  uint32_t round_ = 0;
  bool in_round_ = false;
  uint64_t cut_clock_ = 0;
};

AllRows Finish(LockstepJob& job) {
  for (int event = 0; !job.finished(); ++event) {
    CHECK_LT(event, 200000) << "no progress";
    job.Step();
  }
  for (const auto& shard : job.shards()) {
    EXPECT_TRUE(shard->shard->Close(kPhase, LockstepJob::kClocks)->closed);
  }
  return RowsOf(job.shards());
}

TEST(RestoreTest, InLockstepTheRowsAreThoseOfTrainingWithoutARestore) {
  LockstepJob without(0, 1);
  const AllRows expected = Finish(without);
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest, 1);
    LockstepJob job(seed, AnyShardCount(rng));
    for (uint64_t restores = 1 + rng.Below(3); restores > 0 && !job.finished(); --restores) {
      for (uint64_t events = rng.Below(300); events > 0; --events) job.Step();
      if (job.finished()) break;
      job.Restore(job.CutWhileTraining(), AnyShardCount(rng));
      if (testing::Test::HasFatalFailure()) return;
    }
    ASSERT_TRUE(Finish(job) == expected);
  }
}

// ---------------------------------------------------------------- what cannot be restored

// Two shards of one clock, and a target for each.
class RefusedRestoreTest : public testing::Test {
 protected:
  RefusedRestoreTest() {
    for (const auto& shard : shards_) {
      shard->Start();
      EXPECT_TRUE(shard->shard->Open({.phase = kPhase, .ranks = 1}).ok());
      Push(*shard, 0);
      shard->Prepare(1);
      Push(*shard, 1);
      fragments_.push_back(shard->Cut(1, kPhase));
    }
  }
  static void Push(CutShard& shard, uint64_t sequence) {
    const PushRows rows = RowsAt(kExactTables, 0, sequence, true);
    EXPECT_TRUE(shard.shard
                    ->Push({.phase = kPhase,
                            .sequence = sequence,
                            .attempt = Attempt(1),
                            .rows = Share(rows, shard.own.slots)})
                    .has_value());
  }
  void ExpectRefused(const CutShards& into, StatusCode code, const std::string& part) {
    const Status status = RestoreInto(into, fragments_, 1000);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.message().find(part), std::string::npos) << status;
  }

  const ShardOptions options_{.rows = {.tables = kExactTables, .seed = 1}};
  support::MemoryObjectStore objects_;
  const CutShards shards_ = NewShards(2, options_, objects_);
  const CutShards into_ = NewShards(2, options_, objects_);
  std::vector<CutFragment> fragments_;
};

TEST_F(RefusedRestoreTest, SlotsThatNobodyOrTwoHave) {
  fragments_.pop_back();
  ExpectRefused(into_, StatusCode::kInvalidArgument, "fragments: nobody has the slots from 2048");
}

TEST_F(RefusedRestoreTest, SlotsOfTwoFragments) {
  fragments_[1].fragment.set_slot_begin(2047);
  ExpectRefused(into_, StatusCode::kInvalidArgument, "fragment 1: slots 2047 to 4096");
}

TEST_F(RefusedRestoreTest, AStoreThatHoldsRows) {
  const CutShards used = NewShards(1, options_, objects_);
  ASSERT_TRUE(RestoreInto(used, fragments_, 1000).ok());
  ExpectRefused(used, StatusCode::kFailedPrecondition, "shard 0: restore into a store");
}

TEST_F(RefusedRestoreTest, ShardsOfDifferentCuts) {
  CutShard& shard = *shards_[1];
  ASSERT_TRUE(shard.shard->CloseStream(kPhase, StreamId(0), 2).ok());
  ASSERT_TRUE(shard.shard->Close(kPhase, 0)->closed);
  ASSERT_TRUE(shard.shard->Open({.phase = Phase(4), .ranks = 1}).ok());
  shard.Prepare(2);
  fragments_.pop_back();
  fragments_.push_back(shard.Cut(2, Phase(4)));
  ExpectRefused(into_, StatusCode::kDataLoss, "fragment 1: the shards of the checkpoint");
}

// Rows that lie where no target asks for them.
TEST_F(RefusedRestoreTest, AFragmentWithRowsOfOtherSlots) {
  fragments_[0].fragment.set_slot_end(1000);
  fragments_[1].fragment.set_slot_begin(1000);
  ExpectRefused(into_, StatusCode::kDataLoss, "fragment 0: its slots have");
}

TEST_F(RefusedRestoreTest, WhatAnErrorLeavesIsNoShard) {
  const std::string& tail = fragments_[1].fragment.tail().key();
  ASSERT_TRUE(objects_.Delete(tail).ok());
  ExpectRefused(into_, StatusCode::kNotFound,
                "fragment 1: shard 1: tail of the log, object " + tail);
  EXPECT_GT(into_[0]->store.rows(TableId(0)), 0u);
  for (const auto& shard : into_) {
    Shard left(options_, shard->store, shard->log);
    const Status refused = left.journal().Recover();
    EXPECT_EQ(refused.code(), StatusCode::kDataLoss);
    EXPECT_NE(refused.message().find("restore again"), std::string::npos) << refused;
  }
}

TEST_F(RefusedRestoreTest, AStoreThatFails) {
  into_[1]->store.failure = Status(StatusCode::kResourceExhausted, "disk full");
  ExpectRefused(into_, StatusCode::kResourceExhausted, "shard 1: disk full");
}

TEST_F(RefusedRestoreTest, ProgressCountsAllRows) {
  RestoreProgress last;
  uint64_t rows = 0;
  for (const CutFragment& cut : fragments_) rows += (*cut.Open())->rows();
  const CutShards into = NewShards(1, options_, objects_);
  const RestoreTarget target{.name = "shard", .slots = {0, kSlotCount}, .store = &into[0]->store};
  const auto progress = [&](const RestoreProgress& now) {
    EXPECT_GE(now.rows, last.rows);
    last = now;
  };
  ASSERT_TRUE(RestoreShards({.build = {.tables = kExactTables}, .progress = progress},
                            SourcesOf(fragments_), std::span(&target, 1))
                  .ok());
  EXPECT_EQ(last.rows, rows);
  EXPECT_EQ(last.sources, 2u);
}

}  // namespace
}  // namespace skybridge::ps
