// SPDX-License-Identifier: Apache-2.0
#include "ps/tiered_rows.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/first_value.h"
#include "common/hash.h"
#include "common/rng.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {
    {.name = "wide", .dim = 16, .init_stddev = 1, .optimizer = {.kind = RowOptimizer::kAdam}},
    {.name = "narrow", .dim = 1, .init_constant = 2, .optimizer = {.kind = RowOptimizer::kSgd}},
    {.name = "counts", .kind = TableKind::kCounts}};
constexpr uint64_t kSmall = 64 << 10;
constexpr uint64_t kLarge = 16 << 20;
constexpr uint64_t kSeed = 11;

TieredRowsOptions Options(uint64_t memory_bytes) {
  return {.tables = kTables, .seed = kSeed, .memory_bytes = memory_bytes};
}

class TieredRowsTest : public testing::Test {
 protected:
  std::vector<RowId> Distinct(Rng& rng, size_t rows, uint64_t below) {
    std::set<uint64_t> numbers;
    while (numbers.size() < std::min<uint64_t>(rows, below)) numbers.insert(rng.Below(below));
    std::vector<RowId> ids;
    for (const uint64_t number : numbers) ids.push_back(RowId(number));
    return ids;
  }
  // A row that the log explains, which is not synced, is staged as a piece of an image.
  void StageARow(TieredRows& rows) {
    ASSERT_TRUE(log_.Append(1, {}).has_value());
    ASSERT_TRUE(rows.Create(TableId(0), std::vector<RowId>{RowId(3)}).has_value());
    rows.BeginImage();
    auto stage = rows.NextPiece({});
    stage->Run();
    ASSERT_FALSE(*rows.TakePiece(*stage, {}));
  }

  support::MemoryRowStore store_{RecordBytes(kTables)};
  support::MemoryRedoLog log_;
};

TEST_F(TieredRowsTest, ARowExistsFromItsFirstPushOn) {
  TieredRows rows(Options(kLarge), store_, log_);
  const std::vector<RowId> ids = {RowId(3), RowId(1)};
  EXPECT_EQ((*rows.Fetch(TableId(0), ids))[0], kNoRow);
  EXPECT_EQ(rows.rows(TableId(0)), 0u);

  const auto created = rows.Create(TableId(0), ids);
  ASSERT_TRUE(created.has_value());
  const RowLayout& layout = rows.layout(TableId(0));
  for (size_t i = 0; i < 2; ++i) {
    char* record = rows.record(TableId(0), (*created)[i]);
    std::vector<float> first(16);
    FirstValue(kTables[0], TableId(0), kSeed, ids[i], first);
    EXPECT_TRUE(std::ranges::equal(layout.weights(record), first));
    for (const float s : layout.optimizer_state(record)) EXPECT_EQ(s, 0);
    EXPECT_EQ(layout.header(record).count, 0u);
  }
  EXPECT_EQ(rows.rows(TableId(0)), 2u);
  EXPECT_NE((*rows.Fetch(TableId(0), ids))[1], kNoRow);
}

TEST_F(TieredRowsTest, RowsThatFitNeverTouchTheStore) {
  TieredRows rows(Options(kLarge), store_, log_);
  Rng rng(1, Purpose::kTest);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(rows.Create(TableId(0), Distinct(rng, 100, 5000)).has_value());
    ASSERT_TRUE(rows.Fetch(TableId(1), Distinct(rng, 100, 5000)).has_value());
  }
  EXPECT_EQ(store_.reads + store_.ingests, 0u);
}

TEST_F(TieredRowsTest, UnchangedRowsLeaveWithoutBeingWritten) {
  TieredRows rows(Options(kSmall), store_, log_);
  Rng rng(1, Purpose::kTest);
  while (store_.rows(TableId(0)) < 2000) {
    ASSERT_TRUE(rows.Create(TableId(0), Distinct(rng, rows.block_rows(), 4000)).has_value());
  }
  // All that is in memory becomes unchanged.
  const auto nothing = [](env::RowKey, std::string_view) { return false; };
  for (uint32_t t = 0; t < 3; ++t) ASSERT_TRUE(rows.Scan(TableId(t), {}, nothing).ok());
  const uint64_t written = store_.rows_ingested;
  const uint64_t reads = store_.reads;
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(rows.Fetch(TableId(0), Distinct(rng, rows.block_rows(), 4000)).has_value());
  }
  EXPECT_GT(store_.reads, reads + 100);
  EXPECT_EQ(store_.rows_ingested, written);
}

