// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_node.h"

#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/bytes.h"
#include "common/hash.h"
#include "proto/envelope.h"
#include "ps/row_record.h"
#include "tests/support/memory_object_store.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kScheduler[] = "tcp://scheduler:1";
constexpr char kTrainer[] = "trainer-a";
constexpr char kOther[] = "trainer-b";
constexpr JobId kJob{1, 2};
constexpr uint64_t kIncarnation = 42;
const TableSpecs kTables = {
    {.name = "rows", .dim = 2, .optimizer = {.kind = RowOptimizer::kSgd, .learning_rate = 1}},
    {.name = "counts", .kind = TableKind::kCounts}};

ShardNodeOptions Options(Durability durability = Durability::kProcess) {
  return {.job = kJob,
          .job_hash = 77,
          .shard = 3,
          .process = 1,
          .host = "here",
          .pid = 5,
          .version = "v",
          .endpoint = "tcp://here:2",
          .scheduler_endpoint = kScheduler,
          .tables = kTables,
          .memory_bytes = 1 << 20,
          .durability = durability};
}

class ShardNodeTest : public testing::Test {
 protected:
  explicit ShardNodeTest(Durability durability = Durability::kProcess) : durability_(durability) {}

  // Delivers a message and returns what the node sends.
  std::vector<wire::Header> Deliver(const std::string& peer, wire::Header header,
                                    std::string payload = {}) {
    return Take(node_.Handle(wire::Seal(peer, std::move(header), std::move(payload)), now_));
  }
  std::vector<wire::Header> Tick(Duration later) {
    now_ = now_ + later;
    return Take(node_.Tick(now_));
  }
  // The only answer.
  wire::Header Ask(const std::string& peer, wire::Header header, std::string payload = {}) {
    auto sent = Deliver(peer, std::move(header), std::move(payload));
    EXPECT_EQ(sent.size(), 1u);
    return sent.empty() ? wire::Header() : sent.front();
  }
  StatusCode Code(const wire::Header& header) {
    return static_cast<StatusCode>(header.error().code());
  }

  wire::Header FromScheduler() {
    wire::Header header = FromTrainer();
    header.mutable_identity()->set_term(1);
    return header;
  }
  wire::Header FromTrainer() {
    wire::Header header;
    wire::Identity& identity = *header.mutable_identity();
    identity.set_job_high(kJob.high);
    identity.set_job_low(kJob.low);
    identity.set_generation(1);
    identity.set_map_version(1);
    identity.set_target_incarnation(kIncarnation);
    identity.set_sender_incarnation(7);
    header.set_request(++request_);
    return header;
  }

  void Welcome() {
    wire::Header header = FromScheduler();
    header.mutable_welcome()->set_incarnation(kIncarnation);
    header.mutable_welcome()->set_term(1);
    header.mutable_welcome()->set_generation(1);
    header.mutable_welcome()->set_heartbeat_ms(1000);
    EXPECT_TRUE(Deliver(kScheduler, header).empty());
  }
  void SendMap(uint64_t incarnation = kIncarnation) {
    wire::Header header = FromScheduler();
    wire::ClusterMap& map = *header.mutable_cluster_map();
    map.set_version(1);
    wire::ShardEntry& mine = *map.add_shard();
    mine.set_shard(3);
    mine.set_incarnation(incarnation);
    mine.set_slot_end(kSlotCount);
    Deliver(kScheduler, header);
  }
  wire::Header OpenPhase(uint32_t phase, bool lockstep, uint32_t ranks = 1) {
    wire::Header header = FromScheduler();
    wire::OpenPhase& open = *header.mutable_open_phase();
    open.set_phase(phase);
    open.set_lockstep(lockstep);
    open.set_staleness(lockstep ? 0 : -1);
    open.set_ranks(ranks);
    return Ask(kScheduler, header);
  }
  void Start(bool lockstep, uint32_t ranks = 1) {
    Tick(Duration::zero());
    Welcome();
    SendMap();
    EXPECT_TRUE(OpenPhase(1, lockstep, ranks).has_phase_reply());
  }

