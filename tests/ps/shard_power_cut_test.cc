// SPDX-License-Identifier: Apache-2.0
// Random histories of a shard node at durability POWER, on a log over a disk that fails, under a
// process that dies and a machine that loses power, at any call to the disk and between any two
// messages. Whatever somebody heard must be true afterwards.
#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/bytes.h"
#include "common/rng.h"
#include "env/segmented_log.h"
#include "proto/envelope.h"
#include "ps/row_record.h"
#include "ps/shard_node.h"
#include "tests/support/memory_row_store.h"
#include "tests/support/sim_disk.h"

namespace skybridge::ps {
namespace {

using std::chrono::milliseconds;
using wire::Header;

constexpr char kScheduler[] = "tcp://scheduler:1";
constexpr JobId kJob{1, 2};
constexpr uint64_t kRow = 7;
constexpr uint64_t kClocks = 12;
const TableSpecs kTables = {
    {.name = "rows", .dim = 2, .optimizer = {.kind = RowOptimizer::kSgd, .learning_rate = 1}}};

// One rank: pulls and pushes clock after clock, and each push sights the one row there is.
struct Client {
  uint16_t rank = 0;
  uint16_t attempt = 0;
  bool asked = false;  // How far the attempt before got.
  uint64_t clock = 1;
  bool pulled = false;
};

// What was heard, over all lives.
struct Heard {
  bool phase_open = false;
  uint64_t committed = 0;
  uint32_t count = 0;                  // Of the row.
  std::map<uint16_t, uint64_t> push;   // By rank: the last clock that was accepted ...
  std::map<uint16_t, uint64_t> done;   // ... and certified ...
  std::map<uint16_t, uint16_t> fence;  // ... and the attempt that fenced those before it.
};

class History {
 public:
  History(uint64_t seed, bool lockstep) : rng_(seed, Purpose::kTest), lockstep_(lockstep) {
    disk_.sector_bytes = 64u << rng_.Below(4);
    clients_.resize(1 + rng_.Below(3));
    for (size_t r = 0; r < clients_.size(); ++r) clients_[r].rank = static_cast<uint16_t>(r);
  }

