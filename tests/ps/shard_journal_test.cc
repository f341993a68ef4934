// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_journal.h"

#include <gtest/gtest.h>

#include "ps/row_record.h"
#include "tests/ps/image_steps.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {{.name = "counts", .kind = TableKind::kCounts}};

// A journal with a phase outside lockstep, in which each push counts one row.
class ShardJournalTest : public testing::Test {
 protected:
  ShardJournalTest() {
    EXPECT_TRUE(journal_->Keep(PhaseOpened{{.phase = Phase(1), .ranks = 1}}).ok());
  }
  std::unique_ptr<ShardJournal> NewLife() {
    return std::make_unique<ShardJournal>(
        ShardOptions{.rows = {.tables = kTables, .memory_bytes = 1 << 20}}, store_, log_);
  }
  Status Push(uint64_t sequence) {
    PushAccepted push{.sequence = sequence, .attempt = Attempt(1)};
    push.push.rows.parts = {{TableId(0), {RowId(4)}, {}, {1}}};
    push.push.bytes = push.push.rows.bytes();
    CHECK(journal_->state().in_flight.TryTake(push.push.bytes));
    const uint64_t bytes = push.push.bytes;
    Status kept = journal_->Keep(std::move(push));
    if (!kept.ok()) journal_->state().in_flight.Give(bytes);
    return kept;
  }
  // Until the image is in the store, or given up.
  void WriteImage() {
    const uint64_t before = journal_->images() + journal_->images_given_up();
    for (int piece = 0; piece < 10; ++piece) {
      if (journal_->images() + journal_->images_given_up() > before) return;
      ContinueImage(*journal_);
    }
  }

  support::MemoryRowStore store_{RecordBytes(kTables)};
  support::MemoryRedoLog log_;
  std::unique_ptr<ShardJournal> journal_ = NewLife();
};

// S1: what was kept is there again, and nothing else is; before and after an image (S5).
TEST_F(ShardJournalTest, ANewLifeHasWhatWasKept) {
  for (uint64_t sequence = 0; sequence < 9; ++sequence) {
    ASSERT_TRUE(Push(sequence).ok());
    if (sequence == 4) {
      journal_->WantImage();
      WriteImage();
      ASSERT_EQ(journal_->images(), 1u);
      EXPECT_EQ(log_.first(), journal_->image_redo());
    }
    const ShardImage before = journal_->Image();
    journal_ = NewLife();
    ASSERT_TRUE(journal_->Recover().ok());
    EXPECT_EQ(journal_->Image(), before);
    EXPECT_EQ(journal_->state().summary.pushes, sequence + 1);
  }
}

// S8. Long before an image would be due; and not one for each repeat of a push.
TEST_F(ShardJournalTest, AFullLogIsFreedByAnImage) {
  log_.capacity = 4096;
  uint64_t sequence = 0;
  while (Push(sequence).ok()) ASSERT_LT(++sequence, 1000u);
  EXPECT_EQ(Push(sequence).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(journal_->refused_by_log(), 2u);
  WriteImage();
  EXPECT_EQ(journal_->images(), 1u);
  EXPECT_TRUE(Push(sequence).ok());
  EXPECT_EQ(journal_->ContinueImage(), nullptr);
}

TEST_F(ShardJournalTest, AnImageThatFindsNoRoomIsWrittenLater) {
  ASSERT_TRUE(Push(0).ok());
  journal_->WantImage();
  store_.failure = Status(StatusCode::kResourceExhausted, "disk full");
  WriteImage();
  EXPECT_TRUE(journal_->failure().ok()) << journal_->failure();
  EXPECT_EQ(journal_->images(), 0u);
  EXPECT_EQ(journal_->images_given_up(), 1u);
  store_.failure = Status();
  WriteImage();
  EXPECT_EQ(journal_->images(), 0u) << "not at once";
  ASSERT_TRUE(Push(1).ok());
  journal_->WantImage();
  WriteImage();
  EXPECT_EQ(journal_->images(), 1u);
  const ShardImage before = journal_->Image();
  journal_ = NewLife();
  ASSERT_TRUE(journal_->Recover().ok());
  EXPECT_EQ(journal_->Image(), before);
}

TEST_F(ShardJournalTest, ALogThatFailsEndsTheShard) {
  log_.failure = Status(StatusCode::kUnavailable, "input/output error");
  EXPECT_EQ(Push(0).code(), StatusCode::kUnavailable);
  log_.failure = Status();
  EXPECT_EQ(Push(0).code(), StatusCode::kUnavailable);  // For good.
  EXPECT_EQ(journal_->failure().code(), StatusCode::kUnavailable);
  journal_->WantImage();
  EXPECT_EQ(journal_->ContinueImage(), nullptr);
}

// S3, S6: rows that stand beyond the end of the log cannot be explained.
TEST_F(ShardJournalTest, ALogThatLostItsEndIsDataLossOnceRowsDependOnIt) {
  ASSERT_TRUE(Push(0).ok());
  EXPECT_EQ(log_.synced(), 0u);
  const auto visit = [](env::RowKey, std::string_view) { return true; };
  ASSERT_TRUE(journal_->state().rows.Scan(TableId(0), {}, visit).ok());
  EXPECT_EQ(log_.synced(), 2u);  // Before the row reached the store.
  log_.Truncate(1);
  const Status lost = NewLife()->Recover();
  EXPECT_EQ(lost.code(), StatusCode::kDataLoss);
  EXPECT_NE(lost.message().find("ends at 1"), std::string::npos) << lost;
}

TEST_F(ShardJournalTest, ALogWhoseBeginningIsGoneIsDataLoss) {
  ASSERT_TRUE(log_.Release(2).ok());
  EXPECT_EQ(NewLife()->Recover().code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace skybridge::ps