  wire::Header Pull(uint64_t clock, uint32_t rank = 0, uint32_t rows = 0) {
    wire::Header header = FromTrainer();
    wire::Pull& pull = *header.mutable_pull();
    pull.set_phase(1);
    pull.set_rank(rank);
    pull.set_attempt(1);
    pull.set_clock(clock);
    pull.set_done(clock - 1);
    if (rows > 0) {
      pull.add_table()->set_rows(rows);
      pull.mutable_table(0)->set_dim(2);
    }
    return header;
  }
  wire::Header Push(uint64_t clock, uint32_t rank = 0) {
    wire::Header header = FromTrainer();
    wire::Push& push = *header.mutable_push();
    push.set_phase(1);
    push.set_stream(rank);
    push.set_sequence(clock);
    push.set_rank(rank);
    push.set_attempt(1);
    push.set_chunks(1);
    push.set_rate(1);
    push.add_table()->set_rows(1);
    push.mutable_table(0)->set_dim(2);
    return header;
  }
  static std::string Row(uint64_t id, std::vector<float> values) {
    std::string bytes;
    AppendRaw<uint64_t>(bytes, std::span(&id, 1));
    AppendRaw<float>(bytes, values);
    return bytes;
  }
  static std::string Ids(uint64_t id) { return Row(id, {}); }

  std::vector<wire::Header> Take(Effects effects) {
    for (auto started = std::move(effects.start); auto& task : started) {
      if (syncs_run_ && dynamic_cast<env::RedoSync*>(task.get()) != nullptr) {
        task->Run();
        effects.Append(node_.Finish(std::move(task), now_));
      } else {
        tasks_.push_back(std::move(task));
      }
    }
    for (auto& task : effects.start) tasks_.push_back(std::move(task));
    std::vector<wire::Header> headers;
    peers_.clear();
    payloads_.clear();
    for (const Envelope& message : effects.send) {
      const auto header = wire::Open(message);
      EXPECT_TRUE(header.has_value()) << header.error();
      headers.push_back(*header);
      peers_.push_back(message.peer);
      payloads_.push_back(message.payload);
    }
    return headers;
  }

  support::MemoryRowStore store_{RecordBytes(kTables)};
  support::MemoryRedoLog log_;
  support::MemoryObjectStore objects_;
  const Durability durability_;
  std::unique_ptr<ShardNode> opened_ =
      *ShardNode::Open(Options(durability_), store_, log_, &objects_);
  ShardNode& node_ = *opened_;
  Instant now_{seconds(1000)};
  uint64_t request_ = 100;
  bool syncs_run_ = true;                      // At once; else they are among tasks_.
  std::deque<std::unique_ptr<Task>> tasks_;    // Started and not run.
  std::vector<std::string> peers_, payloads_;  // Of what was sent last.
};

// ---------------------------------------------------------------- scheduler

TEST_F(ShardNodeTest, RegistersEachSecondUntilWelcomedThenBeats) {
  auto sent = Tick(Duration::zero());
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(peers_[0], kScheduler);
  const wire::Register& asked = sent[0].register_();
  EXPECT_EQ(asked.role(), wire::SHARD);
  EXPECT_EQ(asked.index(), 3u);
  EXPECT_EQ(asked.job_hash(), 77u);
  EXPECT_EQ(asked.endpoint(), "tcp://here:2");
  EXPECT_EQ(sent[0].identity().job_high(), kJob.high);
  EXPECT_TRUE(Tick(milliseconds(500)).empty());
  EXPECT_TRUE(Tick(milliseconds(500))[0].has_register_());
  Welcome();
  SendMap();
  sent = Tick(milliseconds(10));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].has_heartbeat());
  EXPECT_EQ(sent[0].heartbeat().map_version(), 1u);
  EXPECT_EQ(sent[0].identity().sender_incarnation(), kIncarnation);
  EXPECT_GT(sent[0].heartbeat().memory_bytes(), 0u);
}

TEST_F(ShardNodeTest, ASilentSchedulerEndsItByName) {
  Start(true);
  for (int i = 0; i < 600; ++i) Tick(seconds(1));
  EXPECT_FALSE(node_.finished());
  Tick(seconds(1));
  EXPECT_TRUE(node_.finished());
  EXPECT_EQ(node_.exit_status().code(), StatusCode::kUnavailable);
  EXPECT_NE(node_.exit_status().message().find(kScheduler), std::string::npos);
  EXPECT_TRUE(Tick(seconds(1)).empty());
}

TEST_F(ShardNodeTest, StopEndsItWithAFarewell) {
  Start(true);
  wire::Header header = FromScheduler();
  header.mutable_stop();
  EXPECT_TRUE(Ask(kScheduler, header).has_leave());
  EXPECT_TRUE(node_.finished());
  EXPECT_TRUE(node_.exit_status().ok());
}

