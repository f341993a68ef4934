// SPDX-License-Identifier: Apache-2.0
#include "ps/fragment_source.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/ps/cut_shard.h"
#include "tests/ps/image_steps.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {{.name = "rows", .dim = 2, .init_stddev = 1},
                            {.name = "counts", .kind = TableKind::kCounts}};
constexpr Phase kPhase = Phase(1);

// Some pushes before the freeze, some before the cut, some after it.
class FragmentSourceTest : public testing::Test {
 protected:
  FragmentSourceTest()
      : shard_(0, {0, kSlotCount},
               {.rows = {.tables = kTables, .seed = 5, .memory_bytes = 40 << 10},
                .image_log_bytes = 1000},
               objects_) {
    shard_.Start();
    EXPECT_TRUE(shard_.shard->Open({.phase = kPhase, .ranks = 1}).ok());
    for (; next_ < 40; ++next_) Push();
    shard_.Prepare(1);
    for (; next_ < 50; ++next_) Push();
    image_ = shard_.shard->journal().Image();
    expected_ = Rows();
    log_.emplace(shard_.log);
    cut_.emplace(shard_.Cut(1, kPhase));
    shard_.Advance();  // The round gives up what it kept.
    for (; next_ < 60; ++next_) Push();
  }

  void Push() {
    PushRequest push{.phase = kPhase, .sequence = next_, .attempt = Attempt(1)};
    for (const uint32_t t : {0u, 1u}) {
      PushPart part{.table = TableId(t), .ids = {RowId(1), RowId(100 + next_)}};
      part.gradients.assign(t == 0 ? 4 : 0, 0.5f);
      push.rows.parts.push_back(std::move(part));
    }
    EXPECT_TRUE(shard_.shard->Push(std::move(push)).has_value());
    ContinueImage(shard_.shard->journal());
  }
  AllRows Rows() {
    AllRows rows;
    for (const uint32_t t : {0u, 1u}) {
      const auto visit = [&](RowId id, std::string_view record) {
        rows.emplace(std::pair(TableId(t), id), record);
      };
      EXPECT_TRUE(shard_.shard->rows().ForEach(TableId(t), visit).ok());
    }
    return rows;
  }
  void ExpectRefused(StatusCode code, const std::string& part) {
    ExpectRefused(cut_->Open(), code, part);
  }
  static void ExpectRefused(const Result<std::unique_ptr<FragmentSource>>& source, StatusCode code,
                            const std::string& part) {
    ASSERT_FALSE(source.has_value());
    EXPECT_EQ(source.error().code(), code) << source.error();
    EXPECT_NE(source.error().message().find(part), std::string::npos) << source.error();
  }

  // With another tail.
  Result<std::unique_ptr<FragmentSource>> OpenWith(const support::MemoryRedoLog& tail) {
    std::map<std::string, std::string> files;
    for (const checkpoint::File& file : cut_->fragment.file()) {
      files[file.name()] = objects_.entries.at(file.object().key()).bytes;
    }
    auto store = std::make_unique<support::MemoryRowStore>(RecordBytes(kTables));
    EXPECT_TRUE(store->Load(files));
    return FragmentSource::Open(cut_->fragment, cut_->options, std::move(store),
                                std::make_unique<support::MemoryRedoLog>(tail));
  }

  support::MemoryObjectStore objects_;
  CutShard shard_;
  uint64_t next_ = 0;
  ShardImage image_;
  AllRows expected_;
  std::optional<support::MemoryRedoLog> log_;  // Up to the cut.
  std::optional<CutFragment> cut_;
};

TEST_F(FragmentSourceTest, ItIsTheShardAsItWasAtTheCut) {
  ASSERT_GT(cut_->fragment.redo(), 1u);                    // There was an image ...
  ASSERT_LT(cut_->fragment.redo(), cut_->fragment.cut());  // ... and a tail.
  const auto source = cut_->Open();
  ASSERT_TRUE(source.has_value()) << source.error();
  EXPECT_EQ((*source)->image().ledger, image_.ledger);
  EXPECT_EQ((*source)->image().summary, image_.summary);
  EXPECT_EQ((*source)->rows(), expected_.size());
  AllRows rows;
  for (const uint32_t t : {0u, 1u}) {
    env::RowKey last{};
    for (const SlotRange slots : {SlotRange{0, 1000}, SlotRange{1000, kSlotCount}}) {
      const auto visit = [&](env::RowKey key, std::string_view record) {
        EXPECT_GE(Number(key.slot), slots.begin);
        EXPECT_LT(Number(key.slot), slots.end);
        EXPECT_LT(last, key);
        last = key;
        rows.emplace(std::pair(TableId(t), key.id), record);
        return Status();
      };
      ASSERT_TRUE((*source)->Scan(TableId(t), slots, visit).ok());
    }
  }
  EXPECT_EQ(rows, expected_);
}

TEST_F(FragmentSourceTest, AVisitThatFailsEndsTheScan) {
  const auto source = cut_->Open();
  int visits = 0;
  const Status status =
      (*source)->Scan(TableId(0), {0, kSlotCount}, [&](env::RowKey, std::string_view) {
        return ++visits < 3 ? Status() : Status(StatusCode::kResourceExhausted, "disk full");
      });
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(visits, 3);
}

// First values are the fragment's, whatever the options say.
TEST_F(FragmentSourceTest, RowsThatTheTailCreatesBeginAsTheyDid) {
  cut_->options.rows.seed = 77;
  ASSERT_TRUE(cut_->Open().has_value());
  AllRows rows;
  const auto source = cut_->Open();
  for (const uint32_t t : {0u, 1u}) {
    const auto visit = [&](env::RowKey key, std::string_view record) {
      rows.emplace(std::pair(TableId(t), key.id), record);
      return Status();
    };
    ASSERT_TRUE((*source)->Scan(TableId(t), {0, kSlotCount}, visit).ok());
  }
  EXPECT_EQ(rows, expected_);
}

TEST_F(FragmentSourceTest, OtherTablesAreRefusedByName) {
  cut_->options.rows.tables[0].dim = 4;
  ExpectRefused(OpenWith(*log_), StatusCode::kInvalidArgument,
                "table 0 is rows (rows of 32 bytes), in the job rows");
  cut_->options.rows.tables.pop_back();
  ExpectRefused(OpenWith(*log_), StatusCode::kInvalidArgument, "it has 2, the job 1");
}

TEST_F(FragmentSourceTest, AnotherTailIsDataLoss) {
  cut_->fragment.set_cut(cut_->fragment.cut() - 1);
  ExpectRefused(OpenWith(*log_), StatusCode::kDataLoss, "the tail of the log has the positions");
}

TEST_F(FragmentSourceTest, ATailThatBeginsTooLateIsDataLoss) {
  ASSERT_TRUE(log_->Release(cut_->fragment.redo() + 1).ok());
  ExpectRefused(OpenWith(*log_), StatusCode::kDataLoss, "the tail of the log has the positions");
  cut_->fragment.set_redo(cut_->fragment.redo() + 1);
  ExpectRefused(OpenWith(*log_), StatusCode::kDataLoss, "but the rows need it from");
}

TEST_F(FragmentSourceTest, AnotherClockIsDataLoss) {
  cut_->fragment.set_committed(4);
  ExpectRefused(StatusCode::kDataLoss, "clock 0 instead of 4");
}

TEST_F(FragmentSourceTest, SlotsThatCannotBeAreDataLoss) {
  cut_->fragment.set_slot_end(kSlotCount + 1);
  ExpectRefused(StatusCode::kDataLoss, "slots 0 to 4097");
}

}  // namespace
}  // namespace skybridge::ps
