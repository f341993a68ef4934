// SPDX-License-Identifier: Apache-2.0
//
// A shard among a scheduler and trainers that send what they please, in any order.
#include <algorithm>
#include <memory>
#include <set>

#include "common/bytes.h"
#include "common/hash.h"
#include "ps/row_record.h"
#include "ps/shard_node.h"
#include "tests/fuzz/fuzz_message.h"
#include "tests/fuzz/node_watch.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {
namespace {

using std::chrono::milliseconds;

constexpr char kScheduler[] = "tcp://scheduler:1";
constexpr const char* kTrainers[] = {"trainer-a", "trainer-b", "stranger"};
constexpr uint64_t kIncarnation = 42;
constexpr int kStepsMax = 200;
constexpr uint64_t kMemoryBytes = 1 << 20;
constexpr uint64_t kInFlightBytes = wire::kFrameBytesMax;
// Beyond what is accounted: peers, ledgers, the fuzzer's own copies.
constexpr uint64_t kSlackBytes = 4 << 20;

const TableSpecs& Tables() {
  static const TableSpecs tables = {
      {.name = "rows", .dim = 2, .optimizer = {.kind = RowOptimizer::kSgd, .learning_rate = 1}},
      {.name = "counts", .kind = TableKind::kCounts}};
  return tables;
}

ShardNodeOptions Options() {
  return {.job = {1, 2},
          .shard = 3,
          .endpoint = "tcp://here:2",
          .scheduler_endpoint = kScheduler,
          .tables = Tables(),
          .memory_bytes = kMemoryBytes,
          .in_flight_bytes_max = kInFlightBytes};
}

class Play {
 public:
  explicit Play(fuzz::FuzzInput& input) : input_(input) {}

  void Run() {
    Tick(0);
    if (const uint32_t start = input_.Below(4); start > 0) Start(start == 1, 1 + input_.Below(3));
    for (int step = 0; step < kStepsMax && !input_.empty() && !node_.finished(); ++step) Step();
  }
  // Of the rows that lie on the store, which is no part of the shard's memory.
  uint64_t stored_bytes() const {
    return 512 * (store_.rows(TableId(0)) + store_.rows(TableId(1))) + 2 * log_.bytes;
  }

 private:
  void Step() {
    switch (input_.Below(8)) {
      case 0: return Tick(input_.Number());
      case 1: return Garbage();
      case 2: return SchedulerSays();
      case 3: return Repeat();
      case 4: return Twice();
      default: return Deliver(kTrainers[input_.Below(2)], FromTrainer());
    }
  }

  void Start(bool lockstep, uint32_t ranks) {
    wire::Header header = Identified();
    header.mutable_welcome()->set_incarnation(kIncarnation);
    header.mutable_welcome()->set_generation(1);
    header.mutable_welcome()->set_heartbeat_ms(1000);
    Deliver(kScheduler, wire::Seal(kScheduler, header));
    header = Identified();
    header.mutable_cluster_map()->set_version(1);
    wire::ShardEntry& mine = *header.mutable_cluster_map()->add_shard();
    mine.set_shard(3);
    mine.set_incarnation(kIncarnation);
    mine.set_slot_end(kSlotCount);
    Deliver(kScheduler, wire::Seal(kScheduler, header));
    header = Identified();
    wire::OpenPhase& open = *header.mutable_open_phase();
    open.set_phase(1);
    open.set_lockstep(lockstep);
    open.set_staleness(lockstep ? 0 : static_cast<int32_t>(input_.Below(4)) - 1);
    open.set_ranks(ranks);
    Deliver(kScheduler, wire::Seal(kScheduler, header));
  }

  wire::Header Identified() {
    wire::Header header;
    wire::Identity& identity = *header.mutable_identity();
    identity.set_job_high(1);
    identity.set_job_low(2);
    identity.set_generation(1);
    identity.set_map_version(1);
    identity.set_target_incarnation(kIncarnation);
    identity.set_sender_incarnation(7);
    header.set_request(++request_);
    return header;
  }