// Not an end that a supervisor would make good by starting it again.
TEST_F(ShardNodeTest, StopOfAFailedJobIsNoFailureOfTheShard) {
  Start(true);
  wire::Header header = FromScheduler();
  header.mutable_stop()->set_failed(true);
  header.mutable_stop()->set_reason("worker 2 died");
  EXPECT_TRUE(Ask(kScheduler, header).has_leave());
  EXPECT_TRUE(node_.finished());
  EXPECT_TRUE(node_.exit_status().ok()) << node_.exit_status();
}

TEST_F(ShardNodeTest, BeingFencedEndsIt) {
  Start(true);
  wire::Header header = FromScheduler();
  header.mutable_error()->set_code(static_cast<uint32_t>(StatusCode::kFenced));
  EXPECT_TRUE(Deliver(kScheduler, header).empty());
  EXPECT_TRUE(node_.finished());
  EXPECT_EQ(node_.exit_status().code(), StatusCode::kFenced);
}

// Each was meant for what it was before: not yet welcomed, or without slots.
TEST_F(ShardNodeTest, LateNewsOfWhatIsOverDoesNotEndIt) {
  Start(true);
  wire::Header refusal = FromScheduler();
  refusal.mutable_identity()->set_target_incarnation(0);
  refusal.mutable_error()->set_code(static_cast<uint32_t>(StatusCode::kFenced));
  Deliver(kScheduler, refusal);
  wire::Header stop = FromScheduler();
  stop.mutable_identity()->set_map_version(0);
  stop.mutable_stop();
  EXPECT_TRUE(Deliver(kScheduler, stop).empty());
  EXPECT_FALSE(node_.finished()) << node_.exit_status();
}

// The map is on its way, or lost: it is sent again.
TEST_F(ShardNodeTest, AMoveUnderAMapThatHasNotComeYetWaits) {
  Start(true);
  for (const char* what : {"take", "freeze", "install"}) {
    wire::Header header = FromScheduler();
    header.mutable_identity()->set_map_version(2);
    if (*what == 't') header.mutable_take_slots()->set_map_version(2);
    if (*what == 'f') header.mutable_freeze_slots()->set_map_version(2);
    if (*what == 'i') header.mutable_install_slots()->set_map_version(2);
    EXPECT_EQ(Code(Ask(kScheduler, header)), StatusCode::kNotReady) << what;
  }
}

TEST_F(ShardNodeTest, ARefusedRegistrationEndsItUnlessTimeMendsIt) {
  Tick(Duration::zero());
  wire::Header header = FromScheduler();
  header.mutable_error()->set_code(static_cast<uint32_t>(StatusCode::kNotReady));
  Deliver(kScheduler, header);
  EXPECT_FALSE(node_.finished());
  header.mutable_error()->set_code(static_cast<uint32_t>(StatusCode::kAlreadyExists));
  header.mutable_error()->set_message("held by here, pid 9");
  Deliver(kScheduler, header);
  EXPECT_TRUE(node_.finished());
  EXPECT_NE(node_.exit_status().message().find("pid 9"), std::string::npos);
}

