// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_round.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "ps/row_record.h"
#include "tests/ps/image_steps.h"
#include "tests/support/memory_object_store.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

using State = RoundAnswer::State;

const TableSpecs kTables = {{.name = "rows", .dim = 3, .init_stddev = 1},
                            {.name = "more", .dim = 2, .init_stddev = 1}};
constexpr Phase kPhase = Phase(1);
constexpr Attempt kFirst = Attempt(1);
constexpr OwnSlots kOwn{MapVersion(1), {0, kSlotCount}};
using Rows = std::map<std::pair<uint32_t, RowId>, std::string>;

ShardOptions Options() {
  return {.rows = {.tables = kTables, .seed = 5, .memory_bytes = 1 << 20},
          .image_log_bytes = ~uint64_t{0}};
}

Rows RowsOf(Shard& shard) {
  Rows rows;
  for (uint32_t t = 0; t < kTables.size(); ++t) {
    const Status status = shard.rows().ForEach(TableId(t), [&](RowId id, std::string_view record) {
      rows[{t, id}] = record;
    });
    EXPECT_TRUE(status.ok()) << status;
  }
  return rows;
}

ObjectInfo InfoOf(const checkpoint::Object& object) {
  return {.key = object.key(), .bytes = object.bytes(), .crc32c = object.crc32c()};
}

std::string ReadObject(ObjectStore& objects, const ObjectInfo& info) {
  std::string bytes;
  const Status status = objects.Read(info, [&](std::string_view piece) {
    bytes += piece;
    return Status();
  });
  EXPECT_TRUE(status.ok()) << status;
  return bytes;
}

// A shard of a checkpoint, taken up from what is in the object store alone.
struct Restored {
  Restored(ObjectStore& objects, const RoundAnswer& answer) {
    CHECK(answer.fragment);
    CHECK(fragment.ParseFromString(ReadObject(objects, answer.fragment->object)));
    std::map<std::string, std::string> files;
    for (const auto& file : fragment.file()) {
      files[file.name()] = ReadObject(objects, InfoOf(file.object()));
    }
    CHECK(store.Load(files));
    tail = std::make_unique<TailLog>(TailRange{fragment.redo(), fragment.cut()},
                                     [this, &objects](const ByteSink& sink) {
                                       return objects.Read(InfoOf(fragment.tail()), sink);
                                     });
    shard = std::make_unique<Shard>(Options(), store, *tail);
    const Status recovered = shard->journal().Recover();
    EXPECT_TRUE(recovered.ok()) << recovered;
  }
  checkpoint::Fragment fragment;
  support::MemoryRowStore store{RecordBytes(kTables)};
  std::unique_ptr<TailLog> tail;
  std::unique_ptr<Shard> shard;
};

class ShardRoundTest : public testing::Test {
 protected:
  ShardRoundTest() {
    EXPECT_TRUE(shard_.journal().Recover().ok());
    EXPECT_TRUE(shard_.TakeMap(kOwn).ok());
  }

  void OpenLockstep(uint32_t ranks = 1) {
    ASSERT_TRUE(shard_.Open({.phase = kPhase, .lockstep = true, .ranks = ranks}).ok());
  }
  void OpenAsync() { ASSERT_TRUE(shard_.Open({.phase = kPhase, .ranks = 1}).ok()); }
  void Push(uint64_t sequence, uint32_t table = 0, uint64_t id = 1) {
    const size_t dim = kTables[table].dim;
    const PushRequest push{
        .phase = kPhase,
        .sequence = sequence,
        .attempt = kFirst,
        .crc = 1,
        .rows = {.parts = {{TableId(table), {RowId(id)}, std::vector<float>(dim, 0.5f), {}}}}};
    const auto taken = shard_.Push(push);
    ASSERT_TRUE(taken.has_value()) << taken.error();
  }
  void Certify(uint64_t clock) { ASSERT_TRUE(shard_.Done(kPhase, Rank(0), kFirst, clock).ok()); }
  void Commit(uint64_t clock, uint32_t table = 0, uint64_t id = 1) {
    Push(clock, table, id);
    Certify(clock);
    Advance();
  }