TEST_F(TieredRowsTest, ChangedRowsLeaveInFewLongRuns) {
  TieredRows rows(Options(1 << 20), store_, log_);
  Rng rng(1, Purpose::kTest);
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(rows.Create(TableId(0), Distinct(rng, rows.block_rows(), 1 << 30)).has_value());
  }
  ASSERT_GT(store_.rows_ingested, 10000u);
  EXPECT_GT(store_.rows_ingested / store_.ingests, 100u);
}

TEST_F(TieredRowsTest, MemoryTooSmallForTheTablesIsRefusedWithTheFigures) {
  const Status status = Options(1000).Validate();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("1000 bytes"), std::string::npos) << status;
  uint64_t least = 1000;
  while (!Options(least).Validate().ok()) least += 100;
  // What is accepted is enough for any history.
  TieredRows rows(Options(least), store_, log_);
  Rng rng(2, Purpose::kTest);
  for (int i = 0; i < 2000; ++i) {
    const auto table = TableId(static_cast<uint32_t>(rng.Below(3)));
    const auto created = rows.Create(table, Distinct(rng, rows.block_rows(), 5000));
    ASSERT_TRUE(created.has_value()) << created.error();
    ASSERT_LE(rows.memory_bytes(), least);
  }
}

TEST_F(TieredRowsTest, TablesThatCannotBeAreRefusedByName) {
  TieredRowsOptions options = Options(kLarge);
  options.tables[2].dim = 3;
  EXPECT_NE(options.Validate().message().find("counts"), std::string::npos);
  options = Options(kLarge);
  options.tables[1].dim = 0;
  EXPECT_NE(options.Validate().message().find("narrow"), std::string::npos);
  options = Options(kLarge);
  options.tables[0].optimizer.beta1 = 2;
  EXPECT_NE(options.Validate().message().find("wide"), std::string::npos);
}

TEST_F(TieredRowsTest, AFailingStoreIsReportedAndRemembered) {
  TieredRows rows(Options(kSmall), store_, log_);
  Rng rng(1, Purpose::kTest);
  store_.failure = Status(StatusCode::kUnavailable, "input/output error");
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = rows.Create(TableId(0), Distinct(rng, rows.block_rows(), 1 << 20)).status();
  }
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(rows.failure(), status);
}

TEST_F(TieredRowsTest, AFullDiskChangesNothing) {
  TieredRows rows(Options(kSmall), store_, log_);
  Rng rng(1, Purpose::kTest);
  store_.failure = Status(StatusCode::kResourceExhausted, "disk full");
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = rows.Create(TableId(0), Distinct(rng, rows.block_rows(), 1 << 20)).status();
  }
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(rows.failure().ok());
  store_.failure = Status();
  while (store_.ingests == 0) {
    ASSERT_TRUE(rows.Create(TableId(0), Distinct(rng, rows.block_rows(), 1 << 20)).has_value());
  }
  TieredRows late(Options(kSmall), store_, log_);
  ASSERT_TRUE(late.Recover().ok());
  EXPECT_EQ(late.rows(TableId(0)), store_.rows(TableId(0))) << "as the store's note has it";
}

TEST_F(TieredRowsTest, ScanGoesBySlotThenId) {
  TieredRows rows(Options(kSmall), store_, log_);
  Rng rng(1, Purpose::kTest);
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(rows.Create(TableId(0), Distinct(rng, rows.block_rows(), 1000)).has_value());
  }
  std::vector<env::RowKey> keys;
  const auto visit = [&](env::RowKey key, std::string_view) {
    keys.push_back(key);
    return true;
  };
  ASSERT_TRUE(rows.Scan(TableId(0), {}, visit).ok());
  EXPECT_EQ(keys.size(), rows.rows(TableId(0)));
  EXPECT_TRUE(std::ranges::is_sorted(keys));
  for (const env::RowKey& key : keys) EXPECT_EQ(key.slot, SlotOf(TableId(0), key.id));
}