TEST_F(ShardNodeTest, OnlyTheSchedulersConnectionMayCommand) {
  Start(true);
  for (const bool stop : {true, false}) {
    wire::Header header = FromTrainer();
    if (stop) {
      header.mutable_stop();
    } else {
      header.mutable_open_phase()->set_phase(2);
    }
    EXPECT_EQ(Code(Ask(kTrainer, header)), StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(node_.finished());
  EXPECT_EQ(node_.stats().garbage, 2u);
}

TEST_F(ShardNodeTest, CommandsToAFormerSelfOrOfAnotherJobAreIgnored) {
  Start(true);
  wire::Header header = FromScheduler();
  header.mutable_stop();
  header.mutable_identity()->set_target_incarnation(kIncarnation - 1);
  EXPECT_TRUE(Deliver(kScheduler, header).empty());
  header.mutable_identity()->set_target_incarnation(kIncarnation);
  header.mutable_identity()->set_job_low(9);
  EXPECT_TRUE(Deliver(kScheduler, header).empty());
  header.mutable_identity()->set_job_low(kJob.low);
  header.mutable_identity()->set_term(0);
  EXPECT_TRUE(Deliver(kScheduler, header).empty());
  EXPECT_FALSE(node_.finished());
}

TEST_F(ShardNodeTest, AMapThatNamesAnotherInItsPlaceIsRefused) {
  Tick(Duration::zero());
  Welcome();
  SendMap(kIncarnation + 1);
  EXPECT_EQ(Code(Ask(kTrainer, Pull(1))), StatusCode::kNotReady);
}

TEST_F(ShardNodeTest, APullIsToldWhereItsRankStands) {
  Start(false, 2);
  wire::Header bounded = FromScheduler();
  bounded.mutable_close_phase()->set_phase(1);
  EXPECT_TRUE(Ask(kScheduler, bounded).has_phase_reply());
  bounded = FromScheduler();
  bounded.mutable_open_phase()->set_phase(2);
  bounded.mutable_open_phase()->set_staleness(3);
  bounded.mutable_open_phase()->set_ranks(2);
  EXPECT_TRUE(Ask(kScheduler, bounded).has_phase_reply());
  wire::Header pull = Pull(4);
  pull.mutable_pull()->set_phase(2);
  EXPECT_EQ(Ask(kTrainer, pull).pull_reply().done(), 3u);
}

TEST_F(ShardNodeTest, PhasesStreamsAndHashesAreAnswered) {
  Start(false, 2);
  EXPECT_TRUE(Ask(kTrainer, Push(0), Row(5, {1, 2})).has_push_reply());
  wire::Header retire = FromScheduler();
  retire.mutable_retire_rank()->set_phase(1);
  retire.mutable_retire_rank()->set_rank(1);
  retire.mutable_retire_rank()->set_changes(1);
  EXPECT_TRUE(Ask(kScheduler, retire).has_phase_reply());
  retire.mutable_retire_rank()->set_rank(2);
  EXPECT_EQ(Code(Ask(kScheduler, retire)), StatusCode::kInvalidArgument);

  wire::Header stream = FromScheduler();
  stream.mutable_close_stream()->set_phase(1);
  stream.mutable_close_stream()->set_count(2);
  EXPECT_EQ(Code(Ask(kScheduler, stream)), StatusCode::kDataLoss);
  stream.mutable_close_stream()->set_count(1);
  const wire::Header answer = Ask(kScheduler, stream);
  EXPECT_TRUE(answer.has_phase_reply());
  EXPECT_EQ(answer.request(), stream.request());

  wire::Header close = FromScheduler();
  close.mutable_close_phase()->set_phase(1);
  const wire::Header closed = Ask(kScheduler, close);
  EXPECT_TRUE(closed.phase_reply().closed());
  EXPECT_EQ(closed.phase_reply().pushes(), 1u);

  wire::Header hash = FromScheduler();
  hash.mutable_table_hash();
  const wire::Header hashed = Ask(kScheduler, hash);
  ASSERT_EQ(hashed.table_hash_reply().table_size(), 2);
  EXPECT_EQ(hashed.table_hash_reply().table(0).name(), "rows");
  EXPECT_EQ(hashed.table_hash_reply().table(0).rows(), 1u);
  EXPECT_NE(hashed.table_hash_reply().table(0).hash(), 0u);
}

// ---------------------------------------------------------------- identity

TEST_F(ShardNodeTest, NobodyIsServedBeforeWelcomeAndMap) {
  Tick(Duration::zero());
  EXPECT_EQ(Code(Ask(kTrainer, Pull(1))), StatusCode::kNotReady);
  Welcome();
  EXPECT_EQ(Code(Ask(kTrainer, Pull(1))), StatusCode::kNotReady);
  SendMap();
  OpenPhase(1, true);
  EXPECT_TRUE(Ask(kTrainer, Pull(1)).has_pull_reply());
}

TEST_F(ShardNodeTest, IdentityIsCheckedInTheProtocolsOrder) {
  Start(true);
  wire::Header header = Pull(1);
  wire::Identity& identity = *header.mutable_identity();
  identity.set_job_low(9);
  identity.set_generation(0);
  identity.set_target_incarnation(9);
  identity.set_map_version(0);
  wire::Header answer = Ask(kTrainer, header);
  EXPECT_EQ(Code(answer), StatusCode::kUnknownJob);
  EXPECT_EQ(answer.identity().ByteSizeLong(), 0u) << "a stranger does not learn the job's id";
  identity.set_job_low(kJob.low);
  answer = Ask(kTrainer, header);
  EXPECT_EQ(Code(answer), StatusCode::kStaleGeneration);
  EXPECT_EQ(answer.error().detail(), 1u);
  identity.set_generation(2);
  EXPECT_EQ(Code(Ask(kTrainer, header)), StatusCode::kNotReady);
  identity.set_generation(1);
  answer = Ask(kTrainer, header);
  EXPECT_EQ(Code(answer), StatusCode::kWrongIncarnation);
  EXPECT_EQ(answer.error().detail(), kIncarnation);
  identity.set_target_incarnation(kIncarnation);
  answer = Ask(kTrainer, header);
  EXPECT_EQ(Code(answer), StatusCode::kStaleMap);
  EXPECT_EQ(answer.error().detail(), 1u);
  EXPECT_EQ(answer.request(), header.request());
  identity.set_map_version(2);
  EXPECT_EQ(Code(Ask(kTrainer, header)), StatusCode::kNotReady);
  identity.set_map_version(1);
  EXPECT_TRUE(Ask(kTrainer, header).has_pull_reply());
}

// ---------------------------------------------------------------- trainers

TEST_F(ShardNodeTest, PulledRowsFollowPushedGradients) {
  Start(false);
  const wire::Header pushed = Ask(kTrainer, Push(0), Row(5, {1, 2}));
  ASSERT_TRUE(pushed.has_push_reply());
  EXPECT_FALSE(pushed.push_reply().duplicate());
  EXPECT_TRUE(Ask(kTrainer, Push(0), Row(5, {1, 2})).push_reply().duplicate());
  const wire::Header pulled = Ask(kTrainer, Pull(1, 0, 1), Ids(5));
  ASSERT_TRUE(pulled.has_pull_reply());
  EXPECT_EQ(pulled.pull_reply().table(0).rows(), 1u);
  EXPECT_EQ(payloads_[0], Row(5, {-1, -2}).substr(8));
}

TEST_F(ShardNodeTest, AParkedPullIsAnsweredOnCommitToWhoAsked) {
  Start(true, 2);
  Ask(kTrainer, Push(1, 0), Row(5, {1, 2}));
  Ask(kOther, Push(1, 1), Row(5, {10, 20}));
  const wire::Header waiting = Pull(2, 0, 1);
  EXPECT_TRUE(Deliver(kTrainer, waiting, Ids(5)).empty());
  EXPECT_TRUE(Deliver(kTrainer, waiting, Ids(5)).empty());  // Asked again.
  auto sent = Deliver(kOther, Pull(2, 1));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(peers_, (std::vector<std::string>{kOther, kTrainer}));
  EXPECT_EQ(sent[1].request(), waiting.request());
  EXPECT_EQ(sent[1].pull_reply().committed(), 1u);
  EXPECT_EQ(sent[1].identity().target_incarnation(), 7u);
  EXPECT_EQ(payloads_[1], Row(5, {-11, -22}).substr(8));
  EXPECT_EQ(node_.committed(), 1u);
}

TEST_F(ShardNodeTest, RankDoneCommitsTheLastClock) {
  Start(true);
  Ask(kTrainer, Push(1), Row(5, {1, 2}));
  wire::Header done = FromTrainer();
  done.mutable_rank_done()->set_phase(1);
  done.mutable_rank_done()->set_attempt(1);
  done.mutable_rank_done()->set_done(1);
  EXPECT_EQ(Ask(kTrainer, done).rank_done_reply().committed(), 1u);
}

TEST_F(ShardNodeTest, APullThatWaitsTooLongIsRefusedWithTheReason) {
  Start(true, 2);
  Ask(kTrainer, Push(1, 0), Row(5, {1, 2}));
  const wire::Header waiting = Pull(2, 0);
  EXPECT_TRUE(Deliver(kTrainer, waiting).empty());
  wire::Header alive = FromScheduler();
  alive.mutable_heartbeat_reply();
  std::optional<wire::Header> refusal;
  for (int i = 0; i < 61; ++i) {
    Deliver(kScheduler, alive);
    for (const wire::Header& sent : Tick(seconds(1))) {
      if (sent.has_error()) refusal = sent;
    }
  }
  ASSERT_TRUE(refusal);
  EXPECT_EQ(Code(*refusal), StatusCode::kUnavailable);
  EXPECT_EQ(refusal->request(), waiting.request());
  EXPECT_NE(refusal->error().message().find("rank 1"), std::string::npos);
}

TEST_F(ShardNodeTest, SuccessorsLearnWhatIsLeft) {
  Start(false);
  Ask(kTrainer, Push(0), Row(5, {1, 2}));
  Ask(kTrainer, Push(2), Row(5, {1, 2}));
  wire::Header query = FromTrainer();
  query.mutable_ledger_query()->set_phase(1);
  query.mutable_ledger_query()->set_attempt(2);
  const wire::Header reply = Ask(kOther, query);
  EXPECT_EQ(reply.ledger_reply().next(), 1u);
  ASSERT_EQ(reply.ledger_reply().window_size(), 1);
  EXPECT_EQ(reply.ledger_reply().window(0), 2u);
  EXPECT_EQ(Code(Ask(kTrainer, Push(1), Row(5, {1, 2}))), StatusCode::kFenced);
}

TEST_F(ShardNodeTest, SuccessorsOfARankLearnItsClock) {
  Start(true);
  Ask(kTrainer, Push(1), Row(5, {1, 2}));
  wire::Header query = FromTrainer();
  query.mutable_rank_query()->set_phase(1);
  query.mutable_rank_query()->set_attempt(2);
  const wire::Header reply = Ask(kOther, query);
  EXPECT_EQ(reply.rank_reply().committed(), 0u);
  EXPECT_EQ(reply.rank_reply().accepted(), 1u);
  EXPECT_EQ(reply.rank_reply().done(), 0u);
}

TEST_F(ShardNodeTest, OtherBytesUnderOneNameAreCounted) {
  Start(true);
  Ask(kTrainer, Push(1), Row(5, {1, 2}));
  EXPECT_EQ(Code(Ask(kTrainer, Push(1), Row(5, {1, 3}))), StatusCode::kNondeterminism);
  EXPECT_EQ(node_.stats().nondeterminism, 1u);
}

TEST_F(ShardNodeTest, AGradientThatIsNoNumberIsRefusedByTableAndRow) {
  Start(false);
  const wire::Header reply =
      Ask(kTrainer, Push(0), Row(5, {1, std::numeric_limits<float>::quiet_NaN()}));
  EXPECT_EQ(Code(reply), StatusCode::kInvalidArgument);
  EXPECT_NE(reply.error().message().find("table rows, row 5"), std::string::npos);
}

TEST_F(ShardNodeTest, ScansComeInPages) {
  Start(false);
  for (uint64_t id = 0; id < 3; ++id) Ask(kTrainer, Push(id), Row(id, {1, 2}));
  wire::Header header = FromTrainer();
  wire::Scan& scan = *header.mutable_scan();
  scan.set_from_start(true);
  scan.set_rows_max(2);
  wire::Header reply = Ask(kTrainer, header);
  EXPECT_EQ(reply.scan_reply().part().rows(), 2u);
  EXPECT_FALSE(reply.scan_reply().done());
  ASSERT_EQ(payloads_[0].size(), 2 * (8 + 8 + 4));
  uint64_t last;
  std::memcpy(&last, payloads_[0].data() + 8, 8);
  scan.set_from_start(false);
  scan.set_after(last);
  reply = Ask(kTrainer, header);
  EXPECT_EQ(reply.scan_reply().part().rows(), 1u);
  EXPECT_TRUE(reply.scan_reply().done());
  scan.set_expect_committed(5);
  EXPECT_EQ(Code(Ask(kTrainer, header)), StatusCode::kGone);
  scan.set_expect_committed(0);
  scan.set_rows_max(0);
  EXPECT_EQ(Code(Ask(kTrainer, header)), StatusCode::kInvalidArgument);
  scan.set_rows_max(1 << 20);
  EXPECT_EQ(Code(Ask(kTrainer, header)), StatusCode::kInvalidArgument);
  scan.set_rows_max(1);
  scan.set_table(2);
  EXPECT_EQ(Code(Ask(kTrainer, header)), StatusCode::kInvalidArgument);
}

TEST_F(ShardNodeTest, AReplyBeyondTheFrameIsRefused) {
  Start(false);
  constexpr uint32_t kRows = wire::kFrameBytesMax / 12 + 1;
  std::string ids;
  for (uint64_t id = 0; id < kRows; ++id) AppendRaw<uint64_t>(ids, std::span(&id, 1));
  wire::Header header = Pull(1, 0, kRows);
  header.mutable_pull()->mutable_table(0)->set_counts(true);
  EXPECT_EQ(Code(Ask(kTrainer, header, ids)), StatusCode::kInvalidArgument);
}

TEST_F(ShardNodeTest, GarbageIsDroppedAndItsSenderMuted) {
  Start(false);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Take(node_.Handle({.peer = kOther, .header = "\xff\xff"}, now_)).empty());
  }
  EXPECT_EQ(node_.stats().garbage, 3u);
  EXPECT_TRUE(Deliver(kOther, Pull(1)).empty());
  EXPECT_EQ(node_.stats().muted, 1u);
  EXPECT_TRUE(Ask(kTrainer, Pull(1)).has_pull_reply());
}