  void Run() {
    const uint64_t lives = 1 + rng_.Below(5);
    for (uint64_t life = 0; life < lives && !testing::Test::HasFatalFailure(); ++life) {
      if (rng_.Below(3) > 0) PlanFault();
      if (Begin()) Live(rng_.Below(120));
      End();
    }
    if (testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(Begin());
    Live(100'000);
    ASSERT_TRUE(done()) << "it does not get done";
    ASSERT_EQ(PullCount(), kClocks * clients_.size());
  }
  uint64_t held() const { return held_; }
  uint64_t lost() const { return lost_; }

 private:
  void PlanFault() {
    disk_.fault = {.calls = disk_.calls + rng_.Below(250),
                   .failure = Status(StatusCode::kUnavailable, "broken"),
                   .torn_bytes = rng_.Below(2) * rng_.Below(400),
                   .carried_out = rng_.Below(2) == 0,
                   .for_good = rng_.Below(3) > 0};
  }

  // ---------------------------------------------------------------- lives

  // The node starts and is welcomed; then all that was heard is asked for again. False: it died.
  bool Begin() {
    ++incarnation_;
    auto log = env::SegmentedLog::Open(disk_, {.folder = "log", .segment_bytes = 1536 + 2000});
    EXPECT_TRUE(log || disk_.fault) << log.error();
    if (!log) return false;
    log_ = *std::move(log);
    auto node = ShardNode::Open({.job = kJob,
                                 .endpoint = "tcp://here:2",
                                 .scheduler_endpoint = kScheduler,
                                 .tables = kTables,
                                 .memory_bytes = 1 << 20,
                                 .in_flight_bytes_max = 8 << 20,
                                 .image_log_bytes = 500 + rng_.Below(8000),
                                 .durability = Durability::kPower},
                                store_, *log_);
    EXPECT_TRUE(node || disk_.fault) << node.error();
    if (!node) return false;
    node_ = *std::move(node);
    Header welcome = Message();
    welcome.mutable_welcome()->set_incarnation(incarnation_);
    welcome.mutable_welcome()->set_generation(1);
    welcome.mutable_welcome()->set_heartbeat_ms(1000);
    Deliver(kScheduler, std::move(welcome));
    Header map = Message();
    map.mutable_cluster_map()->set_version(1);
    wire::ShardEntry& mine = *map.mutable_cluster_map()->add_shard();
    mine.set_incarnation(incarnation_);
    mine.set_slot_end(kSlotCount);
    Deliver(kScheduler, std::move(map));
    return Check();
  }

  void Live(uint64_t events) {
    for (uint64_t event = 0; event < events && !node_->finished() && !done(); ++event) {
      const uint64_t what = rng_.Below(10);
      if (what < 6) {
        Send(clients_[rng_.Below(clients_.size())]);
      } else if (what < 8) {
        RunTask();
      } else {
        now_ = now_ + milliseconds(20);
        Hear(node_->Tick(now_));
      }
    }
  }

  // Death. What is among the last effects was heard up to some message.
  void End() {
    node_.reset();
    tasks_.clear();
    ran_.reset();
    const uint64_t last = log_ ? log_->last() : 0;
    log_.reset();
    asked_.clear();
    answers_.clear();
    for (Client& client : clients_) client.asked = client.pulled = false;
    if (rng_.Below(4) == 0) {
      disk_.fault.reset();  // The death of a process loses nothing.
      return;
    }
    disk_.CutPower(rng_);
    auto log = env::SegmentedLog::Open(disk_, {.folder = "log", .segment_bytes = 1536 + 2000});
    ASSERT_TRUE(log) << log.error();
    lost_ += last > (*log)->last();
  }

  // ---------------------------------------------------------------- messages

  Header Message() {
    Header header;
    wire::Identity& identity = *header.mutable_identity();
    identity.set_job_high(kJob.high);
    identity.set_job_low(kJob.low);
    identity.set_generation(1);
    identity.set_map_version(1);
    identity.set_target_incarnation(incarnation_);
    header.set_request(++requests_);
    return header;
  }

  Header OpenPhase() {
    Header header = Message();
    wire::OpenPhase& open = *header.mutable_open_phase();
    open.set_phase(1);
    open.set_lockstep(lockstep_);
    open.set_staleness(lockstep_ ? 0 : -1);
    open.set_ranks(static_cast<uint32_t>(clients_.size()));
    return header;
  }

  Header Query(uint16_t rank, uint16_t attempt) {
    Header header = Message();
    if (lockstep_) {
      header.mutable_rank_query()->set_phase(1);
      header.mutable_rank_query()->set_rank(rank);
      header.mutable_rank_query()->set_attempt(attempt);
    } else {
      header.mutable_ledger_query()->set_phase(1);
      header.mutable_ledger_query()->set_stream(rank);
      header.mutable_ledger_query()->set_attempt(attempt);
    }
    return header;
  }

  Header Pull(const Client& client) {
    Header header = Message();
    wire::Pull& pull = *header.mutable_pull();
    pull.set_phase(1);
    pull.set_rank(client.rank);
    pull.set_attempt(client.attempt);
    pull.set_clock(client.clock);
    pull.set_done(client.clock - 1);
    wire::TablePart& part = *pull.add_table();
    part.set_rows(1);
    part.set_dim(2);
    part.set_counts(true);
    return header;
  }

  Header Push(const Client& client) {
    Header header = Message();
    wire::Push& push = *header.mutable_push();
    push.set_phase(1);
    push.set_stream(client.rank);
    push.set_sequence(lockstep_ ? client.clock : client.clock - 1);
    push.set_rank(client.rank);
    push.set_attempt(client.attempt);
    push.set_chunks(1);
    push.set_rate(1);
    push.add_table()->set_rows(1);
    push.mutable_table(0)->set_dim(2);
    return header;
  }

  Header Done(const Client& client) {
    Header header = Message();
    header.mutable_rank_done()->set_phase(1);
    header.mutable_rank_done()->set_rank(client.rank);
    header.mutable_rank_done()->set_attempt(client.attempt);
    header.mutable_rank_done()->set_done(client.clock - 1);
    return header;
  }

  static std::string RowBytes(bool gradients) {
    std::string bytes;
    AppendRaw<uint64_t>(bytes, std::span(&kRow, 1));
    const float ones[] = {1, 1};
    if (gradients) AppendRaw<float>(bytes, ones);
    return bytes;
  }

  // The client's request as it stands, which may be a repeat.
  void Send(Client& client) {
    Header header;
    std::string payload;
    if (!heard_.phase_open) {
      return Deliver(kScheduler, OpenPhase());
    }
    if (!client.asked) {
      header = Query(client.rank, client.attempt);
    } else if (client.clock > kClocks) {
      header = Done(client);
    } else if (client.pulled) {
      header = Push(client);
      payload = RowBytes(true);
    } else {
      header = Pull(client);
      payload = RowBytes(false);
    }
    asked_[header.request()] = {client.rank, client.clock};
    Deliver("trainer", std::move(header), std::move(payload));
  }

  void Deliver(const std::string& peer, Header header, std::string payload = {}) {
    Hear(node_->Handle(wire::Seal(peer, std::move(header), std::move(payload)), now_));
  }

  // A task runs, and its end is heard of, at once or some time later or never.
  void RunTask() {
    if (ran_) return Hear(node_->Finish(std::move(ran_), now_));
    if (tasks_.empty()) return;
    ran_ = std::move(tasks_.front());
    tasks_.pop_front();
    ran_->Run();
    if (rng_.Below(4) > 0) Hear(node_->Finish(std::move(ran_), now_));
  }

  // Some messages are lost.
  void Hear(Effects effects) {
    for (auto& task : effects.start) tasks_.push_back(std::move(task));
    held_ += effects.start.size();
    for (const Envelope& message : effects.send) {
      const auto header = wire::Open(message);
      ASSERT_TRUE(header) << header.error();
      answers_[header->request()] = {*header, message.payload};
      if (rng_.Below(10) > 0) HearOne(*header, message.payload);
    }
  }

  void HearOne(const Header& header, const std::string& payload) {
    if (header.has_phase_reply()) heard_.phase_open = true;
    const auto found = asked_.find(header.request());
    if (found == asked_.end()) return;
    Client& client = clients_[found->second.first];
    const bool current = found->second.second == client.clock;
    switch (header.body_case()) {
      case Header::kRankReply:
        return HearProgress(client, header.rank_reply().committed(), header.rank_reply().done());
      case Header::kLedgerReply: return HearProgress(client, header.ledger_reply().next(), 0);
      case Header::kPullReply:
        NoteCount(header.pull_reply().committed(), payload);
        client.pulled = client.pulled || current;
        break;
      case Header::kPushReply:
        heard_.push[client.rank] = std::max(heard_.push[client.rank], found->second.second);
        if (!current) break;
        client.pulled = false;
        ++client.clock;
        break;
      case Header::kRankDoneReply:
        heard_.done[client.rank] = kClocks;
        NoteCommitted(header.rank_done_reply().committed());
        break;
      default: break;
    }
  }

  void HearProgress(Client& client, uint64_t committed, uint64_t done) {
    heard_.fence[client.rank] = std::max(heard_.fence[client.rank], client.attempt);
    if (client.asked) return;
    client.asked = true;
    client.clock = std::max(committed, done) + 1;
  }

  void NoteCommitted(uint64_t committed) {
    heard_.committed = std::max(heard_.committed, committed);
  }
  void NoteCount(uint64_t committed, const std::string& payload) {
    uint32_t count = 0;
    ASSERT_EQ(payload.size(), 2 * sizeof(float) + sizeof(count));
    std::memcpy(&count, payload.data() + 2 * sizeof(float), sizeof(count));
    NoteCommitted(committed);
    heard_.count = std::max(heard_.count, count);
    if (lockstep_) {
      ASSERT_EQ(count, committed * clients_.size());
    }
  }

  bool done() const {
    if (!lockstep_) {
      return std::ranges::all_of(clients_,
                                 [](const Client& c) { return c.asked && c.clock > kClocks; });
    }
    return heard_.committed == kClocks;
  }

  // ---------------------------------------------------------------- what was heard is true

  // The answer to a question, once the log is synced; nothing if the node died.
  std::optional<Header> Ask(const std::string& peer, Header header, std::string payload = {}) {
    const uint64_t request = header.request();
    Deliver(peer, std::move(header), std::move(payload));
    for (int i = 0; i < 10 && !answers_.contains(request) && !node_->finished(); ++i) RunTask();
    const auto found = answers_.find(request);
    EXPECT_TRUE(found != answers_.end() || node_->finished()) << "no answer";
    if (node_->finished()) return std::nullopt;
    payload_ = found->second.second;
    return found->second.first;
  }

  bool Check() {
    if (!CheckPhase()) return false;
    for (Client& client : clients_) {
      if (!CheckFence(client) || !CheckProgress(client)) return false;
    }
    if (!lockstep_ && heard_.phase_open) {
      const uint32_t heard = heard_.count;
      const auto count = PullCount();
      if (!count) return false;
      EXPECT_GE(*count, heard) << "a pull saw pushes that are gone";
    }
    return !testing::Test::HasFailure();
  }

  bool CheckPhase() {
    if (!heard_.phase_open) return true;
    const auto answer = Ask("trainer", Query(0, 0));
    if (answer) {
      EXPECT_NE(StatusCode(answer->error().code()), StatusCode::kNotReady) << "the phase is gone";
    }
    return answer.has_value();
  }

  bool CheckFence(const Client& client) {
    const uint16_t fence = heard_.fence[client.rank];
    if (fence == 0) return true;
    const auto answer = Ask("trainer", Query(client.rank, static_cast<uint16_t>(fence - 1)));
    if (answer) {
      EXPECT_EQ(StatusCode(answer->error().code()), StatusCode::kFenced)
          << "the fence of rank " << client.rank << ", attempt " << fence << " is gone";
    }
    return answer.has_value();
  }

  bool CheckProgress(Client& client) {
    if (!heard_.phase_open) return true;
    const auto answer = Ask("trainer", Query(client.rank, ++client.attempt));
    if (!answer) return false;
    if (lockstep_) {
      EXPECT_TRUE(answer->has_rank_reply()) << answer->ShortDebugString();
      EXPECT_GE(answer->rank_reply().committed(), heard_.committed);
      EXPECT_GE(answer->rank_reply().accepted(), heard_.push[client.rank]);
      EXPECT_GE(std::max(answer->rank_reply().done(), answer->rank_reply().committed()),
                heard_.done[client.rank]);
    } else {
      EXPECT_TRUE(answer->has_ledger_reply()) << answer->ShortDebugString();
      EXPECT_GE(answer->ledger_reply().next(), heard_.push[client.rank]);
    }
    return true;
  }

  std::optional<uint32_t> PullCount() {
    Client reader = clients_[0];
    Header header = Pull(reader);
    header.mutable_pull()->set_read_only(true);
    const auto answer = Ask("trainer", std::move(header), RowBytes(false));
    if (!answer) return std::nullopt;
    EXPECT_TRUE(answer->has_pull_reply()) << answer->ShortDebugString();
    NoteCount(answer->pull_reply().committed(), payload_);
    uint32_t count = 0;
    std::memcpy(&count, payload_.data() + 2 * sizeof(float), sizeof(count));
    return count;
  }

  Rng rng_;
  const bool lockstep_;
  support::SimDisk disk_;
  support::MemoryRowStore store_{RecordBytes(kTables)};  // Durable, as RowStore promises.
  std::unique_ptr<env::SegmentedLog> log_;
  std::unique_ptr<ShardNode> node_;
  std::deque<std::unique_ptr<Task>> tasks_;
  std::unique_ptr<Task> ran_;
  Instant now_{std::chrono::seconds(1000)};
  uint64_t incarnation_ = 0;
  uint64_t requests_ = 0;
  std::vector<Client> clients_;
  std::map<uint64_t, std::pair<uint16_t, uint64_t>> asked_;  // By request: rank, clock.
  std::map<uint64_t, std::pair<Header, std::string>> answers_;
  std::string payload_;
  Heard heard_;
  uint64_t held_ = 0;
  uint64_t lost_ = 0;
};

TEST(ShardPowerCutTest, WhatWasAnsweredIsTrueAfterAPowerCut) {
  uint64_t held = 0;
  uint64_t lost = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    History history(seed, seed % 2 == 0);
    history.Run();
    if (HasFailure()) return;
    held += history.held();
    lost += history.lost();
  }
  EXPECT_GT(held, 10000u);
  EXPECT_GT(lost, 1000u);  // It does bite.
}

}  // namespace
}  // namespace skybridge::ps