  void Advance() {
    for (auto& task : round_.Advance()) tasks_.push_back(std::move(task));
  }
  // As a tick of the node does; freezing takes no time.
  void Tick() {
    ContinueImage(shard_.journal());
    Advance();
    const auto freeze = std::ranges::find_if(tasks_, [](const std::unique_ptr<Task>& task) {
      return dynamic_cast<FreezeTask*>(task.get()) != nullptr;
    });
    if (freeze == tasks_.end()) return;
    std::swap(*freeze, tasks_.front());
    RunOne();
  }
  void RunOne() {
    ASSERT_FALSE(tasks_.empty());
    std::unique_ptr<Task> task = std::move(tasks_.front());
    tasks_.pop_front();
    task->Run();
    round_.Finish(std::move(task));
    Advance();
  }
  void RunAll() {
    while (!tasks_.empty()) RunOne();
  }
  void Prepare(uint32_t round) {
    EXPECT_EQ(round_.Prepare(round).state, State::kPreparing);
    for (int i = 0; i < 10 && round_.Prepare(round).state != State::kPrepared; ++i) Tick();
    ASSERT_EQ(round_.Prepare(round).state, State::kPrepared);
  }
  // A whole round, outside lockstep; not ended.
  RoundAnswer Upload(uint32_t round) {
    Prepare(round);
    EXPECT_EQ(round_.Cut(round, kPhase, 0).state, State::kCut);
    Advance();
    RunAll();
    RoundAnswer answer = round_.Collect(round);
    EXPECT_EQ(answer.state, State::kUploaded) << answer.failure;
    return answer;
  }
  support::MemoryRowStore store_{RecordBytes(kTables)};
  support::MemoryRedoLog log_;
  support::MemoryObjectStore objects_;
  Shard shard_{Options(), store_, log_};
  ShardRound round_{{.shard = 3, .store_id = 0xabc, .seed = 5, .tables = kTables},
                    shard_,
                    store_,
                    log_,
                    &objects_};
  std::deque<std::unique_ptr<Task>> tasks_;
};

// ---------------------------------------------------------------- cuts

TEST_F(ShardRoundTest, WhatIsUploadedIsTheShardAtTheCut) {
  OpenAsync();
  for (uint64_t i = 0; i < 10; ++i) Push(i, i % 2, i);
  Prepare(1);
  for (uint64_t i = 10; i < 20; ++i) Push(i, i % 2, i % 7);  // After the image, before the cut.
  const Rows at_cut = RowsOf(shard_);
  const uint64_t cut = log_.last();
  EXPECT_EQ(round_.Collect(1).state, State::kPrepared);
  EXPECT_EQ(round_.Cut(1, kPhase, 0).state, State::kCut);
  for (uint64_t i = 20; i < 30; ++i) Push(i, i % 2, i % 7);
  EXPECT_EQ(round_.Collect(1).state, State::kCut);
  Advance();
  RunAll();
  const RoundAnswer answer = round_.Collect(1);
  ASSERT_EQ(answer.state, State::kUploaded);
  EXPECT_EQ(answer.fragment->shard, 3u);
  EXPECT_EQ(answer.fragment->slots.begin, 0u);
  EXPECT_EQ(answer.fragment->slots.end, kSlotCount);
  EXPECT_EQ(answer.fragment->new_bytes, objects_.bytes_sent);
  Restored restored(objects_, answer);
  EXPECT_EQ(RowsOf(*restored.shard), at_cut);
  EXPECT_NE(RowsOf(shard_), at_cut);
  EXPECT_EQ(restored.fragment.cut(), cut);
  EXPECT_EQ(restored.fragment.seed(), 5u);
  EXPECT_EQ(restored.fragment.table(1).name(), "more");
  // The ledger is in the cut: what came after it is new, what came before is not.
  EXPECT_TRUE(restored.shard->TakeMap(kOwn).ok());
  EXPECT_EQ(restored.shard->QueryStream(kPhase, StreamId(0), kFirst).status().code(),
            StatusCode::kFailedPrecondition);  // Read-only log: nothing can be kept.
}

TEST_F(ShardRoundTest, InLockstepItCutsRightAfterTheCommitOfTheClock) {
  OpenLockstep();
  Commit(1);
  Prepare(1);
  EXPECT_EQ(round_.Prepare(1).committed, 1u);
  EXPECT_EQ(round_.Cut(1, kPhase, 3).state, State::kCut);
  Advance();
  RunAll();
  EXPECT_EQ(round_.Collect(1).state, State::kCut);  // It waits for the clock.
  Commit(2, 1);
  EXPECT_EQ(round_.Collect(1).state, State::kCut);
  Push(3);
  Advance();
  EXPECT_EQ(round_.Collect(1).state, State::kCut);
  Certify(3);
  Advance();
  const Rows at_cut = RowsOf(shard_);
  const uint64_t cut = log_.last();
  Commit(4);
  Commit(5, 1);
  RunAll();
  const RoundAnswer answer = round_.Collect(1);
  ASSERT_EQ(answer.state, State::kUploaded) << answer.failure;
  Restored restored(objects_, answer);
  EXPECT_EQ(restored.fragment.committed(), 3u);
  EXPECT_EQ(restored.fragment.cut(), cut);
  EXPECT_EQ(restored.shard->committed(), 3u);
  EXPECT_EQ(RowsOf(*restored.shard), at_cut);
}

