// SPDX-License-Identifier: Apache-2.0
//
// A scheduler among shards and trainers that send what they please, in any order; enough of it is
// to the point that jobs go on and end.
#include <algorithm>
#include <map>
#include <set>

#include "scheduler/delete_folder.h"
#include "scheduler/scheduler_node.h"
#include "tests/fuzz/fuzz_message.h"
#include "tests/fuzz/node_watch.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;

constexpr int kStepsMax = 300;
constexpr uint64_t kHeapBytesMax = 16 << 20;  // Of a scheduler of this small job.
constexpr uint64_t kHelloHash = 11;

SchedulerNodeOptions Options(uint8_t choice) {
  SchedulerNodeOptions options{.job = {1, 2}, .job_hash = kHelloHash, .dataset_hash = 22};
  options.version = "1";
  options.shards = options.servers = 2;
  options.trainers = options.workers = 2;
  options.ranks = 2;
  options.staleness = choice % 2 == 0 ? 0 : -1;
  options.epochs = 1 + choice / 2 % 2;
  options.training_partitions = 2;
  options.candidate_partitions = 1;
  if (choice / 4 % 2 == 1) options.evaluations = {{.partitions = 1, .every_epochs = 1}};
  options.export_tables = {0};
  if (choice / 8 % 2 == 1) options.export_folder = "/export";
  options.temp_folder = "/temp";
  options.table_hash = choice / 16 % 2 == 1;
  return options;
}

// A place in the cluster, and what the scheduler asked of it last.
struct Seat {
  wire::Role role;
  uint32_t index;
  uint64_t incarnation = 0;
  uint32_t pid = 1;
  std::vector<wire::Grant> grants;
  std::vector<wire::Header> calls;

  std::string peer() const {
    return (role == wire::SHARD ? "shard-" : "trainer-") + std::to_string(index);
  }
};

class Play {
 public:
  explicit Play(fuzz::FuzzInput& input) : input_(input), node_(Options(input.Byte())) {}

  void Run() {
    if (input_.Below(4) > 0) {
      for (Seat& seat : seats_) Register(seat, false);
    }
    for (int step = 0; step < kStepsMax && !input_.empty() && !node_.finished(); ++step) Step();
    Watch(node_.Tick(now_));
    if (node_.finished() && !node_.result().status.ok()) fuzz::CheckSays(node_.result().status);
  }

 private:
  void Step() {
    Seat& seat = seats_[input_.Below(4)];
    switch (input_.Below(8)) {
      case 0: return Tick();
      case 1: return Garbage(seat);
      case 2: return Register(seat, true);
      case 3: return Say(seat);
      case 4: return Exit(seat);
      default: return seat.role == wire::SHARD ? AnswerCall(seat) : FinishLease(seat);
    }
  }

  wire::Header From(const Seat& seat) {
    wire::Header header;
    wire::Identity& identity = *header.mutable_identity();
    identity.set_job_high(1);
    identity.set_job_low(2);
    identity.set_generation(1);
    identity.set_sender_incarnation(seat.incarnation);
    header.set_request(++request_);
    return header;
  }

  void Register(Seat& seat, bool odd) {
    wire::Header header = From(seat);
    wire::Register& hello = *header.mutable_register_();
    if (odd) {
      fuzz::Fill(input_, &hello);
      if (input_.Below(4) == 0) return Deliver(seat, std::move(header));
      seat.pid = 1 + input_.Below(3);
    }
    hello.set_role(seat.role);
    hello.set_index(seat.index);
    hello.set_host("host");
    hello.set_pid(seat.pid);
    hello.set_instance(seat.pid);
    hello.set_version("1");
    hello.set_job_hash(kHelloHash);
    hello.set_dataset_hash(seat.role == wire::TRAINER ? 22 : 0);
    hello.set_endpoint(seat.role == wire::SHARD ? "tcp://" + seat.peer() : "");
    Deliver(seat, std::move(header));
  }

  // Any message of a node, the lists and numbers in it as they come.
  void Say(Seat& seat) {
    wire::Header header = From(seat);
    switch (input_.Below(9)) {
      case 0: fuzz::Fill(input_, header.mutable_heartbeat()); break;
      case 1: fuzz::Fill(input_, header.mutable_leave()); break;
      case 2: fuzz::Fill(input_, header.mutable_lease_done()); break;
      case 3: fuzz::Fill(input_, header.mutable_lease_returned()); break;
      case 4: fuzz::Fill(input_, header.mutable_phase_reply()); break;
      case 5: fuzz::Fill(input_, header.mutable_table_hash_reply()); break;
      case 6: fuzz::Fill(input_, header.mutable_error()); break;
      case 7: fuzz::Fill(input_, header.mutable_push()); break;
      default: header.mutable_heartbeat()->set_map_version(1); break;
    }
    if (input_.Below(16) == 15) fuzz::Fill(input_, header.mutable_identity());
    Deliver(seat, std::move(header));
  }

  void FinishLease(Seat& seat) {
    if (seat.grants.empty()) return Say(seat);
    const wire::Grant grant = seat.grants[input_.Below(static_cast<uint32_t>(seat.grants.size()))];
    wire::Header header = From(seat);
    if (input_.Below(8) == 7) {
      wire::LeaseReturned& returned = *header.mutable_lease_returned();
      fuzz::Fill(input_, &returned);
      *returned.mutable_lease() = grant.lease();
      returned.set_attempt(grant.attempt());
      return Deliver(seat, std::move(header));
    }
    wire::LeaseDone& done = *header.mutable_lease_done();
    if (input_.Below(2) == 1) fuzz::Fill(input_, &done);
    *done.mutable_lease() = grant.lease();
    done.set_attempt(grant.attempt());
    if (input_.Below(4) > 0) FillOutcome(grant.lease().kind(), &done);
    Deliver(seat, std::move(header));
  }