TEST_F(ShardNodeTest, WrongSizesCountAsGarbageToo) {
  Start(false);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Code(Ask(kOther, Push(0), Row(5, {1}))), StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(Deliver(kOther, Pull(1)).empty());
}

TEST_F(ShardNodeTest, ADamagedPayloadIsAskedForAgain) {
  Start(false);
  Envelope message = wire::Seal(kTrainer, Push(0), Row(5, {1, 2}));
  message.payload[9] ^= 1;
  for (int i = 0; i < 5; ++i) {
    const auto sent = Take(node_.Handle(message, now_));
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(Code(sent[0]), StatusCode::kCorrupt);
  }
  EXPECT_EQ(node_.stats().corrupt, 5u);
  EXPECT_FALSE(Ask(kTrainer, Push(0), Row(5, {1, 2})).push_reply().duplicate());
}

TEST_F(ShardNodeTest, AnErrorBringsForthNoOther) {
  Start(false);
  wire::Header header = FromTrainer();
  header.mutable_error()->set_code(3);
  EXPECT_TRUE(Deliver(kTrainer, header).empty());
}

TEST_F(ShardNodeTest, AFailingStoreEndsItWithAFarewell) {
  Start(false);
  store_.failure = Status(StatusCode::kUnavailable, "input/output error");
  wire::Header header = FromTrainer();
  header.mutable_scan()->set_from_start(true);
  header.mutable_scan()->set_rows_max(1);
  const auto sent = Deliver(kTrainer, header);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(Code(sent[0]), StatusCode::kUnavailable);
  EXPECT_TRUE(sent[1].has_leave());
  EXPECT_TRUE(node_.finished());
  EXPECT_NE(node_.exit_status().message().find("input/output error"), std::string::npos);
}