TEST_F(ShardRoundTest, TheClockThatWasJustCommittedIsCutAtOnce) {
  OpenLockstep();
  Prepare(1);
  Commit(1);
  Push(2, 1);  // Waits for its commit: it is in the log, not in the rows.
  EXPECT_EQ(round_.Cut(1, kPhase, 1).state, State::kCut);
  Certify(2);
  Advance();
  RunAll();
  Restored restored(objects_, round_.Collect(1));
  EXPECT_EQ(restored.fragment.committed(), 1u);
  EXPECT_EQ(restored.shard->committed(), 1u);
}

TEST_F(ShardRoundTest, AClockThatIsPastIsTooLateAndALaterOneIsTaken) {
  OpenLockstep();
  Prepare(1);
  for (uint64_t clock = 1; clock <= 3; ++clock) Commit(clock);
  const RoundAnswer late = round_.Cut(1, kPhase, 2);
  EXPECT_EQ(late.state, State::kTooLate);
  EXPECT_EQ(late.committed, 3u);
  EXPECT_EQ(round_.Cut(1, kPhase, 2).state, State::kTooLate);
  EXPECT_EQ(round_.Collect(1).state, State::kPrepared);
  EXPECT_EQ(round_.Cut(1, kPhase, 5).state, State::kCut);
  EXPECT_EQ(round_.Cut(1, kPhase, 2).state, State::kTooLate);  // From before, and late itself.
  EXPECT_EQ(round_.Collect(1).state, State::kCut);
  Commit(4);
  Commit(5);
  RunAll();
  EXPECT_EQ(Restored(objects_, round_.Collect(1)).shard->committed(), 5u);
}

// Another shard was too late: all cut at the later clock, also one that has sent the first cut.
TEST_F(ShardRoundTest, ACutMovesToALaterClockWhateverBecameOfTheFirst) {
  OpenLockstep();
  Prepare(1);
  Commit(1);
  EXPECT_EQ(round_.Cut(1, kPhase, 1).state, State::kCut);
  Advance();
  RunAll();
  ASSERT_EQ(round_.Collect(1).state, State::kUploaded);
  EXPECT_EQ(round_.Cut(1, kPhase, 3).state, State::kCut);  // After it was sent.
  EXPECT_EQ(round_.Collect(1).state, State::kCut);
  Commit(2);
  Commit(3);
  ASSERT_EQ(tasks_.size(), 1u);  // It is being sent.
  EXPECT_EQ(round_.Cut(1, kPhase, 4).state, State::kCut);
  RunOne();
  EXPECT_EQ(round_.Collect(1).state, State::kCut);  // Not that one.
  Commit(4);
  RunAll();
  EXPECT_EQ(Restored(objects_, round_.Collect(1)).shard->committed(), 4u);
  Commit(5);
  EXPECT_EQ(round_.Cut(1, kPhase, 4).state, State::kCut);  // A repeat moves nothing.
  EXPECT_EQ(round_.Collect(1).state, State::kUploaded);
}

TEST_F(ShardRoundTest, ACutThatDoesNotFitThePhaseFailsTheRoundAlone) {
  OpenLockstep();
  Prepare(1);
  EXPECT_EQ(round_.Cut(1, kPhase, 0).state, State::kFailed);
  Prepare(2);
  EXPECT_EQ(round_.Cut(2, Phase(2), 4).state, State::kFailed);
  EXPECT_FALSE(round_.Collect(2).failure.ok());
  Commit(1);
  EXPECT_TRUE(shard_.journal().failure().ok());
}

// ---------------------------------------------------------------- questions

