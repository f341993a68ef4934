// SPDX-License-Identifier: Apache-2.0
//
// Two shards as nodes, and the messages of a live move between them.
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/bytes.h"
#include "common/hash.h"
#include "proto/envelope.h"
#include "ps/row_record.h"
#include "ps/shard_node.h"
#include "ps/slot_moves.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

using std::chrono::milliseconds;

constexpr char kScheduler[] = "tcp://scheduler:1";
constexpr char kTrainer[] = "trainer";
constexpr JobId kJob{1, 2};
constexpr uint64_t kRows = 200;
constexpr uint32_t kHalf = kSlotCount / 2;
const TableSpecs kTables = {
    {.name = "rows", .dim = 2, .optimizer = {.kind = RowOptimizer::kSgd, .learning_rate = 1}}};

std::string EndpointOf(uint32_t shard) { return "tcp://shard:" + std::to_string(shard); }
uint64_t IncarnationOf(uint32_t shard) { return 40 + shard; }

class MovingNodesTest : public testing::Test {
 protected:
  struct Place {
    support::MemoryRowStore store{RecordBytes(kTables)};
    support::MemoryRedoLog log;
    std::unique_ptr<ShardNode> node;
  };

  void SetUp() override {
    for (uint32_t s = 0; s < 2; ++s) {
      const ShardNodeOptions options{.job = kJob,
                                     .shard = s,
                                     .endpoint = EndpointOf(s),
                                     .scheduler_endpoint = kScheduler,
                                     .tables = kTables,
                                     .memory_bytes = 1 << 20,
                                     .move_piece_bytes = 1000};
      places_[s].node = *ShardNode::Open(options, places_[s].store, places_[s].log);
      wire::Header header;
      header.mutable_welcome()->set_incarnation(IncarnationOf(s));
      header.mutable_welcome()->set_generation(1);
      header.mutable_welcome()->set_term(1);
      header.mutable_welcome()->set_heartbeat_ms(1000000);
      Ask(s, kScheduler, header);
    }
    SendMap(1, kSlotCount);
    wire::Header open;
    open.mutable_open_phase()->set_phase(1);
    open.mutable_open_phase()->set_staleness(-1);
    open.mutable_open_phase()->set_ranks(1);
    EXPECT_TRUE(Ask(0, kScheduler, open).has_phase_reply());
    for (uint64_t i = 0; i < kRows; ++i) EXPECT_TRUE(Push(0, i, i).has_push_reply());
  }

  // What `peer` hears, once the shards have said to each other what they have to say.
  wire::Header Ask(uint32_t shard, const std::string& peer, wire::Header header,
                   std::string payload = {}) {
    wire::Identity& identity = *header.mutable_identity();
    identity.set_job_high(kJob.high);
    identity.set_job_low(kJob.low);
    identity.set_generation(1);
    identity.set_map_version(map_);
    identity.set_target_incarnation(IncarnationOf(shard));
    identity.set_sender_incarnation(7);
    identity.set_term(1);
    header.set_request(++request_);
    heard_ = {};
    Take(shard, places_[shard].node->Handle(wire::Seal(peer, header, std::move(payload)), now_));
    return heard_;
  }
  void Tick() {
    now_ = now_ + milliseconds(10);
    for (uint32_t s = 0; s < 2; ++s) Take(s, places_[s].node->Tick(now_));
  }
  void Take(uint32_t from, Effects effects) {
    for (Envelope& message : effects.send) {
      const uint32_t other = 1 - from;
      if (message.peer != EndpointOf(other)) {
        heard_ = *wire::Open(message);
        payload_ = message.payload;
        continue;
      }
      // A shard that is asked answers to a connection, which here has the asker's name.
      message.peer = EndpointOf(from);
      ++talk_;
      Take(other, places_[other].node->Handle(message, now_));
    }
  }
  // The first shard has the slots below `end`.
  void SendMap(uint32_t version, uint32_t end) {
    map_ = version;
    wire::Header header;
    wire::ClusterMap& map = *header.mutable_cluster_map();
    map.set_version(version);
    for (uint32_t s = 0; s < 2; ++s) {
      if (s == 1 && end == kSlotCount) continue;
      wire::ShardEntry& entry = *map.add_shard();
      entry.set_shard(s);
      entry.set_endpoint(EndpointOf(s));
      entry.set_incarnation(IncarnationOf(s));
      entry.set_slot_begin(s == 0 ? 0 : end);
      entry.set_slot_end(s == 0 ? end : kSlotCount);
    }
    for (uint32_t s = 0; s < 2; ++s) Ask(s, kScheduler, header);
  }

  wire::Header Push(uint32_t shard, uint64_t sequence, uint64_t id) {
    wire::Header header;
    wire::Push& push = *header.mutable_push();
    push.set_phase(1);
    push.set_sequence(sequence);
    push.set_attempt(1);
    push.set_chunks(1);
    push.set_rate(1);
    push.add_table()->set_rows(1);
    push.mutable_table(0)->set_dim(2);
    std::string payload;
    const std::vector<float> gradient = {-1.0f, -static_cast<float>(id)};
    AppendRaw<uint64_t>(payload, std::span(&id, 1));
    AppendRaw<float>(payload, gradient);
    return Ask(shard, kTrainer, header, payload);
  }
  // Its second number; nothing if the shard refuses.
  std::optional<float> Pull(uint32_t shard, uint64_t id) {
    wire::Header header;
    wire::Pull& pull = *header.mutable_pull();
    pull.set_phase(1);
    pull.set_clock(1);
    pull.set_read_only(true);
    pull.add_table()->set_rows(1);
    pull.mutable_table(0)->set_dim(2);
    std::string payload;
    AppendRaw<uint64_t>(payload, std::span(&id, 1));
    if (!Ask(shard, kTrainer, header, payload).has_pull_reply()) return std::nullopt;
    float value = 0;
    std::memcpy(&value, payload_.data() + sizeof(float), sizeof(float));
    return value;
  }

