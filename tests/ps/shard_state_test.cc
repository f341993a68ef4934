// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_state.h"

#include <gtest/gtest.h>

#include "common/hash.h"
#include "ps/row_record.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {{.name = "counts", .kind = TableKind::kCounts}};
constexpr uint64_t kExamples = 30;

class ShardStateTest : public testing::Test {
 protected:
  Status Apply(ShardRecord record) { return state_.Apply(++lsn_, std::move(record)); }
  PushAccepted Push(uint64_t stream, uint64_t sequence) {
    PushAccepted push{.stream = StreamId(stream),
                      .sequence = sequence,
                      .rank = Rank(static_cast<uint16_t>(stream)),
                      .attempt = Attempt(1)};
    push.push.rows.parts = {{TableId(0), {RowId(4)}, {}, {1}}};
    push.push.rows.examples = kExamples;
    push.push.bytes = push.push.rows.bytes();
    CHECK(state_.in_flight.TryTake(push.push.bytes));
    return push;
  }

  support::MemoryRowStore store_{RecordBytes(kTables)};
  support::MemoryRedoLog log_;
  ShardState state_{{.tables = kTables, .memory_bytes = 1 << 20}, 1 << 20, store_, log_};
  uint64_t lsn_ = 0;
};

TEST_F(ShardStateTest, ARecordThatCannotFollowIsDataLoss) {
  EXPECT_EQ(Apply(PhaseClosed{Phase(1)}).code(), StatusCode::kDataLoss);
  ASSERT_TRUE(Apply(PhaseOpened{{.phase = Phase(1), .lockstep = true, .ranks = 1}}).ok());
  EXPECT_EQ(Apply(PhaseClosed{Phase(2)}).code(), StatusCode::kDataLoss);
  EXPECT_EQ(Apply(ClockCommitted{1}).code(), StatusCode::kDataLoss);
  EXPECT_EQ(Apply(Push(0, 2)).code(), StatusCode::kDataLoss);
  EXPECT_EQ(state_.in_flight.used(), 0u);
}

TEST_F(ShardStateTest, OnArrivalAPushThatTheLogHasTwiceIsDataLoss) {
  ASSERT_TRUE(Apply(PhaseOpened{{.phase = Phase(1), .ranks = 1}}).ok());
  ASSERT_TRUE(Apply(Push(0, 0)).ok());
  EXPECT_EQ(Apply(Push(0, 0)).code(), StatusCode::kDataLoss);
}

// A shard that was restored has each push in some of its slots alone.
TEST_F(ShardStateTest, OnArrivalAPushIsAppliedToTheSlotsWhereItIsNew) {
  ASSERT_TRUE(Apply(PhaseOpened{{.phase = Phase(1), .ranks = 1}}).ok());
  const uint32_t slot = Number(SlotOf(TableId(0), RowId(4)));
  const PushLedger::Snapshot has = {.open = {{StreamId(0), {.next = 1}, Attempt(0)}}, .closed = {}};
  state_.ledger.Restore({{0, {}}, {slot, has}, {slot + 1, {}}});
  ASSERT_TRUE(Apply(Push(0, 0)).ok());
  EXPECT_EQ(state_.rows.rows(TableId(0)), 0u);
  EXPECT_EQ(state_.ledger.groups(), 1u);
  EXPECT_EQ(state_.summary.pushes, 1u);
  ASSERT_TRUE(Apply(Push(0, 1)).ok());
  EXPECT_EQ(state_.rows.rows(TableId(0)), 1u);
  EXPECT_EQ(state_.in_flight.used(), 0u);
}

// Where it waits at a cut, it is pushed again by those who go on from there.
TEST_F(ShardStateTest, InLockstepAPushCountsOnceItIsInTheRows) {
  ASSERT_TRUE(Apply(PhaseOpened{{.phase = Phase(1), .lockstep = true, .ranks = 2}}).ok());
  ASSERT_TRUE(Apply(Push(0, 1)).ok());
  ASSERT_TRUE(Apply(Push(1, 1)).ok());
  EXPECT_EQ(state_.summary, PhaseSummary());
  ASSERT_TRUE(Apply(ClockCommitted{1}).ok());
  const PhaseSummary both{.pushes = 2, .examples = 2 * kExamples};
  EXPECT_EQ(state_.summary, both);
  ASSERT_TRUE(Apply(Push(0, 2)).ok());
  EXPECT_EQ(state_.summary, both);
}

TEST_F(ShardStateTest, AnImageRemembersFromWherePendingPushesAreNeeded) {
  ASSERT_TRUE(Apply(PhaseOpened{{.phase = Phase(1), .lockstep = true, .ranks = 2}}).ok());
  EXPECT_EQ(state_.Image(2).redo, 2u);
  ASSERT_TRUE(Apply(Push(1, 1)).ok());
  ASSERT_TRUE(Apply(RankFenced{Rank(0), Attempt(3)}).ok());
  const ShardImage image = state_.Image(4);
  EXPECT_EQ(image.redo, 2u);
  EXPECT_EQ(image.begin, 4u);
  EXPECT_EQ(image.commit.ranks[1].pending_lsn, 2u);
  EXPECT_EQ(image.commit.ranks[0].attempt, Attempt(3));

  ShardState other{{.tables = kTables, .memory_bytes = 1 << 20}, 1 << 20, store_, log_};
  other.Restore(image);
  EXPECT_EQ(other.Image(4).commit, image.commit);
  EXPECT_EQ(other.rules, state_.rules);
}

TEST_F(ShardStateTest, RestoredOutsideLockstepItBoundsRanksAsBefore) {
  ASSERT_TRUE(Apply(PhaseOpened{{.phase = Phase(1), .staleness_max = 1, .ranks = 2}}).ok());
  ASSERT_TRUE(Apply(GateMoved{{{5, 0}, {3, 2}}}).ok());
  ASSERT_TRUE(Apply(Push(1, 0)).ok());
  ShardState other{{.tables = kTables, .memory_bytes = 1 << 20}, 1 << 20, store_, log_};
  other.Restore(state_.Image(lsn_ + 1));
  EXPECT_EQ(other.summary, (PhaseSummary{.pushes = 1, .examples = kExamples}));
  EXPECT_TRUE(*other.gate.MayServe(Rank(0), 5));
  EXPECT_FALSE(*other.gate.MayServe(Rank(0), 6));
  EXPECT_FALSE(*other.ledger.IsNew(StreamId(1), 0, Attempt(1)));
  EXPECT_TRUE(*other.ledger.IsNew(StreamId(1), 1, Attempt(1)));
}

}  // namespace
}  // namespace skybridge::ps