  // Ids and numbers for the parts that a header declares; so few that names come twice.
  std::string PayloadFor(google::protobuf::RepeatedPtrField<wire::TablePart>* parts, bool push) {
    std::string payload;
    for (wire::TablePart& part : *parts) {
      part.set_table(part.table() % 3);
      part.set_dim(part.table() == 0 ? 2 : part.dim() % 3);
      part.set_rows(part.rows() % 8);
      uint64_t id = 0;
      for (uint32_t i = 0; i < part.rows(); ++i) {
        id += input_.Below(16);
        AppendRaw<uint64_t>(payload, std::span(&id, 1));
      }
      if (!push) continue;
      const std::vector<float> gradients(size_t{part.rows()} * part.dim(), 0.5f);
      AppendRaw<float>(payload, gradients);
      if (part.counts()) AppendRaw<uint32_t>(payload, std::vector<uint32_t>(part.rows(), 2));
    }
    return payload;
  }

  Envelope FromTrainer() {
    wire::Header header = Identified();
    std::string payload;
    switch (input_.Below(8)) {
      case 0: fuzz::Fill(input_, header.mutable_rank_done()); break;
      case 1: fuzz::Fill(input_, header.mutable_rank_query()); break;
      case 2: fuzz::Fill(input_, header.mutable_ledger_query()); break;
      case 3: fuzz::Fill(input_, header.mutable_scan()); break;
      case 4:
      case 5:
        fuzz::Fill(input_, header.mutable_pull());
        payload = PayloadFor(header.mutable_pull()->mutable_table(), false);
        break;
      default: {
        wire::Push& push = *header.mutable_push();
        fuzz::Fill(input_, &push);
        if (input_.Below(4) > 0) push.set_rate(1);
        if (input_.Below(4) > 0) push.set_chunks(1);
        if (input_.Below(4) > 0) push.set_rank(static_cast<uint32_t>(push.stream()));
        payload = PayloadFor(push.mutable_table(), true);
      }
    }
    if (input_.Below(16) == 15) fuzz::Fill(input_, header.mutable_identity());
    if (input_.Below(16) == 15) payload = input_.Text();
    return wire::Seal("", std::move(header), std::move(payload));
  }

  void SchedulerSays() {
    wire::Header header = Identified();
    switch (input_.Below(10)) {
      case 0: fuzz::Fill(input_, header.mutable_welcome()); break;
      case 1: fuzz::Fill(input_, header.mutable_cluster_map()); break;
      case 2: fuzz::Fill(input_, header.mutable_retire_rank()); break;
      case 3: fuzz::Fill(input_, header.mutable_close_stream()); break;
      case 4: fuzz::Fill(input_, header.mutable_close_phase()); break;
      case 5: fuzz::Fill(input_, header.mutable_error()); break;
      case 6: header.mutable_table_hash(); break;
      case 7: header.mutable_heartbeat_reply(); break;
      case 8: fuzz::Fill(input_, header.mutable_grant()); break;
      default: fuzz::Fill(input_, header.mutable_open_phase()); break;
    }
    if (input_.Below(16) == 15) fuzz::Fill(input_, header.mutable_identity());
    Deliver(kScheduler, wire::Seal(kScheduler, std::move(header)));
  }

  void Garbage() {
    Envelope message;
    message.header = input_.Text();
    message.payload = input_.Text();
    if (input_.Below(2) == 1) {  // A whole header, another payload.
      message.header = last_.header;
    }
    Deliver(input_.Below(4) == 0 ? kScheduler : kTrainers[2], message);
  }

  // The same question over and over, each time as a new one.
  void Repeat() {
    wire::Header header;
    if (!header.ParseFromString(last_.header)) return;
    const uint32_t times = std::min(16u << input_.Below(7), repeats_left_);
    repeats_left_ -= times;
    for (uint32_t i = 0; i < times && !node_.finished(); ++i) {
      header.set_request(++request_);
      if (header.has_push()) header.mutable_push()->set_sequence(header.push().sequence() + 1);
      if (header.has_ledger_query()) {
        header.mutable_ledger_query()->set_stream(header.ledger_query().stream() + 1);
      }
      Deliver(last_.peer, wire::Seal("", header, last_.payload));
    }
  }