  wire::MoveReply::State TakeSlots(bool whole, uint32_t map_version) {
    wire::Header header;
    wire::TakeSlots& take = *header.mutable_take_slots();
    take.set_map_version(map_version);
    take.set_slot_begin(kHalf);
    take.set_slot_end(kSlotCount);
    take.set_source_endpoint(EndpointOf(0));
    take.set_source_incarnation(IncarnationOf(0));
    take.set_whole(whole);
    return Ask(1, kScheduler, header).move_reply().state();
  }
  wire::MoveReply::State FreezeSlots(uint32_t map_version) {
    wire::Header header;
    header.mutable_freeze_slots()->set_map_version(map_version);
    header.mutable_freeze_slots()->set_slot_begin(kHalf);
    header.mutable_freeze_slots()->set_slot_end(kSlotCount);
    return Ask(0, kScheduler, header).move_reply().state();
  }
  wire::MoveReply::State InstallSlots(uint32_t map_version) {
    wire::Header header;
    header.mutable_install_slots()->set_map_version(map_version);
    return Ask(1, kScheduler, header).move_reply().state();
  }

  std::map<uint32_t, Place> places_;
  Instant now_{std::chrono::seconds(1000)};
  uint32_t map_ = 1;
  uint64_t request_ = 0;
  uint64_t talk_ = 0;
  wire::Header heard_;
  std::string payload_;
};

TEST_F(MovingNodesTest, SlotsMoveWhileRowsChangeAndNothingIsLost) {
  TakeSlots(true, 1);
  uint64_t pushed = kRows;
  for (int i = 0; i < 100 && TakeSlots(true, 1) != wire::MoveReply::READY; ++i) Tick();
  ASSERT_EQ(TakeSlots(true, 1), wire::MoveReply::READY);
  EXPECT_GT(talk_, 3u);
  for (uint64_t id = 0; id < kRows; ++id) EXPECT_TRUE(Push(0, pushed++, id).has_push_reply());
  EXPECT_EQ(FreezeSlots(1), wire::MoveReply::FROZEN);
  EXPECT_EQ(static_cast<StatusCode>(Push(0, pushed, 1).error().code()), StatusCode::kNotReady);
  for (int i = 0; i < 100 && InstallSlots(1) != wire::MoveReply::INSTALLED; ++i) Tick();
  ASSERT_EQ(InstallSlots(1), wire::MoveReply::INSTALLED);
  EXPECT_EQ(places_[1].log.synced(), places_[1].log.last());
  EXPECT_EQ(Pull(1, 1), std::nullopt);  // Not visible yet.

  SendMap(2, kHalf);
  EXPECT_EQ(static_cast<StatusCode>(Push(0, pushed - 1, 1).error().code()),
            Number(SlotOf(TableId(0), RowId(1))) < kHalf ? StatusCode::kOk : StatusCode::kStaleMap);
  for (uint64_t id = 0; id < kRows; ++id) {
    const uint32_t owner = Number(SlotOf(TableId(0), RowId(id))) < kHalf ? 0 : 1;
    EXPECT_EQ(Pull(owner, id), 2.0f * static_cast<float>(id)) << id;
    EXPECT_EQ(Pull(1 - owner, id), std::nullopt) << id;
  }
  // Both know what was pushed.
  EXPECT_TRUE(Push(1, pushed - 1, 0).push_reply().duplicate() ||
              Number(SlotOf(TableId(0), RowId(0))) < kHalf);
  EXPECT_EQ(places_[0].store.rows(TableId(0)), 0u);
}

TEST_F(MovingNodesTest, AMoveEndsWithTheNextMapWhateverThatSays) {
  TakeSlots(true, 1);
  for (int i = 0; i < 100 && TakeSlots(true, 1) != wire::MoveReply::READY; ++i) Tick();
  EXPECT_EQ(FreezeSlots(1), wire::MoveReply::FROZEN);
  for (int i = 0; i < 100 && InstallSlots(1) != wire::MoveReply::INSTALLED; ++i) Tick();
  ASSERT_EQ(InstallSlots(1), wire::MoveReply::INSTALLED);
  SendMap(2, kSlotCount);
  EXPECT_TRUE(Push(0, kRows, 1).has_push_reply());
  EXPECT_EQ(Pull(0, 1), 2.0f);
  // Late repeats of the old questions find nothing.
  EXPECT_EQ(TakeSlots(true, 1), wire::MoveReply::NO_MOVE);
  EXPECT_EQ(FreezeSlots(1), wire::MoveReply::NO_MOVE);
  EXPECT_EQ(InstallSlots(1), wire::MoveReply::NO_MOVE);
  EXPECT_TRUE(Push(0, kRows + 1, 1).has_push_reply());
  // And a new move is possible.
  TakeSlots(true, 2);
  for (int i = 0; i < 100 && TakeSlots(true, 2) != wire::MoveReply::READY; ++i) Tick();
  EXPECT_EQ(TakeSlots(true, 2), wire::MoveReply::READY);
}

TEST_F(MovingNodesTest, SlotsOfAnotherShardAreNotToBeHad) {
  SendMap(2, kHalf);
  TakeSlots(false, 2);
  Tick();
  EXPECT_EQ(TakeSlots(false, 2), wire::MoveReply::FAILED);
  EXPECT_NE(heard_.move_reply().failure().find("not all of this shard"), std::string::npos);
}

}  // namespace
}  // namespace skybridge::ps