  // What makes the job go on.
  static void FillOutcome(wire::LeaseKind kind, wire::LeaseDone* done) {
    if (kind == wire::PREPARE_PARTITION) {
      done->set_examples(4);
      done->mutable_progress()->set_total(2);
    }
    if (kind == wire::EXPORT_PARTITION) {
      done->clear_part();
      wire::PartFile& file = *done->add_part();
      file.set_kind("vectors");
      file.set_rows(4);
    }
  }

  void AnswerCall(Seat& seat) {
    if (seat.calls.empty()) return Say(seat);
    const wire::Header call = seat.calls.back();
    wire::Header header = From(seat);
    if (input_.Below(8) == 7) {
      fuzz::Fill(input_, header.mutable_error());
    } else if (call.has_table_hash()) {
      fuzz::Fill(input_, header.mutable_table_hash_reply());
    } else {
      header.mutable_phase_reply()->set_closed(input_.Below(4) > 0);
      header.mutable_phase_reply()->set_committed(call.close_phase().clock_end() +
                                                  (input_.Below(16) == 15 ? 1 : 0));
    }
    header.set_request(call.request());
    Deliver(seat, std::move(header));
  }

  void Exit(Seat& seat) {
    const auto role = seat.role == wire::SHARD ? Role::kShard : Role::kTrainer;
    const uint8_t how = input_.Byte();
    if (how < 128) return Tick();
    if (how == 255) return node_.RequestStop("the user", now_);
    node_.NodeExited({.place = {role, input_.Below(8) == 7 ? 9 : seat.index},
                      .pid = input_.Below(2) == 1 ? seat.pid : 0,
                      .final = input_.Below(4) > 0,
                      .how = Status(StatusCode::kUnavailable, "signal 9")});
  }

  void Garbage(Seat& seat) {
    Envelope message{.peer = seat.peer()};
    message.header = input_.Text();
    message.payload = input_.Text();
    Watch(node_.Handle(message, now_));
  }

  void Deliver(Seat& seat, wire::Header header) {
    const uint64_t request = header.request();
    const uint32_t times = input_.Below(8) == 7 ? 2 : 1;
    const Envelope message = wire::Seal(seat.peer(), std::move(header));
    for (uint32_t i = 0; i < times; ++i) {
      const Effects effects = node_.Handle(message, now_);
      for (const wire::Header& said : fuzz::OpenAll(effects.send)) {
        if (said.has_error()) CHECK_EQ(said.request(), request) << "a refusal of something else";
      }
      Watch(effects);
    }
  }

  void Tick() {
    now_ = now_ + milliseconds(input_.Number() % 20'000);
    Watch(node_.Tick(now_));
  }

  Seat* SeatOf(const std::string& peer) {
    const auto seat = std::ranges::find(seats_, peer, &Seat::peer);
    return seat == seats_.end() ? nullptr : &*seat;
  }

  void Watch(const Effects& effects) {
    for (const std::unique_ptr<Task>& task : effects.start) {
      CHECK(dynamic_cast<const DeleteFolder&>(*task).folder.starts_with("/temp/vectors-"));
    }
    const std::vector<wire::Header> said = fuzz::OpenAll(effects.send);
    for (size_t i = 0; i < said.size(); ++i) {
      Seat* seat = SeatOf(effects.send[i].peer);
      CHECK(seat != nullptr) << "to " << effects.send[i].peer << ", who never spoke";
      if (said[i].has_welcome()) {
        seat->incarnation = said[i].welcome().incarnation();
        CHECK(incarnations_.insert(seat->incarnation).second || seat->incarnation != 0);
      }
      if (said[i].has_grant()) CheckGrant(*seat, said[i].grant());
      if (said[i].has_open_phase() || said[i].has_close_phase() || said[i].has_close_stream() ||
          said[i].has_retire_rank() || said[i].has_table_hash()) {
        CHECK_EQ(seat->role, wire::SHARD);
        seat->calls.push_back(said[i]);
      }
    }
    const JobProgress progress = node_.progress(now_);
    CHECK_LE(progress.live_shards, 2u);
    CHECK_LE(progress.live_trainers, 2u);
  }

  // No attempt is ever given twice, but to who has it.
  void CheckGrant(Seat& seat, const wire::Grant& grant) {
    CHECK_EQ(seat.role, wire::TRAINER);
    const std::string name =
        grant.lease().SerializeAsString() + "#" + std::to_string(grant.attempt());
    const auto [owner, fresh] = owners_.emplace(name, seat.incarnation);
    CHECK_EQ(owner->second, seat.incarnation) << "one attempt, two owners";
    if (fresh) seat.grants.push_back(grant);
  }

  fuzz::FuzzInput& input_;
  SchedulerNode node_;
  std::vector<Seat> seats_ = {
      {wire::SHARD, 0}, {wire::SHARD, 1}, {wire::TRAINER, 0}, {wire::TRAINER, 1}};
  std::set<uint64_t> incarnations_;
  std::map<std::string, uint64_t> owners_;  // Of each lease and attempt.
  Instant now_{std::chrono::seconds(1000)};
  uint64_t request_ = 100;
};

}  // namespace
}  // namespace skybridge::scheduler

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  fuzz::FuzzInput input(data, size);
  const uint64_t before = fuzz::HeapBytes();
  const auto play = std::make_unique<scheduler::Play>(input);
  play->Run();
  const uint64_t after = fuzz::HeapBytes();
  CHECK_LE(after - std::min(before, after), scheduler::kHeapBytesMax);
  return 0;
}
