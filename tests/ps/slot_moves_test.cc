// SPDX-License-Identifier: Apache-2.0
//
// Shards that hand slots to each other while they train: whatever dies, and wherever it does, they
// have together what one shard has that was never touched.
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "common/rng.h"
#include "ps/row_queries.h"
#include "ps/row_record.h"
#include "ps/slot_moves.h"
#include "ps/slot_source.h"
#include "ps/slot_target.h"
#include "tests/ps/image_steps.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {
    {.name = "rows",
     .dim = 3,
     .init_stddev = 1,
     .optimizer = {.kind = RowOptimizer::kAdagrad, .learning_rate = 0.5f}},
    {.name = "sums", .dim = 2, .optimizer = {.kind = RowOptimizer::kSgd, .learning_rate = 1}},
    {.name = "counts", .kind = TableKind::kCounts}};
constexpr uint32_t kShards = 3;
constexpr uint32_t kRanks = 2;
constexpr uint64_t kIds = 300;
constexpr uint64_t kPieceBytes = 512;

struct Host {
  explicit Host(uint64_t memory_bytes, uint64_t image_log_bytes = 3000)
      : options{.rows = {.tables = kTables, .seed = 1, .memory_bytes = memory_bytes},
                .image_log_bytes = image_log_bytes},
        store(RecordBytes(kTables)) {
    Start();
  }
  void Start() {
    target.reset();
    source.reset();
    shard = std::make_unique<Shard>(options, store, log);
    const Status recovered = shard->journal().Recover();
    ASSERT_TRUE(recovered.ok()) << recovered;
    source = std::make_unique<SlotSource>(*shard, kPieceBytes);
    target = std::make_unique<SlotTarget>(*shard);
  }
  void TakeMap(const OwnSlots& own) {
    const Status taken = shard->TakeMap(own);
    ASSERT_TRUE(taken.ok()) << taken;
    source->End();
    target->End();
  }

  const ShardOptions options;
  support::MemoryRowStore store;
  support::MemoryRedoLog log;
  std::unique_ptr<Shard> shard;
  std::unique_ptr<SlotSource> source;
  std::unique_ptr<SlotTarget> target;
};

