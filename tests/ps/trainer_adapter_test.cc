// SPDX-License-Identifier: Apache-2.0
#include "ps/trainer_adapter.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "common/bytes.h"
#include "proto/envelope.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

using std::chrono::seconds;

const TableSpecs kTables = {{.name = "rows", .dim = 2}};

// An adapter in front of a shard whose lockstep phase 1 of two ranks is open.
class TrainerAdapterTest : public testing::Test {
 protected:
  TrainerAdapterTest()
      : store_(RecordBytes(kTables)),
        shard_({.rows = {.tables = kTables, .seed = 1, .memory_bytes = 1 << 20}}, store_, log_),
        adapter_(kTables, seconds(5), shard_) {
    EXPECT_TRUE(shard_.TakeMap({MapVersion(1), {0, kSlotCount}}).ok());
    EXPECT_TRUE(shard_.Open({.phase = Phase(1), .lockstep = true, .ranks = 2}).ok());
  }

  Served Ask(const wire::Header& header, const std::string& payload = {}) {
    return adapter_.Serve("peer", header, payload, {});
  }
  static wire::Header PullAt(uint64_t clock) {
    wire::Header header;
    header.set_request(77);
    header.mutable_identity()->set_sender_incarnation(9);
    wire::Pull& pull = *header.mutable_pull();
    pull.set_phase(1);
    pull.set_attempt(1);
    pull.set_clock(clock);
    pull.set_done(clock - 1);
    return header;
  }

  support::MemoryRowStore store_;
  support::MemoryRedoLog log_;
  Shard shard_;
  TrainerAdapter adapter_;
};

TEST_F(TrainerAdapterTest, AnswerCarriesWhoAskedAndTheCallsNumber) {
  const Served served = Ask(PullAt(1));
  EXPECT_TRUE(served.status.ok()) << served.status;
  EXPECT_EQ(served.peer, "peer");
  EXPECT_EQ(served.request, 77u);
  EXPECT_EQ(served.sender, 9u);
  EXPECT_TRUE(served.reply.has_pull_reply());
}

TEST_F(TrainerAdapterTest, MessageThatIsNoRequestIsMalformed) {
  wire::Header header;
  header.mutable_stop();
  EXPECT_TRUE(Ask(header).malformed);
}

TEST_F(TrainerAdapterTest, PayloadOfAnotherSizeIsMalformed) {
  wire::Header header = PullAt(1);
  wire::TablePart& part = *header.mutable_pull()->add_table();
  part.set_rows(3);
  part.set_dim(2);
  EXPECT_TRUE(Ask(header, "too short").malformed);
}

TEST_F(TrainerAdapterTest, PullAheadOfItsClockWaitsAndIsRefusedAfterTheLimit) {
  wire::Header query;
  query.mutable_rank_query()->set_phase(1);
  query.mutable_rank_query()->set_attempt(1);
  EXPECT_TRUE(Ask(query).reply.has_rank_reply());
  wire::Header push;
  push.mutable_push()->set_phase(1);
  push.mutable_push()->set_sequence(1);
  push.mutable_push()->set_attempt(1);
  push.mutable_push()->set_chunks(1);
  push.mutable_push()->set_rate(1);
  EXPECT_TRUE(Ask(push).status.ok());
  const Served waits = Ask(PullAt(2));  // Rank 1 has not pushed clock 1.
  EXPECT_TRUE(waits.status.ok()) << waits.status;
  EXPECT_EQ(waits.reply.body_case(), wire::Header::BODY_NOT_SET);
  EXPECT_TRUE(adapter_.ServeParked(Instant(seconds(5))).empty());
  const auto late = adapter_.ServeParked(Instant(seconds(6)));
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(late[0].request, 77u);
  EXPECT_TRUE(adapter_.ServeParked(Instant(seconds(60))).empty());
}

TEST_F(TrainerAdapterTest, ScanOfNoTableOrOfTooManyRowsIsRefused) {
  wire::Header header;
  header.mutable_scan()->set_table(1);
  header.mutable_scan()->set_rows_max(1);
  EXPECT_EQ(Ask(header).status.code(), StatusCode::kInvalidArgument);
  header.mutable_scan()->set_table(0);
  for (const uint32_t rows : {0u, 0xffffffffu}) {
    header.mutable_scan()->set_rows_max(rows);
    EXPECT_EQ(Ask(header).status.code(), StatusCode::kInvalidArgument) << rows;
  }
  header.mutable_scan()->set_rows_max(1);
  header.mutable_scan()->set_from_start(true);
  EXPECT_TRUE(Ask(header).reply.scan_reply().done());
}

}  // namespace
}  // namespace skybridge::ps