// ---------------------------------------------------------------- power

class ShardNodePowerTest : public ShardNodeTest {
 protected:
  ShardNodePowerTest() : ShardNodeTest(Durability::kPower) {}
};

TEST_F(ShardNodePowerTest, AnswersWaitForTheSyncAndHeartbeatsDoNot) {
  Start(false);
  syncs_run_ = false;
  EXPECT_TRUE(Deliver("trainer", Push(0), Row(5, {1, 1})).empty());
  EXPECT_TRUE(Deliver("trainer", Push(0), Row(5, {1, 1})).empty());  // Nor does a repeat's.
  ASSERT_EQ(tasks_.size(), 1u);
  const auto sent = Tick(seconds(2));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].has_heartbeat());
  tasks_.front()->Run();
  const auto answers = Take(node_.Finish(std::move(tasks_.front()), now_));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_TRUE(answers[0].has_push_reply());
  EXPECT_TRUE(answers[1].has_push_reply());
}

TEST_F(ShardNodePowerTest, AFailedSyncEndsItAndNoAnswerLeaves) {
  Start(false);
  syncs_run_ = false;
  EXPECT_TRUE(Deliver("trainer", Push(0), Row(5, {1, 1})).empty());
  ASSERT_EQ(tasks_.size(), 1u);
  const auto sent = Take(node_.Finish(std::move(tasks_.front()), now_));  // It did not run.
  EXPECT_TRUE(node_.finished());
  EXPECT_EQ(node_.exit_status().code(), StatusCode::kUnavailable);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].has_leave());
}

