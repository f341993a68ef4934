// SPDX-License-Identifier: Apache-2.0
//
// A trainer among a scheduler and shards that send what they please, in any order; enough of it is
// to the point that leases are worked on to their end.
#include <algorithm>
#include <deque>
#include <set>

#include "tests/fuzz/fuzz_folder.h"
#include "tests/fuzz/fuzz_message.h"
#include "tests/fuzz/node_watch.h"
#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"
#include "worker/trainer_node.h"

namespace skybridge::worker {
namespace {

using std::chrono::milliseconds;

constexpr char kScheduler[] = "tcp://scheduler:1";
constexpr int kStepsMax = 200;
constexpr uint64_t kHeapBytesMax = 16 << 20;  // Of a trainer of this small job.

// The small job of the worker's tests, made once.
class World : public SmallWorldTest {
 public:
  static const World& Get() {
    static const auto* world = new World;
    return *world;
  }
  using SmallWorldTest::Batches;
  using SmallWorldTest::dataset;
  using SmallWorldTest::model;

 private:
  World() = default;
  void TestBody() override {}
};

std::string Folder() {
  static const fuzz::FuzzFolder folder;
  return folder.path();
}

TrainerNodeOptions Options() {
  return {.scheduler_endpoint = kScheduler,
          .job_id = {.high = 1, .low = 2},
          .seed = 7,
          .ranks = 2,
          .identity = {.job = "job", .dim = 4},
          .cutoffs = {{2}}};
}

class Play {
 public:
  explicit Play(fuzz::FuzzInput& input)
      : input_(input), node_(Options(), World::Get().model(), World::Get().dataset()) {}

  void Run() {
    Tick(0);
    if (input_.Below(8) > 0) Join();
    for (int step = 0; step < kStepsMax && !input_.empty() && !node_.finished(); ++step) Step();
    if (node_.finished() && !node_.exit_status().ok()) fuzz::CheckSays(node_.exit_status());
  }

 private:
  void Step() {
    switch (input_.Below(8)) {
      case 0: return Tick(input_.Number());
      case 1: return Garbage();
      case 2: return Grant();
      case 3: return SchedulerSays();
      case 4: return AnswerOddly();
      case 5: return RunTask();
      default: return Answer();
    }
  }

  static void Identify(wire::Header* header) {
    header->mutable_identity()->set_job_high(1);
    header->mutable_identity()->set_job_low(2);
  }

  void Join() {
    wire::Header header;
    header.mutable_welcome()->set_incarnation(55);
    header.mutable_welcome()->set_heartbeat_ms(1000);
    Say(std::move(header));
    header = {};
    wire::ClusterMap& map = *header.mutable_cluster_map();
    map.set_version(1);
    for (uint32_t shard = 0; shard < 2; ++shard) {
      wire::ShardEntry& entry = *map.add_shard();
      entry.set_shard(shard);
      entry.set_endpoint("shard-" + std::to_string(shard));
      entry.set_incarnation(100 + shard);
      entry.set_slot_begin(EvenSlots(shard, 2).begin);
      entry.set_slot_end(EvenSlots(shard, 2).end);
    }
    Say(std::move(header));
  }

  void Grant() {
    wire::Header header;
    wire::Grant& grant = *header.mutable_grant();
    fuzz::Fill(input_, &grant);
    wire::Lease& lease = *grant.mutable_lease();
    lease.set_phase(lease.phase() % 3);
    grant.set_attempt(grant.attempt() % 4);
    if (input_.Below(4) > 0) MakeSensible(&grant);
    // A trainer deals the data of as many epochs as its scheduler says.
    grant.mutable_train()->set_epochs(grant.train().epochs() % 5);
    // Whatever it writes, it writes there.
    grant.mutable_export_()->set_folder(Folder());
    grant.mutable_evaluate()->set_folder(Folder());
    Say(std::move(header));
  }

  static void MakeSensible(wire::Grant* grant) {
    wire::TrainSpec& train = *grant->mutable_train();
    const std::vector<uint64_t>& batches = Batches();
    train.clear_batches();
    train.mutable_batches()->Add(batches.begin(), batches.end());
    train.set_rank(train.rank() % 2);
    train.set_epochs(1);
    train.set_epoch(0);
    train.set_clock_begin(0);
    train.set_clock_end(2);
    train.set_partition(train.partition() % 3);
    train.set_partition_batches(2);
    train.set_clocks_total(6);
    train.set_examples_total(12);
    train.set_candidates_total(5);
    if (grant->lease().kind() == wire::EXPORT_TABLE) {
      const uint64_t tables = World::Get().model().tables().size();
      const uint64_t table = grant->lease().unit() % tables;
      grant->mutable_lease()->set_unit(table << 32 | grant->attempt() % 2);
    } else {
      grant->mutable_lease()->set_unit(grant->lease().unit() % 6);
    }
    grant->mutable_evaluate()->set_evaluation(0);
  }
  static const std::vector<uint64_t>& Batches() {
    static const auto* batches = new std::vector<uint64_t>(World::Get().Batches());
    return *batches;
  }

  void SchedulerSays() {
    wire::Header header;
    switch (input_.Below(8)) {
      case 0: fuzz::Fill(input_, header.mutable_welcome()); break;
      case 1: fuzz::Fill(input_, header.mutable_cluster_map()); break;
      case 2: fuzz::Fill(input_, header.mutable_error()); break;
      case 3: fuzz::Fill(input_, header.mutable_push()); break;
      case 4: header.mutable_heartbeat_reply(); break;
      case 5: fuzz::Fill(input_, header.mutable_lease_done_reply()); break;
      default:
        if (farewells_.empty()) return;
        *header.mutable_lease_done_reply() = farewells_.back();
        farewells_.pop_back();
    }
    Say(std::move(header));
  }