TEST_F(ShardRoundTest, EveryQuestionMayBeRepeatedAtEveryState) {
  OpenAsync();
  Push(0);
  const auto expect = [&](State prepare, State cut, State collect) {
    for (int again = 0; again < 2; ++again) {
      EXPECT_EQ(round_.Prepare(7).state, prepare);
      EXPECT_EQ(round_.Cut(7, kPhase, 0).state, cut);
      EXPECT_EQ(round_.Collect(7).state, collect);
    }
  };
  for (const State state : {round_.Cut(7, kPhase, 0).state, round_.Collect(7).state}) {
    EXPECT_EQ(state, State::kNoRound);
  }
  round_.Prepare(7);
  expect(State::kPreparing, State::kPreparing, State::kPreparing);
  const uint64_t before = log_.last();
  Tick();
  EXPECT_EQ(round_.Prepare(7).state, State::kPrepared);
  EXPECT_EQ(round_.Collect(7).state, State::kPrepared);
  EXPECT_EQ(round_.Cut(7, kPhase, 0).state, State::kCut);
  Push(1);
  expect(State::kPrepared, State::kCut, State::kCut);
  Advance();
  RunAll();
  expect(State::kPrepared, State::kCut, State::kUploaded);
  EXPECT_EQ(Restored(objects_, round_.Collect(7)).fragment.cut(), before);
  for (int again = 0; again < 2; ++again) EXPECT_EQ(round_.End(7, true).state, State::kEnded);
  expect(State::kNoRound, State::kNoRound, State::kNoRound);
  EXPECT_EQ(round_.End(6, false).state, State::kEnded);
}

TEST_F(ShardRoundTest, AfterAnEndThatOvertookItAQuestionFindsNoRound) {
  EXPECT_EQ(round_.End(4, false).state, State::kEnded);  // Of a process before this one.
  EXPECT_EQ(round_.Prepare(4).state, State::kNoRound);
  EXPECT_EQ(round_.Prepare(3).state, State::kNoRound);
  EXPECT_EQ(round_.Prepare(5).state, State::kPreparing);
  EXPECT_EQ(round_.End(6, false).state, State::kEnded);  // Then 5 is over too.
  EXPECT_EQ(round_.Collect(5).state, State::kNoRound);
}

TEST_F(ShardRoundTest, ANewNumberEndsTheRoundBeforeItAtEveryState) {
  OpenAsync();
  Push(0);
  uint32_t round = 1;
  for (int stage = 0; stage < 5; ++stage) {
    SCOPED_TRACE(stage);
    EXPECT_EQ(round_.Prepare(round).state, State::kPreparing);
    if (stage > 0) Tick();
    if (stage > 1) {
      EXPECT_EQ(round_.Cut(round, kPhase, 0).state, State::kCut);
    }
    if (stage > 2) Advance();
    if (stage > 3) RunAll();
    const RoundAnswer next = round_.Prepare(++round);
    EXPECT_EQ(next.state, State::kPreparing);
    EXPECT_EQ(round_.Collect(round - 1).state, State::kNoRound);
    EXPECT_EQ(round_.End(round - 1, true).state, State::kEnded);
    EXPECT_EQ(round_.Prepare(round).state, State::kPreparing);  // That was not its end.
  }
  Tick();
  EXPECT_EQ(round_.Cut(round, kPhase, 0).state, State::kCut);
  Advance();
  RunAll();
  EXPECT_EQ(round_.Collect(round).state, State::kUploaded);
  EXPECT_EQ(store_.images(), 1);
}

// ---------------------------------------------------------------- what is kept

TEST_F(ShardRoundTest, TheLogIsKeptForTheTailUntilTheRoundEnds) {
  OpenAsync();
  Push(0);
  Prepare(1);
  for (uint64_t i = 1; i < 6; ++i) Push(i);
  // Images go on, and release what they do not need.
  const auto write_image = [&] {
    shard_.journal().WantImage();
    ContinueImage(shard_.journal());
  };
  write_image();
  EXPECT_EQ(round_.Cut(1, kPhase, 0).state, State::kCut);
  Push(6);
  write_image();
  EXPECT_LE(log_.first(), 3u);
  Advance();
  RunAll();
  Restored restored(objects_, round_.Collect(1));
  EXPECT_EQ(restored.tail->last() - restored.tail->first() + 1, 5u);
  // Until its end: the cut may move.
  Push(7);
  write_image();
  EXPECT_LE(log_.first(), 3u);
  round_.End(1, true);
  Advance();
  RunAll();
  Push(8);
  write_image();
  EXPECT_GT(log_.first(), 9u);
}