// Against a map of records: whatever leaves memory comes back as it was, nothing is lost or made
// up, and the budget holds at every step.
using Counts = std::map<std::pair<TableId, RowId>, uint32_t>;

// Images that are written while rows change: what existed when one began is in the store at its
// end.
class Images {
 public:
  Images(TieredRows& rows, support::MemoryRowStore& store) : rows_(rows), store_(store) {}

  // A step of the image, or the begin of one. now: counts of all rows.
  void Step(const Counts& now) {
    if (piece_ != nullptr) {
      if (!ran_) piece_->Run();
      const auto piece = std::move(piece_);
      const auto whole = rows_.TakePiece(*piece, {});
      ASSERT_TRUE(whole.has_value()) << whole.error();
      if (*whole) End(now);
      return;
    }
    if (!open_) {
      open_ = true;
      begin_ = now;
      rows_.BeginImage();
    }
    piece_ = rows_.NextPiece({});
    // Rows change before it runs, or after.
    ran_ = ++pieces_ % 3 == 0;
    if (ran_ && piece_ != nullptr) piece_->Run();
  }
  int ended() const { return ended_; }

 private:
  void End(const Counts& now) {
    open_ = false;
    ++ended_;
    for (const auto& [row, count] : begin_) {
      const env::RowKey key{SlotOf(row.first, row.second), row.second};
      std::vector<char> record(rows_.layout(row.first).bytes);
      std::vector<uint8_t> found(1);
      ASSERT_TRUE(store_.Read(row.first, std::span(&key, 1), record, found).ok());
      ASSERT_TRUE(found[0]);
      const uint32_t stored = rows_.layout(row.first).header(record.data()).count;
      ASSERT_GE(stored, count);
      ASSERT_LE(stored, now.at(row));
    }
  }

  TieredRows& rows_;
  support::MemoryRowStore& store_;
  std::unique_ptr<PieceTask> piece_;
  bool ran_ = false;
  int pieces_ = 0;
  bool open_ = false;
  Counts begin_;
  int ended_ = 0;
};

TEST_F(TieredRowsTest, ARowThatChangesWhileItIsWrittenIsWrittenAgain) {
  TieredRows rows(Options(kLarge), store_, log_);
  const std::vector<RowId> ids = {RowId(3)};
  Counts counts;
  Images images(rows, store_);
  const auto change = [&] {
    const RowNumber row = (*rows.Create(TableId(0), ids))[0];
    counts[{TableId(0), ids[0]}] =
        ++rows.layout(TableId(0)).header(rows.record(TableId(0), row)).count;
    rows.MarkChanged(TableId(0), row);
  };
  change();
  images.Step(counts);
  change();
  while (images.ended() < 1) ASSERT_NO_FATAL_FAILURE(images.Step(counts));
  while (images.ended() < 2) ASSERT_NO_FATAL_FAILURE(images.Step(counts));
  EXPECT_EQ(store_.rows_ingested, 2u);
  while (images.ended() < 3) ASSERT_NO_FATAL_FAILURE(images.Step(counts));
  EXPECT_EQ(store_.rows_ingested, 2u) << "it has not changed";
}