TEST(ShardNodeOptionsTest, WhatCannotBeIsRefusedByName) {
  EXPECT_TRUE(Options().Validate().ok());
  const auto message = [](auto change) {
    ShardNodeOptions options = Options();
    change(options);
    return options.Validate().message();
  };
  const auto names = [&](const char* name, auto change) {
    EXPECT_NE(message(change).find(name), std::string::npos) << name << ": " << message(change);
  };
  names("endpoint", [](auto& options) { options.endpoint.clear(); });
  names("scheduler_endpoint", [](auto& options) { options.scheduler_endpoint.clear(); });
  names("tables", [](auto& options) { options.tables.clear(); });
  names("memory", [](auto& options) { options.memory_bytes = 100; });
  names("in_flight_bytes_max", [](auto& options) { options.in_flight_bytes_max = 100; });
  names("scheduler_outage_max",
        [](auto& options) { options.scheduler_outage_max = Duration::zero(); });
  names("park_max", [](auto& options) { options.park_max = -seconds(1); });
}

// ---------------------------------------------------------------- checkpoint rounds

class ShardNodeRoundTest : public ShardNodeTest {
 protected:
  wire::RoundReply Prepare() {
    wire::Header header = FromScheduler();
    header.mutable_prepare_round()->set_round(5);
    return Ask(kScheduler, header).round_reply();
  }
  wire::RoundReply Cut(uint64_t clock) {
    wire::Header header = FromScheduler();
    header.mutable_cut_round()->set_round(5);
    header.mutable_cut_round()->set_phase(1);
    header.mutable_cut_round()->set_clock(clock);
    return Ask(kScheduler, header).round_reply();
  }
  wire::RoundReply Collect() {
    wire::Header header = FromScheduler();
    header.mutable_collect_round()->set_round(5);
    return Ask(kScheduler, header).round_reply();
  }
  void RunTask() {
    std::unique_ptr<Task> task = std::move(tasks_.front());
    tasks_.pop_front();
    task->Run();
    Take(node_.Finish(std::move(task), now_));
  }
  void RunTasks() {
    while (!tasks_.empty()) RunTask();
  }
};

