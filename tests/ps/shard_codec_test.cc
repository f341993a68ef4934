// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_codec.h"

#include <gtest/gtest.h>

#include "common/bytes.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {{.name = "rows", .dim = 2},
                            {.name = "counts", .kind = TableKind::kCounts}};

wire::Header PushHeader() {
  wire::Header header;
  header.set_payload_crc32c(77);
  wire::Push& push = *header.mutable_push();
  push.set_phase(3);
  push.set_stream(4);
  push.set_sequence(5);
  push.set_rank(6);
  push.set_attempt(7);
  push.set_chunk(1);
  push.set_chunks(2);
  push.set_rate(0.5f);
  wire::TablePart& rows = *push.add_table();
  rows.set_rows(1);
  rows.set_dim(2);
  wire::TablePart& counts = *push.add_table();
  counts.set_table(1);
  counts.set_rows(2);
  counts.set_counts(true);
  return header;
}

std::string PushPayload() {
  std::string payload;
  AppendRaw<uint64_t>(payload, std::vector<uint64_t>{9});
  AppendRaw<float>(payload, std::vector<float>{1, 2});
  AppendRaw<uint64_t>(payload, std::vector<uint64_t>{10, 11});
  AppendRaw<uint32_t>(payload, std::vector<uint32_t>{3, 4});
  return payload;
}

TEST(ShardCodecTest, APushArrivesWhole) {
  const auto push = DecodePush(PushHeader(), PushPayload(), kTables);
  ASSERT_TRUE(push.has_value()) << push.error();
  EXPECT_EQ(push->phase, Phase(3));
  EXPECT_EQ(push->stream, StreamId(4));
  EXPECT_EQ(push->sequence, 5u);
  EXPECT_EQ(push->rank, Rank(6));
  EXPECT_EQ(push->attempt, Attempt(7));
  EXPECT_EQ(push->chunk, 1u);
  EXPECT_EQ(push->chunks, 2u);
  EXPECT_EQ(push->crc, 77u);
  EXPECT_EQ(push->rows.rate, 0.5f);
  ASSERT_EQ(push->rows.parts.size(), 2u);
  EXPECT_EQ(push->rows.parts[0].gradients, (std::vector<float>{1, 2}));
  EXPECT_TRUE(push->rows.parts[0].sightings.empty());
  EXPECT_EQ(push->rows.parts[1].ids, (std::vector<RowId>{RowId(10), RowId(11)}));
  EXPECT_EQ(push->rows.parts[1].sightings, (std::vector<uint32_t>{3, 4}));
}

TEST(ShardCodecTest, PartsMustAddUpToThePayloadExactly) {
  const std::string payload = PushPayload();
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_EQ(DecodePush(PushHeader(), std::string_view(payload).substr(0, size), kTables)
                  .status()
                  .code(),
              StatusCode::kInvalidArgument)
        << size;
  }
  EXPECT_FALSE(DecodePush(PushHeader(), payload + "x", kTables).has_value());
}

TEST(ShardCodecTest, NumbersThatDoNotFitAreRefused) {
  const auto refused = [](auto change) {
    wire::Header header = PushHeader();
    change(*header.mutable_push());
    return DecodePush(header, PushPayload(), kTables).status().code();
  };
  EXPECT_EQ(refused([](wire::Push& push) { push.set_rank(65536); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused([](wire::Push& push) { push.set_attempt(65536); }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(refused([](wire::Push& push) { push.mutable_table(0)->set_table(2); }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(refused([](wire::Push& push) { push.mutable_table(0)->set_dim(3); }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(refused([](wire::Push& push) { push.mutable_table(0)->set_rows(~0u); }),
            StatusCode::kInvalidArgument);
}

TEST(ShardCodecTest, TablesOfAMessageAreBounded) {
  wire::Pull pull;
  for (int i = 0; i < kPartsMax; ++i) pull.add_table()->set_table(1);
  EXPECT_TRUE(DecodePull(pull, {}, kTables).has_value());
  pull.add_table()->set_table(1);
  EXPECT_EQ(DecodePull(pull, {}, kTables).status().code(), StatusCode::kInvalidArgument);
}

TEST(ShardCodecTest, APullArrivesWholeAndItsReplyMirrorsIt) {
  wire::Pull message;
  message.set_phase(1);
  message.set_rank(2);
  message.set_attempt(3);
  message.set_clock(4);
  message.set_done(5);
  message.set_read_only(true);
  message.set_expect_committed(6);
  wire::TablePart& part = *message.add_table();
  part.set_table(1);
  part.set_rows(1);
  part.set_counts(true);
  std::string payload;
  AppendRaw<uint64_t>(payload, std::vector<uint64_t>{9});
  const auto pull = DecodePull(message, payload, kTables);
  ASSERT_TRUE(pull.has_value()) << pull.error();
  EXPECT_EQ(pull->rank, Rank(2));
  EXPECT_EQ(pull->attempt, Attempt(3));
  EXPECT_EQ(pull->clock, 4u);
  EXPECT_EQ(pull->done, 5u);
  EXPECT_TRUE(pull->read_only);
  EXPECT_EQ(pull->expect_committed, 6u);
  EXPECT_FALSE(DecodePull(message, payload + "x", kTables).has_value());

  const wire::PullReply reply = EncodePullReply(*pull, kTables, 8);
  EXPECT_EQ(reply.committed(), 8u);
  ASSERT_EQ(reply.table_size(), 1);
  EXPECT_EQ(reply.table(0).SerializeAsString(), part.SerializeAsString());
}

TEST(ShardCodecTest, RulesTranslateTheirStaleness) {
  wire::OpenPhase message;
  message.set_phase(2);
  message.set_staleness(-1);
  EXPECT_EQ(DecodeRules(message)->staleness_max, std::nullopt);
  message.set_staleness(0);
  EXPECT_EQ(DecodeRules(message)->staleness_max, 0u);
  message.set_phase(0);
  EXPECT_FALSE(DecodeRules(message).has_value());
}

TEST(ShardCodecTest, AMapMustCoverTheSlots) {
  wire::ClusterMap message;
  message.set_version(1);
  EXPECT_FALSE(DecodeMap(message).has_value());
  wire::ShardEntry& shard = *message.add_shard();
  shard.set_slot_end(kSlotCount);
  shard.set_incarnation(5);
  const auto map = DecodeMap(message);
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(map->shards()[0].incarnation, Incarnation(5));
  message.set_version(0);
  EXPECT_FALSE(DecodeMap(message).has_value());
}

}  // namespace
}  // namespace skybridge::ps