TEST_F(TieredRowsTest, WhatIsWrittenWhileAPieceEntersTheStoreComesAfterIt) {
  TieredRows rows(Options(kLarge), store_, log_);
  const std::vector<RowId> ids = {RowId(3)};
  const auto change = [&] {
    const RowNumber row = (*rows.Create(TableId(0), ids))[0];
    ++rows.layout(TableId(0)).header(rows.record(TableId(0), row)).count;
    rows.MarkChanged(TableId(0), row);
  };
  change();
  rows.BeginImage();
  auto stage = rows.NextPiece({});
  stage->Run();
  ASSERT_FALSE(*rows.TakePiece(*stage, {}));
  auto enter = rows.NextPiece({});
  change();
  uint32_t count = 0;
  const auto visit = [&](env::RowKey, std::string_view record) {
    count = rows.layout(TableId(0)).header(record.data()).count;
    return true;
  };
  ASSERT_TRUE(rows.Scan(TableId(0), {}, visit).ok());  // Writes what has changed.
  EXPECT_EQ(count, 2u);
  enter->Run();
  EXPECT_TRUE(*rows.TakePiece(*enter, {}));
  ASSERT_TRUE(rows.Scan(TableId(0), {}, visit).ok());
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(store_.rows_ingested, 2u);
  TieredRows late(Options(kLarge), store_, log_);
  ASSERT_TRUE(late.Recover().ok());
  EXPECT_EQ(late.rows(TableId(0)), 1u) << "as the store's note has it";
}

TEST_F(TieredRowsTest, APieceWaitsForItsLogAndNobodyElseDoes) {
  TieredRows rows(Options(kLarge), store_, log_);
  ASSERT_NO_FATAL_FAILURE(StageARow(rows));
  EXPECT_EQ(rows.NextPiece({}), nullptr);
  EXPECT_EQ(log_.synced(), 0u) << "a wait for the disk";
  EXPECT_EQ(store_.rows_ingested, 0u);
  ASSERT_TRUE(log_.Sync().ok());
  auto enter = rows.NextPiece({});
  ASSERT_NE(enter, nullptr);
  enter->Run();
  EXPECT_TRUE(*rows.TakePiece(*enter, {}));
  EXPECT_EQ(store_.rows_ingested, 1u);
}

// Who must write meanwhile waits for the log first.
TEST_F(TieredRowsTest, APieceThatOthersWaitForEntersAfterItsLog) {
  TieredRows rows(Options(kLarge), store_, log_);
  ASSERT_NO_FATAL_FAILURE(StageARow(rows));
  log_.failure = Status(StatusCode::kUnavailable, "sync: input/output");
  EXPECT_EQ(rows.Drop({0, kSlotCount}).code(), StatusCode::kUnavailable);
  EXPECT_EQ(store_.rows_ingested, 0u);
}

TEST_F(TieredRowsTest, WhatFitsIsInMemoryFromTheStart) {
  Rng rng(1, Purpose::kTest);
  std::vector<RowId> ids;
  {
    TieredRows rows(Options(kLarge), store_, log_);
    ids = Distinct(rng, rows.block_rows(), 4000);
    ASSERT_TRUE(rows.Create(TableId(0), ids).has_value());
    ASSERT_TRUE(rows.Scan(TableId(0), {}, [](auto, auto) { return true; }).ok());
  }
  TieredRows large(Options(kLarge), store_, log_);
  ASSERT_TRUE(large.Recover().ok());
  const uint64_t reads = store_.reads;
  const auto numbers = large.Fetch(TableId(0), ids);
  ASSERT_TRUE(numbers.has_value());
  EXPECT_EQ(std::ranges::count(*numbers, kNoRow), 0);
  EXPECT_EQ(store_.reads, reads);
  const uint64_t ingested = store_.rows_ingested;
  ASSERT_TRUE(large.Scan(TableId(0), {}, [](auto, auto) { return true; }).ok());
  EXPECT_EQ(store_.rows_ingested, ingested) << "they have not changed";
}

TEST_F(TieredRowsTest, WhatDoesNotFitTakesNoMemoryAtTheStart) {
  Rng rng(1, Purpose::kTest);
  {
    TieredRows rows(Options(kSmall), store_, log_);
    while (store_.rows(TableId(0)) < 2000) {
      ASSERT_TRUE(rows.Create(TableId(0), Distinct(rng, rows.block_rows(), 1 << 20)).has_value());
    }
  }
  const uint64_t all = store_.rows(TableId(0)) * RecordBytes(kTables)[0];
  int refused = 0;
  for (uint64_t budget = kSmall; budget < kSmall + all; budget += kSmall / 4) {
    const TieredRows fresh(Options(budget), store_, log_);
    TieredRows rows(Options(budget), store_, log_);
    ASSERT_TRUE(rows.Recover().ok());
    if (rows.memory_bytes() >= fresh.memory_bytes() + all) continue;
    EXPECT_EQ(rows.memory_bytes(), fresh.memory_bytes()) << budget;
    EXPECT_EQ(rows.rows(TableId(0)), store_.rows(TableId(0)));
    ++refused;
  }
  EXPECT_GT(refused, 1);
}

