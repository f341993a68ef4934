// SPDX-License-Identifier: Apache-2.0
#include "ps/chunk_assembler.h"

#include <gtest/gtest.h>

namespace skybridge::ps {
namespace {

constexpr StreamId kStream = StreamId(3);

// Chunk `chunk` of `chunks` with one row of width 1 per id, gradient = id.
PushRequest Chunk(uint32_t chunk, uint32_t chunks, std::vector<uint64_t> ids, uint32_t table = 0,
                  uint16_t attempt = 1) {
  PushRequest request{.stream = kStream,
                      .sequence = 5,
                      .attempt = Attempt(attempt),
                      .chunk = chunk,
                      .chunks = chunks,
                      .crc = 100 + chunk};
  PushPart part{.table = TableId(table)};
  for (const uint64_t id : ids) {
    part.ids.push_back(RowId(id));
    part.gradients.push_back(static_cast<float>(id));
  }
  request.rows.parts.push_back(part);
  return request;
}

class ChunkAssemblerTest : public testing::Test {
 protected:
  StatusCode Add(PushRequest request) {
    auto added = chunks_.Add(std::move(request));
    whole_ = added ? *std::move(added) : std::nullopt;
    return added.status().code();
  }

  MemoryBudget budget_{1000};
  ChunkAssembler chunks_{budget_};
  std::optional<AssembledPush> whole_;
};

TEST_F(ChunkAssemblerTest, ChunksInAnyOrderMakeOnePush) {
  ASSERT_EQ(Add(Chunk(2, 3, {9}, 1)), StatusCode::kOk);
  ASSERT_EQ(Add(Chunk(1, 3, {7, 8})), StatusCode::kOk);
  EXPECT_FALSE(whole_);
  ASSERT_EQ(Add(Chunk(0, 3, {2})), StatusCode::kOk);
  ASSERT_TRUE(whole_);
  ASSERT_EQ(whole_->rows.parts.size(), 2u);
  EXPECT_EQ(whole_->rows.parts[0].ids, (std::vector<RowId>{RowId(2), RowId(7), RowId(8)}));
  EXPECT_EQ(whole_->rows.parts[0].gradients, (std::vector<float>{2, 7, 8}));
  EXPECT_EQ(whole_->rows.parts[1].ids, (std::vector<RowId>{RowId(9)}));
  EXPECT_EQ(whole_->crcs, (std::vector<uint32_t>{100, 101, 102}));
  EXPECT_EQ(chunks_.unfinished(), 0u);
}

TEST_F(ChunkAssemblerTest, AWholePushTakesNoMoreRoomThanItsBytes) {
  for (uint32_t chunk = 0; chunk < 9; ++chunk) {
    ASSERT_EQ(Add(Chunk(chunk, 9, {2 * chunk, 2 * chunk + 1})), StatusCode::kOk);
  }
  ASSERT_TRUE(whole_);
  const PushPart& part = whole_->rows.parts[0];
  EXPECT_EQ(part.ids.capacity(), 18u);
  EXPECT_EQ(part.gradients.capacity(), 18u);
}

TEST_F(ChunkAssemblerTest, ARepeatedChunkChangesNothing) {
  ASSERT_EQ(Add(Chunk(0, 2, {1})), StatusCode::kOk);
  const uint64_t used = budget_.used();
  EXPECT_EQ(Add(Chunk(0, 2, {1})), StatusCode::kOk);
  EXPECT_EQ(budget_.used(), used);
  EXPECT_FALSE(whole_);
  EXPECT_EQ(Add(Chunk(1, 2, {2})), StatusCode::kOk);
  EXPECT_EQ(whole_->rows.parts[0].ids.size(), 2u);
}

TEST_F(ChunkAssemblerTest, AChunkWithOtherBytesIsNondeterminism) {
  ASSERT_EQ(Add(Chunk(0, 2, {1})), StatusCode::kOk);
  PushRequest other = Chunk(0, 2, {1});
  other.crc = 7;
  EXPECT_EQ(Add(other), StatusCode::kNondeterminism);
}

// A successor pulls newer weights, so half of its push and half of the old one are no push.
TEST_F(ChunkAssemblerTest, ALaterAttemptStartsThePushAnew) {
  ASSERT_EQ(Add(Chunk(0, 2, {1}, 0, 1)), StatusCode::kOk);
  PushRequest successor = Chunk(1, 2, {2}, 0, 2);
  ASSERT_EQ(Add(successor), StatusCode::kOk);
  EXPECT_FALSE(whole_);
  EXPECT_EQ(Add(Chunk(0, 2, {1}, 0, 1)), StatusCode::kFenced);
  PushRequest first = Chunk(0, 2, {1}, 0, 2);
  first.crc = 55;
  ASSERT_EQ(Add(first), StatusCode::kOk);
  ASSERT_TRUE(whole_);
  EXPECT_EQ(whole_->crcs, (std::vector<uint32_t>{55, 101}));
}

TEST_F(ChunkAssemblerTest, ChunkNumbersThatCannotBeAreRefused) {
  EXPECT_EQ(Add(Chunk(0, 0, {1})), StatusCode::kInvalidArgument);
  EXPECT_EQ(Add(Chunk(2, 2, {1})), StatusCode::kInvalidArgument);
  EXPECT_EQ(Add(Chunk(0, kChunksMax + 1, {1})), StatusCode::kInvalidArgument);
  EXPECT_EQ(Add(Chunk(0, kChunksMax, {1})), StatusCode::kOk);
  EXPECT_EQ(Add(Chunk(1, 2, {1})), StatusCode::kInvalidArgument);  // Announced otherwise.
}

TEST_F(ChunkAssemblerTest, ChunksThatDoNotGoOnDropThePush) {
  ASSERT_EQ(Add(Chunk(0, 2, {5})), StatusCode::kOk);
  EXPECT_EQ(Add(Chunk(1, 2, {5})), StatusCode::kInvalidArgument);
  EXPECT_EQ(chunks_.unfinished(), 0u);
  ASSERT_EQ(Add(Chunk(0, 2, {5}, 1)), StatusCode::kOk);
  EXPECT_EQ(Add(Chunk(1, 2, {6}, 0)), StatusCode::kInvalidArgument);  // Tables must ascend.
  ASSERT_EQ(Add(Chunk(0, 2, {5})), StatusCode::kOk);
  PushRequest rate = Chunk(1, 2, {6});
  rate.rows.rate = 0.5f;
  EXPECT_EQ(Add(rate), StatusCode::kInvalidArgument);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(ChunkAssemblerTest, ChunksWaitWithinTheBudget) {
  PushRequest large = Chunk(0, 2, {});
  large.rows.parts[0].ids.resize(100);
  large.rows.parts[0].gradients.resize(51);
  EXPECT_EQ(Add(large), StatusCode::kResourceExhausted);
  EXPECT_EQ(chunks_.unfinished(), 0u);
  large.rows.parts[0].gradients.resize(50);
  EXPECT_EQ(Add(large), StatusCode::kOk);
  EXPECT_EQ(budget_.used(), 1000u);
  chunks_.Drop(StreamId(2));
  EXPECT_EQ(budget_.used(), 1000u);
  chunks_.Drop(kStream);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(ChunkAssemblerTest, AWholePushKeepsItsBytesTaken) {
  ASSERT_EQ(Add(Chunk(0, 1, {1, 2})), StatusCode::kOk);
  EXPECT_EQ(whole_->bytes, 24u);
  EXPECT_EQ(budget_.used(), 24u);
}

TEST_F(ChunkAssemblerTest, UnfinishedPushesAreBounded) {
  PushRequest request = Chunk(0, 2, {});
  for (size_t i = 0; i < kUnfinishedMax; ++i) {
    request.sequence = i;
    ASSERT_EQ(Add(request), StatusCode::kOk);
  }
  request.sequence = kUnfinishedMax;
  EXPECT_EQ(Add(request), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace skybridge::ps
