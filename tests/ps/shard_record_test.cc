// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_record.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "ps/row_record.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {{.name = "rows", .dim = 2},
                            {.name = "counts", .kind = TableKind::kCounts},
                            {.name = "more", .dim = 1}};

std::string Bytes(const EncodedRecord& record) {
  std::string bytes;
  for (const std::string_view piece : record.pieces()) bytes += piece;
  EXPECT_EQ(bytes.size(), record.bytes());
  return bytes;
}

// Encodes, decodes, and encodes again: the same bytes.
template <typename T>
T Again(T record) {
  const ShardRecord whole = std::move(record);
  const EncodedRecord encoded = Encode(whole);
  const std::string bytes = Bytes(encoded);
  auto decoded = DecodeRecord(encoded.type, bytes, kTables);
  CHECK(decoded) << decoded.error();
  EXPECT_EQ(Bytes(Encode(*decoded)), bytes);
  CHECK(std::holds_alternative<T>(*decoded));
  return std::get<T>(*std::move(decoded));
}

TEST(ShardRecordTest, EveryDecisionComesBackAsItWas) {
  const PhaseRules rules{.phase = Phase(3),
                         .lockstep = true,
                         .staleness_max = 4,
                         .ranks = 5,
                         .clock_begin = 6,
                         .read_only = true};
  EXPECT_EQ(Again(PhaseOpened{rules}).rules, rules);
  EXPECT_EQ(Again(PhaseOpened{{.phase = Phase(1)}}).rules, (PhaseRules{.phase = Phase(1)}));
  EXPECT_EQ(Again(PhaseClosed{Phase(3)}).phase, Phase(3));
  EXPECT_EQ(Again(RankFenced{Rank(7), Attempt(8)}).rank, Rank(7));
  EXPECT_EQ(Again(RankFenced{Rank(7), Attempt(8)}).attempt, Attempt(8));
  const auto stream = StreamId(uint64_t{9} << 32 | 1);
  EXPECT_EQ(Again(StreamFenced{stream, Attempt(8)}).stream, stream);
  EXPECT_EQ(Again(StreamFenced{stream, Attempt(8)}).attempt, Attempt(8));
  EXPECT_EQ(Again(StreamClosed{stream, 10}).stream, stream);
  EXPECT_EQ(Again(StreamClosed{stream, 10}).count, 10u);
  const std::vector<StalenessGate::State> ranks = {{1, 3}, {3, 4}};
  EXPECT_EQ(Again(GateMoved{ranks}).ranks, ranks);
  const RankCertified certified = Again(RankCertified{Rank(1), Attempt(2), 3});
  EXPECT_EQ(certified.rank, Rank(1));
  EXPECT_EQ(certified.attempt, Attempt(2));
  EXPECT_EQ(certified.done, 3u);
  EXPECT_EQ(Again(ClockCommitted{11}).clock, 11u);
}

TEST(ShardRecordTest, APushComesBackWithItsRows) {
  PushAccepted push{.stream = StreamId(1), .sequence = 2, .rank = Rank(3), .attempt = Attempt(4)};
  push.push.rows = {.rate = 0.5f,
                    .parts = {{TableId(0), {RowId(1), RowId(5)}, {1, 2, 3, 4}, {}},
                              {TableId(1), {RowId(6)}, {}, {7}},
                              {TableId(2), {}, {}, {}}}};
  push.push.crcs = {8, 9};
  const PushAccepted again = Again(push);
  EXPECT_EQ(again.stream, push.stream);
  EXPECT_EQ(again.sequence, push.sequence);
  EXPECT_EQ(again.rank, push.rank);
  EXPECT_EQ(again.attempt, push.attempt);
  EXPECT_EQ(again.push.crcs, push.push.crcs);
  EXPECT_EQ(again.push.bytes, push.push.rows.bytes());
  EXPECT_EQ(again.push.rows.rate, 0.5f);
  ASSERT_EQ(again.push.rows.parts.size(), 3u);
  for (size_t p = 0; p < 3; ++p) {
    EXPECT_EQ(again.push.rows.parts[p].table, push.push.rows.parts[p].table);
    EXPECT_EQ(again.push.rows.parts[p].ids, push.push.rows.parts[p].ids);
    EXPECT_EQ(again.push.rows.parts[p].gradients, push.push.rows.parts[p].gradients);
    EXPECT_EQ(again.push.rows.parts[p].sightings, push.push.rows.parts[p].sightings);
  }
}