TEST_F(TieredRowsTest, SlotsThatGoWhileAPieceEntersTheStoreLeaveNothing) {
  TieredRows rows(Options(kLarge), store_, log_);
  const std::vector<RowId> ids = {RowId(3), RowId(4)};
  ASSERT_TRUE(rows.Create(TableId(0), ids).has_value());
  rows.BeginImage();
  auto stage = rows.NextPiece({});
  stage->Run();
  ASSERT_FALSE(*rows.TakePiece(*stage, {}));
  auto enter = rows.NextPiece({});
  ASSERT_TRUE(rows.Drop({0, kSlotCount}).ok());
  enter->Run();
  EXPECT_TRUE(*rows.TakePiece(*enter, {}));
  EXPECT_EQ(rows.rows(TableId(0)), 0u);
  EXPECT_EQ(store_.rows(TableId(0)), 0u);
}

TEST_F(TieredRowsTest, RandomHistoriesAgreeWithAMapUnderAnyBudget) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    support::MemoryRowStore store(RecordBytes(kTables));
    const uint64_t budget = seed % 3 == 0 ? kLarge : kSmall * (1 + seed % 4);
    support::MemoryRedoLog log;
    TieredRows rows(Options(budget), store, log);
    Counts naive;  // Of headers.
    Images images(rows, store);
    for (int event = 0; event < 600; ++event) {
      const auto table = TableId(static_cast<uint32_t>(rng.Below(3)));
      const RowLayout& layout = rows.layout(table);
      const uint64_t below = rng.Below(4) == 0 ? 3000 : 100;  // Some rows are hot.
      const auto ids = Distinct(rng, 1 + rng.Below(rows.block_rows()), below);
      const bool push = rng.Below(2) == 0;
      const auto numbers = push ? rows.Create(table, ids) : rows.Fetch(table, ids);
      ASSERT_TRUE(numbers.has_value()) << numbers.error();
      for (size_t i = 0; i < ids.size(); ++i) {
        const auto it = naive.find({table, ids[i]});
        if (it == naive.end() && !push) {
          ASSERT_EQ((*numbers)[i], kNoRow);
          continue;
        }
        ASSERT_NE((*numbers)[i], kNoRow);
        RowHeader& header = layout.header(rows.record(table, (*numbers)[i]));
        ASSERT_EQ(header.count, it == naive.end() ? 0 : it->second);
        if (!push) continue;
        header.count += 1 + static_cast<uint32_t>(rng.Below(9));
        naive[{table, ids[i]}] = header.count;
        rows.MarkChanged(table, (*numbers)[i]);
      }
      ASSERT_LE(rows.memory_bytes(), budget);
      if (rng.Below(3) > 0) continue;
      ASSERT_NO_FATAL_FAILURE(images.Step(naive));
    }
    EXPECT_GT(images.ended(), 0);
    for (uint32_t t = 0; t < 3; ++t) {
      Counts seen;
      const auto visit = [&](RowId id, std::string_view record) {
        const auto again = seen.emplace(std::pair(TableId(t), id),
                                        rows.layout(TableId(t)).header(record.data()).count);
        EXPECT_TRUE(again.second) << "visited twice";
      };
      ASSERT_TRUE(rows.ForEach(TableId(t), visit).ok());
      Counts expected;
      for (const auto& [key, count] : naive) {
        if (key.first == TableId(t)) expected.emplace(key, count);
      }
      EXPECT_EQ(seen, expected);
      EXPECT_EQ(rows.rows(TableId(t)), expected.size());
    }
  }
}

}  // namespace
}  // namespace skybridge::ps
