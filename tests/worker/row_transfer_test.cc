// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "common/bytes.h"
#include "proto/envelope.h"
#include "tests/worker/test_cluster.h"
#include "worker/row_reader.h"
#include "worker/row_writer.h"

namespace skybridge::worker {
namespace {

constexpr Instant kStart{};

TableSpecs Specs() {
  return {{.name = "wide", .dim = 300},
          {.name = "counts", .kind = TableKind::kCounts},
          {.name = "narrow", .dim = 2}};
}

// Value j of row `id` in `table`, as a shard would hold it.
float ValueOf(size_t table, uint64_t id, size_t j) {
  return static_cast<float>(1000 * table + 10 * id) + static_cast<float>(j) / 8;
}

// Answers a Pull as a shard does.
std::pair<wire::Header, std::string> AnswerPull(const Envelope& message) {
  const wire::Header request = *wire::Open(message);
  wire::Header reply;
  reply.set_request(request.request());
  RawReader reader(message.payload);
  std::string payload;
  for (const wire::TablePart& part : request.pull().table()) {
    *reply.mutable_pull_reply()->add_table() = part;
    std::vector<uint64_t> ids;
    EXPECT_TRUE(reader.Read(part.rows(), ids));
    for (const uint64_t id : ids) {
      for (size_t j = 0; j < part.dim(); ++j) {
        const float value = ValueOf(part.table(), id, j);
        AppendRaw<float>(payload, {&value, 1});
      }
    }
    if (!part.counts()) continue;
    for (const uint64_t id : ids) {
      const auto count = static_cast<uint32_t>(id + 1);
      AppendRaw<uint32_t>(payload, {&count, 1});
    }
  }
  reply.mutable_pull_reply();
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_LE(payload.size(), wire::kPayloadBytesMax);
  return {reply, payload};
}

TableIds ManyIds() {
  TableIds ids(3);
  for (uint64_t id = 0; id < 12000; ++id) ids[0].push_back(3 * id);  // 14 MB: several pieces.
  for (uint64_t id = 0; id < 50; ++id) ids[1].push_back(7 * id);
  for (uint64_t id = 0; id < 50; ++id) ids[2].push_back(5 * id);
  return ids;
}

TEST(RowReaderTest, PutsTheAnswersOfAllShardsAndPiecesInTheirPlaces) {
  const ClusterView cluster = TestCluster(2);
  const TableSpecs specs = Specs();
  Calls calls({}, cluster);
  RowReader reader(1, specs, calls, cluster);
  const TableIds ids = ManyIds();
  const ShardSplit split(cluster.map, ids);
  Effects out;
  reader.Start(wire::Pull(), ids, split, kStart, &out);
  EXPECT_GT(out.send.size(), 2u);
  std::reverse(out.send.begin(), out.send.end());  // Answers come in any order.
  for (const Envelope& message : out.send) {
    EXPECT_FALSE(reader.complete());
    auto [header, payload] = AnswerPull(message);
    const auto answer = calls.Match(header, payload, kStart);
    ASSERT_TRUE(answer.has_value());
    ASSERT_TRUE(*reader.Take(*answer));
  }
  ASSERT_TRUE(reader.complete());
  for (const size_t table : {size_t{0}, size_t{2}}) {
    const size_t dim = specs[table].dim;
    for (size_t i = 0; i < ids[table].size(); ++i) {
      for (size_t j = 0; j < dim; ++j) {
        ASSERT_EQ(reader.rows().values[table][i * dim + j], ValueOf(table, ids[table][i], j));
      }
    }
  }
  for (size_t i = 0; i < ids[1].size(); ++i) {
    EXPECT_EQ(reader.rows().counts[1][i], ids[1][i] + 1);
  }
}

TEST(RowReaderTest, AsksEveryShardEvenWithoutRows) {
  const ClusterView cluster = TestCluster(3);
  const TableSpecs specs = Specs();
  Calls calls({}, cluster);
  RowReader reader(1, specs, calls, cluster);
  const TableIds none(3);
  const ShardSplit split(cluster.map, none);
  Effects out;
  reader.Start(wire::Pull(), none, split, kStart, &out);
  EXPECT_EQ(out.send.size(), 3u);
}

TEST(RowReaderTest, ReplyOfAnotherShapeIsRefused) {
  const ClusterView cluster = TestCluster(1);
  const TableSpecs specs = Specs();
  for (const int fault : {0, 1, 2}) {
    Calls calls({}, cluster);
    RowReader reader(1, specs, calls, cluster);
    TableIds ids(3);
    ids[2] = {1, 2, 3};
    const ShardSplit split(cluster.map, ids);
    Effects out;
    reader.Start(wire::Pull(), ids, split, kStart, &out);
    auto [header, payload] = AnswerPull(out.send.at(0));
    if (fault == 0) payload.pop_back();
    if (fault == 1) payload += "more";
    if (fault == 2) header.mutable_pull_reply()->mutable_table(0)->set_rows(2);
    EXPECT_EQ(reader.Take(*calls.Match(header, payload, kStart)).status().code(),
              StatusCode::kInternal)
        << fault;
  }
}

TEST(RowWriterTest, EveryRowReachesItsShardOnceInChunksOfOneName) {
  const ClusterView cluster = TestCluster(2);
  const TableSpecs specs = Specs();
  Calls calls({}, cluster);
  RowWriter writer(1, specs, calls, cluster);
  const TableIds ids = ManyIds();
  const ShardSplit split(cluster.map, ids);
  std::vector<std::vector<float>> gradients(3);
  for (size_t table = 0; table < 3; ++table) {
    for (const uint64_t id : ids[table]) {
      for (size_t j = 0; j < specs[table].dim; ++j)
        gradients[table].push_back(ValueOf(table, id, j));
    }
  }
  wire::Push push;
  push.set_sequence(9);
  Effects out;
  ASSERT_TRUE(writer.Start(push, {.ids = &ids, .gradients = &gradients}, split, kStart, &out).ok());

  std::map<std::pair<size_t, uint64_t>, int> seen;
  std::map<std::string, std::vector<uint32_t>> chunks;
  for (const Envelope& message : out.send) {
    const wire::Header header = *wire::Open(message);
    EXPECT_EQ(header.push().sequence(), 9u);
    chunks[message.peer].push_back(header.push().chunk());
    RawReader reader(message.payload);
    for (const wire::TablePart& part : header.push().table()) {
      EXPECT_NE(part.table(), 1u) << "counts were not to be pushed";
      std::vector<uint64_t> row_ids;
      std::vector<float> values;
      ASSERT_TRUE(reader.Read(part.rows(), row_ids));
      ASSERT_TRUE(reader.Read(part.rows() * part.dim(), values));
      for (size_t i = 0; i < row_ids.size(); ++i) {
        ++seen[{part.table(), row_ids[i]}];
        EXPECT_EQ(values[i * part.dim()], ValueOf(part.table(), row_ids[i], 0));
      }
    }
    EXPECT_EQ(reader.remaining(), 0u);
    EXPECT_FALSE(writer.complete());
    // The chunk that makes the push whole is answered for all of a shard.
    if (header.push().chunk() + 1 < header.push().chunks()) continue;
    wire::Header reply;
    reply.set_request(header.request());
    reply.mutable_push_reply();
    ASSERT_TRUE(*writer.Take(*calls.Match(reply, {}, kStart)));
  }
  EXPECT_TRUE(writer.complete());
  EXPECT_EQ(calls.pending(), 0u);
  EXPECT_EQ(seen.size(), ids[0].size() + ids[2].size());
  for (const auto& [row, times] : seen) EXPECT_EQ(times, 1);
  EXPECT_EQ(chunks.size(), 2u);
}

TEST(RowWriterTest, SightingsGoToCountTablesAlone) {
  const ClusterView cluster = TestCluster(1);
  const TableSpecs specs = Specs();
  Calls calls({}, cluster);
  RowWriter writer(1, specs, calls, cluster);
  TableIds ids(3);
  ids[1] = {4, 9};
  const std::vector<std::vector<uint32_t>> sightings{{}, {40, 90}, {}};
  const ShardSplit split(cluster.map, ids);
  Effects out;
  ASSERT_TRUE(
      writer.Start(wire::Push(), {.ids = &ids, .sightings = &sightings}, split, kStart, &out).ok());
  ASSERT_EQ(out.send.size(), 1u);
  const wire::Header header = *wire::Open(out.send[0]);
  ASSERT_EQ(header.push().table_size(), 1);
  EXPECT_TRUE(header.push().table(0).counts());
  RawReader reader(out.send[0].payload);
  std::vector<uint64_t> row_ids;
  std::vector<uint32_t> counts;
  ASSERT_TRUE(reader.Read(2, row_ids));
  ASSERT_TRUE(reader.Read(2, counts));
  EXPECT_EQ(counts, sightings[1]);
}

TEST(RowWriterTest, PushBeyondSixteenChunksIsRefusedWithAdvice) {
  const ClusterView cluster = TestCluster(1);
  const TableSpecs specs{{.name = "huge", .dim = 1 << 19}};  // 2 MiB a row.
  Calls calls({}, cluster);
  RowWriter writer(1, specs, calls, cluster);
  TableIds ids(1);
  for (uint64_t id = 0; id < 20; ++id) ids[0].push_back(id);
  const std::vector<std::vector<float>> gradients{std::vector<float>(size_t{20} << 19)};
  const ShardSplit split(cluster.map, ids);
  Effects out;
  const Status status =
      writer.Start(wire::Push(), {.ids = &ids, .gradients = &gradients}, split, kStart, &out);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("smaller batch"), std::string::npos);
}

}  // namespace
}  // namespace skybridge::worker