  // A push that comes again changes nothing.
  void Twice() {
    wire::Header header;
    if (!header.ParseFromString(last_.header) || !header.has_push()) return;
    const Envelope push = last_;
    const std::string before = Hash();
    Deliver(push.peer, push);
    CHECK_EQ(before, Hash()) << "a repeated push changed the rows";
  }

  // What the shard says of its rows; empty if it says nothing.
  std::string Hash() {
    wire::Header header = Identified();
    header.mutable_table_hash();
    Deliver(kScheduler, wire::Seal(kScheduler, header));
    for (const wire::Header& said : said_) {
      if (said.has_table_hash_reply()) return said.table_hash_reply().SerializeAsString();
    }
    return {};
  }

  void Deliver(const std::string& peer, Envelope message) {
    message.peer = peer;
    peers_.insert(peer);
    wire::Header header;
    if (header.ParseFromString(message.header)) asked_.insert(header.request());
    if (!header.has_table_hash()) last_ = message;
    const uint64_t garbage = node_.stats().garbage;
    Watch(node_.Handle(message, now_));
    CHECK_LE(node_.stats().garbage, garbage + 1);
  }

  void Tick(uint64_t ms) {
    now_ = now_ + milliseconds(ms % 20'000);
    Watch(node_.Tick(now_));
  }

  void Watch(Effects effects) {
    RunSyncs(&effects);
    said_ = fuzz::OpenAll(effects.send);
    for (size_t i = 0; i < said_.size(); ++i) {
      const std::string& to = effects.send[i].peer;
      CHECK(to == kScheduler || peers_.contains(to)) << "to " << to << ", who never spoke";
      if (said_[i].has_heartbeat()) {
        CHECK_LE(said_[i].heartbeat().memory_bytes(), kMemoryBytes + kInFlightBytes);
      } else if (!said_[i].has_register_() && !said_[i].has_leave()) {
        CHECK(asked_.contains(said_[i].request())) << "an answer to nothing";
      }
    }
    CHECK_GE(node_.committed(), committed_) << "a committed clock was taken back";
    committed_ = node_.committed();
    if (node_.finished() && !node_.exit_status().ok()) fuzz::CheckSays(node_.exit_status());
  }

  // Its log is synced now and then; no round begins here.
  void RunSyncs(Effects* effects) {
    while (!effects->start.empty()) {
      for (std::unique_ptr<Task>& task : std::exchange(effects->start, {})) {
        CHECK(dynamic_cast<env::RedoSync*>(task.get()) != nullptr);
        task->Run();
        effects->Append(node_.Finish(std::move(task), now_));
      }
    }
  }

  fuzz::FuzzInput& input_;
  support::MemoryRowStore store_{RecordBytes(Tables())};
  support::MemoryRedoLog log_;
  const std::unique_ptr<ShardNode> opened_ = *ShardNode::Open(Options(), store_, log_);
  ShardNode& node_ = *opened_;
  Instant now_{std::chrono::seconds(1000)};
  uint64_t request_ = 100;
  uint64_t committed_ = 0;
  uint32_t repeats_left_ = 2048;
  Envelope last_;
  std::set<std::string> peers_;
  std::set<uint64_t> asked_;
  std::vector<wire::Header> said_;  // At the last step.
};

}  // namespace
}  // namespace skybridge::ps

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  fuzz::FuzzInput input(data, size);
  const uint64_t before = fuzz::HeapBytes();
  const auto play = std::make_unique<ps::Play>(input);
  play->Run();
  const uint64_t grown = fuzz::HeapBytes() - std::min(before, fuzz::HeapBytes());
  CHECK_LE(grown, ps::kMemoryBytes + ps::kInFlightBytes + ps::kSlackBytes + play->stored_bytes());
  return 0;
}