  void Say(wire::Header header) {
    Identify(&header);
    Watch(node_.Handle(wire::Seal(kScheduler, std::move(header)), now_));
  }

  // The shard's honest answer to the oldest question.
  void Answer() {
    if (asked_.empty()) return RunTask();
    const Envelope question = asked_.front();
    asked_.pop_front();
    const Result<wire::Header> header = wire::Open(question);
    if (header->has_scan() && !header->scan().from_start()) return;
    auto [reply, payload] = shards_.Answer(0, question);
    Identify(&reply);
    Watch(node_.Handle(wire::Seal(question.peer, std::move(reply), std::move(payload)), now_));
  }

  // Any answer to any question, the right one of its kind or another.
  void AnswerOddly() {
    wire::Header reply;
    std::string payload;
    switch (input_.Below(8)) {
      case 0: fuzz::Fill(input_, reply.mutable_error()); break;
      case 1: fuzz::Fill(input_, reply.mutable_pull_reply()); break;
      case 2: fuzz::Fill(input_, reply.mutable_push_reply()); break;
      case 3: fuzz::Fill(input_, reply.mutable_rank_done_reply()); break;
      case 4: fuzz::Fill(input_, reply.mutable_ledger_reply()); break;
      case 5: fuzz::Fill(input_, reply.mutable_rank_reply()); break;
      default: fuzz::Fill(input_, reply.mutable_scan_reply()); break;
    }
    payload = input_.Text();
    std::string peer = "shard-0";
    reply.set_request(input_.Number());
    if (!asked_.empty() && input_.Below(4) > 0) {
      const Envelope& question = asked_[input_.Below(static_cast<uint32_t>(asked_.size()))];
      const Result<wire::Header> asked = wire::Open(question);
      peer = question.peer;
      reply.set_request(asked->request());
      if (asked->has_pull() && input_.Below(2) == 1) {
        // The shape that was asked for, with numbers of any kind in it.
        auto [honest, rows] = shards_.Answer(0, question);
        reply = std::move(honest);
        payload = std::move(rows);
        for (size_t i = 0; i < payload.size() && !input_.empty(); ++i) {
          payload[i] = static_cast<char>(payload[i] ^ input_.Byte());
        }
      }
    }
    Identify(&reply);
    Watch(node_.Handle(wire::Seal(peer, std::move(reply), std::move(payload)), now_));
  }

  void Garbage() {
    Envelope message{.peer = input_.Below(2) == 0 ? kScheduler : "shard-0"};
    message.header = input_.Text();
    message.payload = input_.Text();
    Watch(node_.Handle(message, now_));
  }

  void RunTask() {
    if (tasks_.empty()) return;
    std::unique_ptr<Task> task = std::move(tasks_.front());
    tasks_.pop_front();
    task->Run();
    Watch(node_.Finish(std::move(task), now_));
  }

  void Tick(uint64_t ms) {
    now_ = now_ + milliseconds(ms % 20'000);
    Watch(node_.Tick(now_));
  }

  void Watch(Effects effects) {
    CHECK(effects.persist.empty());
    const std::vector<wire::Header> said = fuzz::OpenAll(effects.send);
    for (size_t i = 0; i < said.size(); ++i) {
      if (effects.send[i].peer != kScheduler) {
        if (asked_.size() < 64) asked_.push_back(std::move(effects.send[i]));
        continue;
      }
      if (said[i].has_lease_done()) NoteFarewell(said[i].lease_done());
      if (said[i].has_lease_returned()) {
        CHECK_NE(said[i].lease_returned().code(), 0u);
        CHECK(!said[i].lease_returned().message().empty()) << "returned without a reason";
        NoteFarewell(said[i].lease_returned());
      }
      if (said[i].has_heartbeat()) CheckHeld(said[i].heartbeat());
    }
    for (std::unique_ptr<Task>& task : effects.start) tasks_.push_back(std::move(task));
  }

  template <typename Farewell>
  void NoteFarewell(const Farewell& farewell) {
    wire::LeaseDoneReply& reply = farewells_.emplace_back();
    *reply.mutable_lease() = farewell.lease();
    reply.set_attempt(farewell.attempt());
  }

  // Each lease once.
  static void CheckHeld(const wire::Heartbeat& beat) {
    std::set<std::string> leases;
    for (const wire::HeldLease& held : beat.held()) {
      CHECK(leases.insert(held.lease().SerializeAsString()).second)
          << held.lease().ShortDebugString() << " is held twice";
    }
  }

  fuzz::FuzzInput& input_;
  FakeShards shards_;
  TrainerNode node_;
  Instant now_{std::chrono::seconds(100)};
  std::deque<Envelope> asked_;  // Of shards, not yet answered.
  std::deque<std::unique_ptr<Task>> tasks_;
  std::vector<wire::LeaseDoneReply> farewells_;  // Answers to what the trainer has finished.
};

}  // namespace
}  // namespace skybridge::worker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  (void)worker::World::Get();
  fuzz::FuzzInput input(data, size);
  const uint64_t before = fuzz::HeapBytes();
  const auto play = std::make_unique<worker::Play>(input);
  play->Run();
  const uint64_t after = fuzz::HeapBytes();
  CHECK_LE(after - std::min(before, after), worker::kHeapBytesMax);
  return 0;
}