TEST_F(ShardNodeRoundTest, SendsItsPartWhileItServes) {
  Start(true);
  EXPECT_TRUE(Ask(kTrainer, Push(1), Row(7, {1, 2})).has_push_reply());
  EXPECT_EQ(Prepare().state(), wire::RoundReply::PREPARING);
  EXPECT_TRUE(tasks_.empty());
  Tick(milliseconds(10));
  while (Prepare().state() == wire::RoundReply::PREPARING) {
    ASSERT_FALSE(tasks_.empty()) << "no image is written";
    RunTask();
  }
  EXPECT_FALSE(tasks_.empty());
  EXPECT_EQ(Prepare().state(), wire::RoundReply::PREPARED);
  EXPECT_EQ(Cut(1).state(), wire::RoundReply::CUT);
  RunTasks();
  EXPECT_EQ(Collect().state(), wire::RoundReply::CUT);
  // The pull that commits the clock brings the cut, without a tick.
  EXPECT_TRUE(Ask(kTrainer, Pull(2)).has_pull_reply());
  EXPECT_FALSE(tasks_.empty());
  RunTasks();
  const wire::RoundReply uploaded = Collect();
  EXPECT_EQ(uploaded.round(), 5u);
  EXPECT_EQ(uploaded.state(), wire::RoundReply::UPLOADED);
  EXPECT_EQ(uploaded.committed(), 1u);
  EXPECT_EQ(uploaded.fragment().shard(), 3u);
  checkpoint::Fragment fragment;
  const std::string& key = uploaded.fragment().object().key();
  ASSERT_TRUE(fragment.ParseFromString(objects_.entries.at(key).bytes));
  EXPECT_EQ(fragment.committed(), 1u);
  EXPECT_EQ(fragment.table_size(), 2);
  wire::Header header = FromScheduler();
  header.mutable_end_round()->set_round(5);
  header.mutable_end_round()->set_committed(true);
  EXPECT_EQ(Ask(kScheduler, header).round_reply().state(), wire::RoundReply::ENDED);
  EXPECT_EQ(Collect().state(), wire::RoundReply::NO_ROUND);
  RunTasks();
  EXPECT_EQ(store_.images(), 0);
}

TEST_F(ShardNodeRoundTest, AnObjectStoreThatIsAwayFailsTheRoundAndNotTheShard) {
  Start(true);
  objects_.FailAfter(0);
  Prepare();
  Tick(milliseconds(10));
  RunTasks();
  const wire::RoundReply failed = Collect();
  EXPECT_EQ(failed.state(), wire::RoundReply::FAILED);
  EXPECT_NE(failed.failure().find("away"), std::string::npos) << failed.failure();
  EXPECT_FALSE(node_.finished());
  EXPECT_TRUE(Ask(kTrainer, Push(1), Row(7, {1, 2})).has_push_reply());
}

TEST_F(ShardNodeRoundTest, TrainersHaveNoSayInRounds) {
  Start(true);
  wire::Header header = FromTrainer();
  header.mutable_prepare_round()->set_round(5);
  EXPECT_FALSE(Ask(kTrainer, header).has_round_reply());
  EXPECT_EQ(Collect().state(), wire::RoundReply::NO_ROUND);
}

}  // namespace
}  // namespace skybridge::ps