// One batch: the same rows wherever they lie.
std::vector<PushPart> Batch(uint64_t stream, uint64_t sequence, bool counts_only) {
  Rng rng(77, Purpose::kSimulation, stream, sequence);
  std::vector<PushPart> parts;
  for (uint32_t t = counts_only ? 1 : 0; t < kTables.size(); ++t) {
    std::set<uint64_t> ids;
    for (int i = 0; i < 8; ++i) ids.insert(rng.Below(kIds));
    PushPart part{.table = TableId(t)};
    for (const uint64_t id : ids) {
      part.ids.push_back(RowId(id));
      for (uint32_t d = 0; d < kTables[t].dim; ++d) {
        part.gradients.push_back(static_cast<float>(1 + rng.Below(3)));
      }
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<PushPart> Within(const std::vector<PushPart>& parts, SlotRange slots) {
  PushRows rows{.parts = parts};
  std::vector<PushPart> kept;
  for (const PushPart& part : rows.parts) {
    PushPart out{.table = part.table};
    const size_t dim = part.gradients.size() / part.ids.size();
    for (size_t i = 0; i < part.ids.size(); ++i) {
      const uint32_t slot = Number(SlotOf(part.table, part.ids[i]));
      if (slot < slots.begin || slot >= slots.end) continue;
      out.ids.push_back(part.ids[i]);
      out.gradients.insert(out.gradients.end(),
                           part.gradients.begin() + static_cast<ptrdiff_t>(i * dim),
                           part.gradients.begin() + static_cast<ptrdiff_t>((i + 1) * dim));
    }
    kept.push_back(std::move(out));
  }
  return kept;
}

// A cluster without messages: trainers that know the newest map, shards that hear of it sooner or
// later, one move at a time.
class Cluster {
 public:
  Cluster(uint64_t seed, bool lockstep)
      : lockstep_(lockstep),
        rng_(seed, Purpose::kSimulation, 1, lockstep ? 1 : 0),
        whole_(1 << 20) {
    const uint64_t memory = rng_.Below(2) == 0 ? 1 << 20 : 64 << 10;
    for (uint32_t s = 0; s < kShards; ++s) hosts_.push_back(std::make_unique<Host>(memory));
    // The last one has no part in the job at first.
    ends_ = {kSlotCount / 2, kSlotCount, kSlotCount};
    members_ = 2;
    for (uint32_t s = 0; s < kShards; ++s) Tell(s);
    whole_.TakeMap({MapVersion(1), {0, kSlotCount}});
    const PhaseRules rules{.phase = Phase(1), .lockstep = lockstep_, .ranks = kRanks};
    for (uint32_t s = 0; s < members_; ++s) EXPECT_TRUE(hosts_[s]->shard->Open(rules).ok());
    EXPECT_TRUE(whole_.shard->Open(rules).ok());
    ranks_.resize(kRanks);
    for (uint32_t r = 0; r < kRanks; ++r) Begin(r);
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) Step();
    // Everybody is told and every push ends; then the move, if there is one, is given up.
    for (int i = 0; i < 300 && !testing::Test::HasFailure(); ++i) {
      for (uint32_t s = 0; s < kShards; ++s) Tell(s);
      if (i == 150) Abort();
      if (!lockstep_ && i > 150 && AllIdle()) break;
      for (uint32_t r = 0; r < kRanks; ++r) Train(r, i <= 150);
    }
    if (lockstep_) FinishClock();
  }

  void Compare() {
    std::vector<TableSum> sums(kTables.size());
    for (auto& host : hosts_) {
      const auto part = HashTables(host->shard->rows());
      ASSERT_TRUE(part.has_value());
      for (size_t t = 0; t < sums.size(); ++t) {
        sums[t].hash += (*part)[t].hash;
        sums[t].rows += (*part)[t].rows;
        EXPECT_EQ((*part)[t].rows, host->shard->rows().rows(TableId(static_cast<uint32_t>(t))));
      }
    }
    EXPECT_EQ(sums, *HashTables(whole_.shard->rows()));
  }
  void RestartAll() {
    for (uint32_t s = 0; s < kShards; ++s) {
      hosts_[s]->Start();
      Tell(s);
    }
  }
  // No shard has less than all of the streams.
  void CloseStreams() {
    for (uint32_t r = 0; r < kRanks && !lockstep_; ++r) {
      for (uint32_t s = 0; s < members_; ++s) {
        const Status closed =
            hosts_[s]->shard->CloseStream(Phase(1), StreamId(r), ranks_[r].sequence);
        EXPECT_TRUE(closed.ok()) << closed;
      }
    }
  }
  uint64_t moves() const { return moves_; }
  uint64_t aborts() const { return aborts_; }
  uint64_t steps() const { return ranks_[0].sequence; }

 private:
  struct Trainer {
    uint64_t sequence = 0;     // Lockstep: the clock.
    bool pulls = false;        // Lockstep: it waits for rows.
    std::set<uint32_t> asked;  // Shards that have not answered.
    bool idle = true;
  };
  struct Move {
    uint32_t from = 0;
    uint32_t to = 0;
    SlotRange slots{0, 0};
    bool whole = false;
    bool freezes = false;
  };

  SlotRange SlotsOf(uint32_t s) const { return {s == 0 ? 0 : ends_[s - 1], ends_[s]}; }
  void Tell(uint32_t s) {
    if (hosts_[s]->shard->own().version == MapVersion(version_)) return;
    const SlotRange slots = s < members_ ? SlotsOf(s) : SlotRange{0, 0};
    hosts_[s]->TakeMap({MapVersion(version_), slots});
  }
  bool Told(uint32_t s) const { return hosts_[s]->shard->own().version == MapVersion(version_); }

  void Step() {
    switch (rng_.Below(10)) {
      case 0:
      case 1:
      case 2:
      case 3: return Train(static_cast<uint32_t>(rng_.Below(kRanks)), true);
      case 4: return Tell(static_cast<uint32_t>(rng_.Below(kShards)));
      case 5: return ContinueImage(hosts_[rng_.Below(kShards)]->shard->journal());
      case 6:
        if (rng_.Below(25) == 0) Kill(static_cast<uint32_t>(rng_.Below(kShards)));
        return;
      default: return move_ ? GoOn() : StartMove();
    }
  }

  // ---- trainers

  void Begin(uint32_t r) {
    Trainer& trainer = ranks_[r];
    trainer.idle = false;
    trainer.pulls = lockstep_;
    if (lockstep_) ++trainer.sequence;
    if (!lockstep_) (void)Apply(*whole_.shard, r, {0, kSlotCount});
    AskAll(trainer);
  }
  void AskAll(Trainer& trainer) {
    trainer.asked.clear();
    for (uint32_t s = 0; s < members_; ++s) trainer.asked.insert(s);
  }
  bool AllIdle() const { return std::ranges::all_of(ranks_, &Trainer::idle); }

  PullRequest PullOf(uint32_t r) const {
    return {.phase = Phase(1),
            .rank = Rank(static_cast<uint16_t>(r)),
            .attempt = Attempt(1),
            .clock = ranks_[r].sequence,
            .done = ranks_[r].sequence - 1};
  }
  bool Apply(Shard& shard, uint32_t r, SlotRange slots) {
    const uint64_t sequence = ranks_[r].sequence;
    PushRequest push{.phase = Phase(1),
                     .stream = StreamId(r),
                     .sequence = sequence,
                     .rank = Rank(static_cast<uint16_t>(r)),
                     .attempt = Attempt(1),
                     .crc = slots.begin + 1};
    push.rows.parts = Within(Batch(r, sequence, !lockstep_), slots);
    const auto taken = shard.Push(std::move(push));
    if (taken.has_value()) return true;
    EXPECT_EQ(taken.error().code(), StatusCode::kNotReady) << taken.error();
    return false;
  }
  bool Ask(uint32_t r, uint32_t s) {
    if (!Told(s)) return false;
    Shard& shard = *hosts_[s]->shard;
    if (!ranks_[r].pulls) return Apply(shard, r, SlotsOf(s));
    const auto served = shard.Admit(PullOf(r));
    EXPECT_TRUE(served.has_value()) << served.error();
    return served.has_value() && *served;
  }
  void Train(uint32_t r, bool more) {
    Trainer& trainer = ranks_[r];
    if (trainer.idle && !more) return;
    if (trainer.idle) Begin(r);
    std::erase_if(trainer.asked, [&](uint32_t s) { return rng_.Below(3) > 0 && Ask(r, s); });
    if (!trainer.asked.empty()) return;
    if (trainer.pulls) {
      trainer.pulls = false;
      return AskAll(trainer);
    }
    if (!lockstep_) {
      ++trainer.sequence;
      trainer.idle = true;
      return;
    }
    // All shards have it: the next pull certifies it.
    (void)Apply(*whole_.shard, r, {0, kSlotCount});
    EXPECT_TRUE(
        whole_.shard->Done(Phase(1), Rank(static_cast<uint16_t>(r)), Attempt(1), trainer.sequence)
            .ok());
    ++trainer.sequence;
    trainer.pulls = true;
    AskAll(trainer);
  }
  // Every rank ends its clock.
  void FinishClock() {
    const uint64_t last = std::max(ranks_[0].sequence, ranks_[1].sequence);
    for (int i = 0; i < 100; ++i) {
      for (uint32_t r = 0; r < kRanks; ++r) {
        const bool over = ranks_[r].sequence == last + 1;
        if (!over) Train(r, true);
        for (uint32_t s = 0; s < members_ && over; ++s) {
          EXPECT_TRUE(hosts_[s]
                          ->shard->Done(Phase(1), Rank(static_cast<uint16_t>(r)), Attempt(1), last)
                          .ok());
        }
      }
    }
    for (uint32_t s = 0; s < members_; ++s) EXPECT_EQ(hosts_[s]->shard->committed(), last) << s;
    EXPECT_EQ(whole_.shard->committed(), last);
  }

  // ---- moves

  void StartMove() {
    const bool up = rng_.Below(2) == 0;
    const auto left = static_cast<uint32_t>(rng_.Below(kShards - 1));
    const uint32_t from = up ? left : left + 1;
    const uint32_t to = up ? left + 1 : left;
    if (from >= members_ || to > members_) return;
    const SlotRange have = SlotsOf(from);
    const uint32_t count = have.end - have.begin;
    if (count == 0) return;
    // Now and then all that it has, unless it is not at the end of the map.
    const bool all = rng_.Below(3) == 0 && from == members_ - 1 && from > 0;
    const auto part = all ? count : static_cast<uint32_t>(rng_.Below(count));
    if (part == 0) return;
    const SlotRange slots =
        up ? SlotRange{have.end - part, have.end} : SlotRange{have.begin, have.begin + part};
    if (!Told(from) || !Told(to)) return;
    move_ = Move{.from = from, .to = to, .slots = slots, .whole = to == members_};
    if (up && all) move_.reset();  // The map would have a gap.
  }

  MoveAnswer Order() {
    return hosts_[move_->to]->target->Take({.map = MapVersion(version_),
                                            .slots = move_->slots,
                                            .endpoint = "source",
                                            .incarnation = 1,
                                            .whole = move_->whole});
  }
  void GoOn() {
    Host& from = *hosts_[move_->from];
    Host& to = *hosts_[move_->to];
    const MoveAnswer answer = Order();
    ASSERT_NE(answer.state, MoveAnswer::State::kFailed) << answer.failure;
    if (answer.state == MoveAnswer::State::kInstalled) {
      if (rng_.Below(4) == 0) return Abort();  // Its answer was lost, and then it died.
      return Switch();
    }
    now_ = now_ + std::chrono::milliseconds(rng_.Below(3) == 0 ? 600 : 5);
    if (const auto piece = to.target->Due(now_)) {
      const auto read = from.source->Read(move_->slots, *piece, 9);
      ASSERT_TRUE(read.has_value()) << read.error();
      if (rng_.Below(4) == 0) return;  // Lost on its way: asked for again.
      to.target->TakePiece(**read, now_);
      if (rng_.Below(4) == 0) to.target->TakePiece(**read, now_);  // Twice.
    }
    if (answer.state != MoveAnswer::State::kReady || rng_.Below(4) > 0) return;
    EXPECT_TRUE(from.source->Freeze(move_->slots));
  }
  void NextMap() {
    ++version_;
    move_.reset();
    // Trainers hear of it, and ask again for what they have not got.
    for (Trainer& trainer : ranks_) {
      if (!trainer.idle) AskAll(trainer);
    }
  }
  void Switch() {
    const Move& move = *move_;
    if (move.whole) ++members_;
    if (move.from < move.to) ends_[move.from] = move.slots.begin;
    if (move.from > move.to) ends_[move.to] = move.slots.end;
    while (members_ > 1 && SlotsOf(members_ - 1).begin == kSlotCount) --members_;
    for (uint32_t s = members_ - 1; s < kShards; ++s) ends_[s] = kSlotCount;
    ++moves_;
    NextMap();
  }
  void Abort() {
    if (!move_) return;
    ++aborts_;
    NextMap();
  }
  // It comes back as another process: a new map, and the end of its move.
  void Kill(uint32_t s) {
    hosts_[s]->Start();
    if (move_ && (s == move_->from || s == move_->to)) ++aborts_;
    NextMap();
  }

  const bool lockstep_;
  Rng rng_;
  Host whole_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<uint32_t> ends_;  // Of each shard's slots.
  uint32_t members_ = 0;        // Of the map.
  uint32_t version_ = 1;
  std::vector<Trainer> ranks_;
  std::optional<Move> move_;
  Instant now_{};
  uint64_t moves_ = 0;
  uint64_t aborts_ = 0;
};

class SlotMovesTest : public testing::TestWithParam<bool> {};

TEST_P(SlotMovesTest, WhateverDiesShardsHaveTogetherWhatOneWouldHave) {
  uint64_t moves = 0;
  uint64_t aborts = 0;
  uint64_t steps = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Cluster cluster(seed, GetParam());
    cluster.Run(4000);
    cluster.Compare();
    cluster.CloseStreams();
    cluster.RestartAll();
    cluster.Compare();
    moves += cluster.moves();
    aborts += cluster.aborts();
    steps += cluster.steps();
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(moves, 200u);
  EXPECT_GT(aborts, 200u);
  EXPECT_GT(steps, 5000u);
}

// The shard that gives may leave with the next map: then nobody else knows of its last clock.
TEST(SlotTargetTest, AClockThatWasCommittedThereIsCommittedHereToo) {
  Host from(1 << 20, 1 << 20);
  Host to(1 << 20, 1 << 20);
  from.TakeMap({MapVersion(1), {0, 2048}});
  to.TakeMap({MapVersion(1), {2048, kSlotCount}});
  const PhaseRules rules{.phase = Phase(1), .lockstep = true, .ranks = 1};
  for (Host* host : {&from, &to}) {
    ASSERT_TRUE(host->shard->Open(rules).ok());
    PushRequest push{.phase = Phase(1), .sequence = 1, .attempt = Attempt(1), .crc = 7};
    push.rows.parts = Within(Batch(0, 1, false), host->shard->own().slots);
    ASSERT_TRUE(host->shard->Push(std::move(push)).has_value());
  }
  ASSERT_TRUE(from.shard->Done(Phase(1), Rank(0), Attempt(1), 1).ok());
  ASSERT_EQ(from.shard->committed(), 1u);
  ASSERT_EQ(to.shard->committed(), 0u);

  const SlotOrder order{.map = MapVersion(1), .slots = {0, 2048}, .endpoint = "source"};
  Instant now{};
  ASSERT_EQ(to.target->Take(order).state, MoveAnswer::State::kCopying);
  for (int i = 0; i < 100 && to.target->Take(order).state != MoveAnswer::State::kInstalled; ++i) {
    now = now + std::chrono::seconds(1);
    const auto piece = to.target->Due(now);
    ASSERT_TRUE(piece.has_value());
    const auto read = from.source->Read(order.slots, *piece, 9);
    ASSERT_TRUE(read.has_value()) << read.error();
    to.target->TakePiece(**read, now);
    from.source->Freeze(order.slots);
  }
  ASSERT_EQ(to.target->Take(order).state, MoveAnswer::State::kInstalled);
  EXPECT_EQ(to.shard->committed(), 1u);
  to.Start();
  EXPECT_EQ(to.shard->committed(), 1u);
}

// Two shards that speak to each other: the upper half of the slots goes from one to the other.
class MoveTalkTest : public testing::Test {
 protected:
  static constexpr SlotRange kSlots{kSlotCount / 2, kSlotCount};
  static constexpr uint64_t kSource = 7;  // Incarnations.
  static constexpr uint64_t kTarget = 9;

  MoveTalkTest() {
    TakeMap(1);
    EXPECT_TRUE(from_.shard->Open({.phase = Phase(1), .ranks = 1}).ok());
    Push(0);
  }
  void TakeMap(uint32_t version) {
    ASSERT_TRUE(source_.TakeMap({MapVersion(version), {0, kSlotCount}}, now_).ok());
    ASSERT_TRUE(target_.TakeMap({MapVersion(version), {kSlotCount, kSlotCount}}, now_).ok());
  }
  void Push(uint64_t sequence) {
    PushRequest push{.phase = Phase(1), .sequence = sequence, .attempt = Attempt(1), .crc = 7};
    push.rows.parts = Batch(0, sequence, false);
    ASSERT_TRUE(from_.shard->Push(std::move(push)).has_value());
  }
  // The scheduler asks the target for the slots; true once it has them all.
  bool Take(uint32_t map) {
    wire::Header question, reply;
    wire::TakeSlots& take = *question.mutable_take_slots();
    take.set_map_version(map);
    take.set_slot_begin(kSlots.begin);
    take.set_slot_end(kSlots.end);
    take.set_source_endpoint("source");
    take.set_source_incarnation(kSource);
    EXPECT_TRUE(target_.Serve(question, &reply));
    EXPECT_NE(reply.move_reply().state(), wire::MoveReply::FAILED) << reply.ShortDebugString();
    return reply.move_reply().state() == wire::MoveReply::INSTALLED;
  }
  ShardQuestion Ask() {
    now_ = now_ + std::chrono::seconds(1);
    auto question = target_.Due(now_);
    EXPECT_TRUE(question.has_value());
    question->header.mutable_identity()->set_sender_incarnation(kTarget);
    return *std::move(question);
  }
  Served Read(const ShardQuestion& question) {
    Served served{.request = question.header.request()};
    source_.ServeRead(question.header, &served);
    if (!served.status.ok()) {
      served.reply.mutable_error()->set_code(static_cast<uint32_t>(served.status.code()));
    }
    served.reply.set_request(served.request);
    served.reply.mutable_identity()->set_sender_incarnation(kSource);
    return served;
  }
  void Hear(const Served& answer) {
    target_.TakeAnswer("source", answer.reply, answer.payload, now_);
  }

  Host from_{1 << 20, 1 << 20};
  Host to_{1 << 20, 1 << 20};
  SlotMoves source_{kTables, 1 << 16, *from_.shard};
  SlotMoves target_{kTables, 1 << 16, *to_.shard};
  Instant now_{};
};

// Promise: what was pushed between two moves of the same slots is not lost.
TEST_F(MoveTalkTest, ALatePieceOfTheMoveBeforeIsNotTaken) {
  ASSERT_FALSE(Take(1));
  const Served late = Read(Ask());
  ASSERT_TRUE(late.status.ok()) << late.status;
  TakeMap(2);
  Push(1);
  ASSERT_FALSE(Take(2));
  const Served first = Read(Ask());
  Hear(late);
  Hear(first);
  for (int i = 0; i < 100 && !Take(2); ++i) {
    Hear(Read(Ask()));
    if (i > 10) from_.shard->WantFreeze();
  }
  ASSERT_TRUE(Take(2));
  for (uint32_t t = 0; t < kTables.size(); ++t) {
    const auto compare = [&](RowId id, std::string_view record) {
      const uint32_t slot = Number(SlotOf(TableId(t), id));
      if (slot < kSlots.begin) return;
      const RowId ids[] = {id};
      const auto there = to_.shard->rows().Fetch(TableId(t), ids);
      ASSERT_TRUE(there && (*there)[0] != kNoRow);
      const RowLayout& layout = to_.shard->rows().layout(TableId(t));
      const std::string_view copy(to_.shard->rows().record(TableId(t), (*there)[0]), layout.bytes);
      EXPECT_EQ(copy.substr(sizeof(uint64_t)), record.substr(sizeof(uint64_t)))  // But the lsn.
          << "table " << t << ", row " << Number(id);
    };
    ASSERT_TRUE(from_.shard->rows().ForEach(TableId(t), compare).ok());
  }
}

TEST_F(MoveTalkTest, AQuestionUnderAnotherMapBeginsNothing) {
  ASSERT_FALSE(Take(1));
  const ShardQuestion earlier = Ask();
  ASSERT_TRUE(source_.TakeMap({MapVersion(2), {0, kSlotCount}}, now_).ok());
  EXPECT_EQ(Read(earlier).status.code(), StatusCode::kFailedPrecondition);
  ShardQuestion later = earlier;
  later.header.mutable_read_slots()->set_map_version(3);
  EXPECT_EQ(Read(later).status.code(), StatusCode::kNotReady);
  EXPECT_FALSE(from_.shard->frozen());
  EXPECT_FALSE(from_.shard->journal().Image().doubt.has_value());
}

INSTANTIATE_TEST_SUITE_P(Modes, SlotMovesTest, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Lockstep" : "Asynchronous"; });

}  // namespace
}  // namespace skybridge::ps