// Else training would wait for the round, and in lockstep the round for training.
TEST_F(ShardRoundTest, ARoundGivesWayToTrainingWhenTheLogIsFull) {
  OpenLockstep();
  log_.capacity = 4000;
  Commit(1);
  Prepare(1);
  EXPECT_EQ(round_.Cut(1, kPhase, 1000).state, State::kCut);
  const PushRequest push{.phase = kPhase,
                         .sequence = 2,
                         .attempt = kFirst,
                         .crc = 1,
                         .rows = {.parts = {{TableId(0), {RowId(1)}, {0.5f, 0.5f, 0.5f}, {}}}}};
  uint64_t clock = 2;
  const auto train = [&] {
    PushRequest next = push;
    next.sequence = clock;
    const bool taken =
        shard_.Push(next).has_value() && shard_.Done(kPhase, Rank(0), kFirst, clock).ok();
    if (taken) ++clock;
    shard_.journal().WantImage();
    Tick();
    return taken;
  };
  while (clock < 100 && train()) EXPECT_EQ(round_.Collect(1).state, State::kCut);
  ASSERT_LT(clock, 100u);
  const RoundAnswer answer = round_.Collect(1);
  EXPECT_EQ(answer.state, State::kFailed);
  EXPECT_EQ(answer.failure.code(), StatusCode::kResourceExhausted);
  RunAll();
  const uint64_t before = clock;
  for (int i = 0; i < 100; ++i) train();
  EXPECT_GT(clock, before + 50);
  EXPECT_TRUE(shard_.journal().failure().ok());
}