TEST(ShardRecordTest, RecordsOfALiveMoveComeBackAsTheyWere) {
  const SlotDoubt doubt{MapVersion(3), {100, kSlotCount}};
  EXPECT_EQ(Again(SlotsInDoubt{doubt}).doubt, doubt);
  EXPECT_EQ(Again(SlotsSettled{}).dropped, std::vector<SlotRange>{});
  EXPECT_EQ(Again(SlotsSettled{{{1, 2}, {3, 4}}}).dropped,
            (std::vector<SlotRange>{{1, 2}, {3, 4}}));
  const SlotsInstalled installed = Again(SlotsInstalled{true, {.redo = 2, .begin = 3}});
  EXPECT_TRUE(installed.whole);
  EXPECT_EQ(installed.state, (ShardImage{.redo = 2, .begin = 3}));
  const size_t bytes = RecordBytes(kTables)[2];
  const SlotRows rows =
      Again(SlotRows{TableId(2), {RowId(7), RowId(3)}, std::vector<char>(2 * bytes, 'r')});
  EXPECT_EQ(rows.table, TableId(2));
  EXPECT_EQ(rows.ids, (std::vector<RowId>{RowId(7), RowId(3)}));
  EXPECT_EQ(rows.records, std::vector<char>(2 * bytes, 'r'));
  EXPECT_EQ(DecodeRecord(3, std::string(8, '\x01'), kTables).status().code(),
            StatusCode::kDataLoss);
}

TEST(ShardRecordTest, WhatIsNoRecordIsDataLoss) {
  PushAccepted push;
  push.push.rows.parts = {{TableId(0), {RowId(1)}, {1, 2}, {}}};
  const ShardRecord record = std::move(push);  // Outlives the pieces.
  const EncodedRecord encoded = Encode(record);
  const std::string whole = Bytes(encoded);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const auto cut = DecodeRecord(encoded.type, whole.substr(0, bytes), kTables);
    EXPECT_EQ(cut.status().code(), StatusCode::kDataLoss) << bytes;
  }
  EXPECT_EQ(DecodeRecord(encoded.type, whole + "x", kTables).status().code(),
            StatusCode::kDataLoss);
  EXPECT_EQ(DecodeRecord(1, "", kTables).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(DecodeRecord(77, "", kTables).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(DecodeImage("").status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(DecodeImage("\xff\xff").status().code(), StatusCode::kDataLoss);
  for (const GroupedLedger::Snapshot& odd : std::vector<GroupedLedger::Snapshot>{
           {}, {{1, {}}}, {{0, {}}, {0, {}}}, {{0, {}}, {kSlotCount, {}}}}) {
    const auto image = DecodeImage(EncodeImage({.ledger = odd}));
    EXPECT_EQ(image.status().code(), StatusCode::kDataLoss);
  }
}

TEST(ShardRecordTest, AnImageComesBackAsItWas) {
  ShardImage image{.redo = 5, .begin = 9};
  EXPECT_EQ(*DecodeImage(EncodeImage(image)), image);
  image.rules = PhaseRules{.phase = Phase(2), .staleness_max = 1, .ranks = 2};
  image.summary = {.closed = true, .pushes = 3, .duplicates = 4, .examples = 5};
  image.commit = {
      .committed = 6,
      .ranks = {
          {.attempt = Attempt(1), .done = 6, .last_clock = 7, .last_crcs = {8}, .pending_lsn = 5},
          {}}};
  image.ledger = {{0,
                   {.open = {{StreamId(1), {.next = 2, .applied = {4, 9}}, Attempt(3)}},
                    .closed = {{StreamId(5), 6}}}},
                  {1000, {.open = {}, .closed = {{StreamId(5), 6}}}}};
  image.gate = {{7, 3}, {}};
  image.doubt = SlotDoubt{MapVersion(4), {10, 20}};
  image.incoming = {{0, {}}, {15, {.open = {{StreamId(2), {.next = 1}, Attempt(1)}}}}};
  EXPECT_EQ(*DecodeImage(EncodeImage(image)), image);
}

}  // namespace
}  // namespace skybridge::ps