TEST_F(ShardRoundTest, AnImageThatFindsNoRoomEndsTheRound) {
  OpenAsync();
  Push(0);
  EXPECT_EQ(round_.Prepare(1).state, State::kPreparing);
  store_.failure = Status(StatusCode::kResourceExhausted, "no space left");
  Tick();
  store_.failure = Status();
  const RoundAnswer answer = round_.Prepare(1);
  EXPECT_EQ(answer.state, State::kFailed);
  EXPECT_EQ(answer.failure.code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(shard_.journal().failure().ok());
  Push(1);
  EXPECT_EQ(RowsOf(*Restored(objects_, Upload(2)).shard), RowsOf(shard_));
}

TEST_F(ShardRoundTest, TheFrozenStoreIsGivenUpByATaskWhenTheRoundEnds) {
  OpenAsync();
  Push(0);
  Upload(1);
  EXPECT_EQ(store_.images(), 1);
  round_.End(1, true);
  EXPECT_EQ(store_.images(), 1);
  Advance();
  ASSERT_EQ(tasks_.size(), 1u);
  RunOne();
  EXPECT_EQ(store_.images(), 0);
  // One that is with a task goes when the task is back.
  Prepare(2);
  ASSERT_EQ(tasks_.size(), 1u);
  round_.End(2, false);
  RunAll();
  EXPECT_EQ(store_.images(), 0);
}

TEST_F(ShardRoundTest, TheSecondRoundSendsOnlyWhatHasChanged) {
  OpenAsync();
  for (uint64_t i = 0; i < 400; ++i) Push(i, 0, i);
  Push(400, 1);
  const RoundAnswer first = Upload(1);
  const uint64_t table_bytes = 400 * RecordBytes(kTables)[0];
  EXPECT_GT(first.fragment->new_bytes, table_bytes);
  round_.End(1, true);
  Push(401, 1);
  objects_.now = 1e6;
  const uint64_t before = objects_.bytes_sent;
  const RoundAnswer second = Upload(2);
  EXPECT_LT(second.fragment->new_bytes, table_bytes / 2);
  EXPECT_EQ(second.fragment->new_bytes, objects_.bytes_sent - before);
  EXPECT_EQ(RowsOf(*Restored(objects_, second).shard), RowsOf(shard_));
  EXPECT_EQ(RowsOf(*Restored(objects_, first).shard).size(), 401u);
}

TEST_F(ShardRoundTest, AnObjectThatIsGoneIsSentAgain) {
  OpenAsync();
  for (uint64_t i = 0; i < 400; ++i) Push(i, 0, i);
  Upload(1);
  round_.End(1, true);
  objects_.entries.clear();
  EXPECT_EQ(RowsOf(*Restored(objects_, Upload(2)).shard), RowsOf(shard_));
}

// What no checkpoint names is deleted when it is old, perhaps just after it was looked for.
TEST_F(ShardRoundTest, OfARoundThatFailedOnlyYoungObjectsAreNamedAgain) {
  OpenAsync();
  for (uint64_t i = 0; i < 400; ++i) Push(i, 0, i);
  const uint64_t table_bytes = 400 * RecordBytes(kTables)[0];
  Upload(1);
  round_.End(1, false);
  objects_.now += FileUpload::kUnnamedSecondsMax - 1;
  EXPECT_LT(Upload(2).fragment->new_bytes, table_bytes);
  round_.End(2, false);
  objects_.now += 2;
  EXPECT_GT(Upload(3).fragment->new_bytes, table_bytes);
}

// ---------------------------------------------------------------- failures

TEST_F(ShardRoundTest, WhicheverCallToTheObjectStoreFailsTheRoundFailsAndTheShardServes) {
  OpenAsync();
  uint64_t pushes = 0;
  Push(pushes++);
  uint32_t round = 1;
  for (uint64_t calls = 0;; ++calls, ++round) {
    SCOPED_TRACE(calls);
    ASSERT_LT(calls, 100u);
    objects_.entries.clear();
    objects_.FailAfter(calls);
    Prepare(round);
    if (round_.Cut(round, kPhase, 0).state != State::kFailed) Advance();
    RunAll();
    objects_.fail = nullptr;
    const RoundAnswer answer = round_.Collect(round);
    Push(pushes, pushes % 2);
    ++pushes;
    EXPECT_TRUE(shard_.journal().failure().ok());
    if (answer.state == State::kUploaded) break;
    ASSERT_EQ(answer.state, State::kFailed);
    EXPECT_NE(answer.failure.message().find("the object store is away"), std::string::npos);
    EXPECT_EQ(round_.Prepare(round).state, State::kFailed);
    EXPECT_EQ(store_.images(), 0);
    EXPECT_EQ(round_.End(round, false).state, State::kEnded);
  }
  EXPECT_GT(round, 5u);
}

TEST_F(ShardRoundTest, AFreezeThatFailsEndsTheRound) {
  OpenAsync();
  Push(0);
  round_.Prepare(1);
  ContinueImage(shard_.journal());
  store_.failure = Status(StatusCode::kResourceExhausted, "no room for links");
  Advance();
  RunOne();
  store_.failure = Status();
  const RoundAnswer answer = round_.Prepare(1);
  EXPECT_EQ(answer.state, State::kFailed);
  EXPECT_NE(answer.failure.message().find("no room for links"), std::string::npos);
  RunAll();
  Push(1);
  EXPECT_EQ(RowsOf(*Restored(objects_, Upload(2)).shard), RowsOf(shard_));
}

// A task for the round before is still at it.
TEST_F(ShardRoundTest, ARoundWaitsForTheFreezeOfTheOneBeforeAndTakesItsOwn) {
  OpenAsync();
  Push(0);
  round_.Prepare(1);
  ContinueImage(shard_.journal());
  Advance();
  ASSERT_EQ(tasks_.size(), 1u);
  round_.Prepare(2);
  Push(1);
  ContinueImage(shard_.journal());
  Advance();
  EXPECT_EQ(std::ranges::count_if(
                tasks_,
                [](const auto& task) { return dynamic_cast<FreezeTask*>(task.get()) != nullptr; }),
            1);
  RunOne();
  EXPECT_EQ(round_.Prepare(2).state, State::kPreparing) << "that was not its own";
  RunAll();
  EXPECT_EQ(store_.images(), 1);
  EXPECT_EQ(round_.Prepare(2).state, State::kPrepared);
  EXPECT_EQ(round_.Cut(2, kPhase, 0).state, State::kCut);
  Advance();
  RunAll();
  EXPECT_EQ(RowsOf(*Restored(objects_, round_.Collect(2)).shard), RowsOf(shard_));
}

TEST_F(ShardRoundTest, WithoutAnObjectStoreOrSlotsEveryRoundFailsByName) {
  ShardRound none({.tables = kTables}, shard_, store_, log_, nullptr);
  EXPECT_EQ(none.Prepare(1).state, State::kFailed);
  EXPECT_NE(none.Prepare(1).failure.message().find("no checkpoint store"), std::string::npos);
  EXPECT_TRUE(none.Advance().empty());
  EXPECT_EQ(none.End(1, false).state, State::kEnded);
  EXPECT_TRUE(shard_.TakeMap({}).ok());
  EXPECT_EQ(round_.Prepare(1).state, State::kFailed);
  EXPECT_TRUE(shard_.TakeMap(kOwn).ok());
  EXPECT_EQ(round_.Prepare(2).state, State::kPreparing);
}

}  // namespace
}  // namespace skybridge::ps
