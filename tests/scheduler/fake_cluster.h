// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/node.h"
#include "common/object_store.h"
#include "proto/checkpoint.pb.h"
#include "proto/wire.pb.h"
#include "scheduler/scheduler_node.h"

namespace skybridge::scheduler {

class FakeCluster;

// What a shard keeps on disk.
struct FakeStore {
  uint32_t open_phase = 0;
  wire::OpenPhase rules;
  std::set<uint32_t> retired;
  std::set<uint64_t> closed;  // Streams of the open phase.
};

// What trainers and shards of the fake cluster share with each other, besides messages.
struct FakeWorld {
  std::vector<uint64_t> batches = {3, 2, 4};  // Of each training partition.
  uint64_t candidates_per_partition = 7;
  std::function<double(uint64_t step)> recall = [](uint64_t) { return 0.5; };
  std::map<uint64_t, uint64_t> rank_done;                         // Rank -> clock.
  std::map<std::pair<uint32_t, uint64_t>, uint64_t> stream_done;  // (phase, stream) -> pushes.
  std::map<uint64_t, FakeStore> stores;                           // By store id.
  ObjectStore* checkpoints = nullptr;
  // (round, shard) -> the streams that were closed when the shard cut.
  std::map<std::pair<uint32_t, uint32_t>, std::set<uint64_t>> cuts;
  // Lockstep: what a shard has committed, beyond what finished leases tell.
  std::function<uint64_t(uint32_t shard)> committed = [](uint32_t) { return 0; };
  // What goes wrong with live moves: the state that is answered instead.
  std::function<std::optional<wire::MoveReply::State>(const wire::Header&)> move =
      [](const wire::Header&) { return std::nullopt; };
};

// One peer of the scheduler: registers until welcomed, beats, leaves when told to stop.
class FakeNode {
 public:
  FakeNode(FakeCluster& cluster, wire::Role role, uint32_t index, uint32_t pid);
  virtual ~FakeNode() = default;

  void Handle(const Envelope& message, Instant now);
  void Tick(Instant now);

  std::string peer() const;
  uint32_t index() const { return index_; }
  wire::Role role() const { return role_; }
  bool alive = true;  // Killed nodes hear and say nothing.
  bool left = false;
  std::string refused;  // The error that ended it.
  uint64_t dataset_hash = 22;
  uint64_t store_id = 0;

 protected:
  virtual void HandleBody(const wire::Header& header, Instant now) = 0;
  virtual void TickBody(Instant) {}
  virtual void FillHeartbeat(wire::Heartbeat*) {}
  void Send(wire::Header header, Instant now);

  FakeCluster& cluster_;
  wire::Role role_;
  uint32_t index_;
  uint32_t pid_;
  wire::Identity self_;
  uint32_t map_version_ = 0;
  Instant next_beat_;
};

// Finishes each lease `work` after it was granted, and says so until answered.
class FakeTrainer : public FakeNode {
 public:
  FakeTrainer(FakeCluster& cluster, uint32_t index, uint32_t pid)
      : FakeNode(cluster, wire::TRAINER, index, pid) {}

  Duration work = std::chrono::milliseconds(40);
  // Leases of this kind are returned with this code, this many times.
  wire::LeaseKind return_kind = wire::LEASE_UNKNOWN;
  StatusCode return_code = StatusCode::kUnavailable;
  int returns = 0;

  size_t held() const { return held_.size(); }

 private:
  struct Held {
    wire::Grant grant;
    Instant ready_at;
    wire::Header farewell;
    bool finished = false;
    Instant say_at;
  };
  void HandleBody(const wire::Header& header, Instant now) override;
  void TickBody(Instant now) override;
  void FillHeartbeat(wire::Heartbeat* beat) override;
  wire::Header Finish(const wire::Grant& grant);
  void FinishPrepare(const wire::Grant& grant, wire::LeaseDone* done);
  void FinishExport(const wire::Grant& grant, wire::LeaseDone* done);

  std::map<std::string, Held> held_;  // By serialized lease.
};

// Opens and closes phases as the trainers' work allows.
class FakeShard : public FakeNode {
 public:
  FakeShard(FakeCluster& cluster, uint32_t index, uint32_t pid)
      : FakeNode(cluster, wire::SHARD, index, pid) {
    store_id = 1000 + index;
  }

  bool deaf = false;         // Answers no question of the scheduler.
  bool lose_a_push = false;  // Reports data loss for the next stream that closes.
  // What goes wrong with rounds: the state that is answered instead.
  std::function<std::optional<wire::RoundReply::State>(const wire::Header&)> spoil =
      [](const wire::Header&) { return std::nullopt; };

 private:
  struct Round {
    uint32_t number = 0;
    bool cut = false;
    uint64_t clock = 0;
    int polls = 0;
  };
  void HandleBody(const wire::Header& header, Instant now) override;
  bool HandleRound(const wire::Header& header, wire::RoundReply* reply);
  bool HandleMove(const wire::Header& header, wire::MoveReply* reply);
  wire::RoundReply::State Prepare(uint32_t round);
  wire::RoundReply::State Cut(const wire::CutRound& cut);
  wire::RoundReply::State Collect(uint32_t round, wire::RoundReply* reply);
  bool AllIn(const wire::ClosePhase& close);
  uint64_t committed();
  FakeStore& store();

  Round round_;  // In memory, as in a shard, and as what it knows of a move: its map, and how often
  std::map<uint32_t, int> moves_;  // it was asked.
  uint32_t ended_ = 0;
};

// A scheduler, its peers and the links between them in one thread, on virtual time. The scheduler
// can die and start again from its records; its clock then begins at 0.
class FakeCluster {
 public:
  explicit FakeCluster(const SchedulerNodeOptions& options, ObjectStore* checkpoints = nullptr);
  // A job that goes on from a checkpoint.
  FakeCluster(const SchedulerNodeOptions& options, ObjectStore* checkpoints,
              const checkpoint::JobState& state, std::vector<Record> log);

  // Copies of the n-th message that are delivered: 0 loses it.
  std::function<int(uint64_t n, const Envelope&)> copies = [](uint64_t, const Envelope&) {
    return 1;
  };
  // Where the scheduler dies within its n-th effects (counted from 0, empty ones not): after so
  // many of their records and messages.
  std::function<std::optional<size_t>(uint64_t n, size_t parts)> crash = [](uint64_t, size_t) {
    return std::nullopt;
  };
  Duration downtime{0};  // Until it starts again.
  // Called at every step.
  std::function<void(Instant)> script = [](Instant) {};

  // Runs until the scheduler is finished or `limit` has passed.
  void Run(Duration limit);
  void Send(const std::string& from, Envelope message);

  Instant now() const { return now_; }
  uint32_t shard_count() const { return options_.shards; }
  uint64_t messages() const { return messages_; }
  FakeTrainer& AddTrainer(uint32_t index, uint32_t pid);
  FakeShard& AddShard(uint32_t index, uint32_t pid);

  SchedulerNode& scheduler() { return *scheduler_; }
  const SchedulerNode& scheduler() const { return *scheduler_; }
  Instant scheduler_now() const { return now_ - started_at_; }
  uint64_t effects() const { return effects_; }
  const std::vector<Record>& log() const { return log_; }
  void CrashScheduler();

  FakeWorld world;
  std::vector<std::unique_ptr<FakeTrainer>> trainers;
  std::vector<std::unique_ptr<FakeShard>> shards;
  std::vector<wire::Grant> grants;           // Each (lease, attempt) once, as trainers saw them.
  std::vector<wire::OpenPhase> phases;       // As shard 0 saw them.
  std::map<std::string, int> deleted;        // Folder -> times that its deletion was begun.
  std::map<std::string, int> first_reports;  // Serialized lease -> answers without already_done.

 private:
  struct Letter {
    Instant at;
    std::string from;
    std::string to;
    Envelope message;
  };
  void Perform(Effects effects);
  void Deliver(Letter letter);
  void Step();
  bool Up();

  const SchedulerNodeOptions options_;
  std::unique_ptr<SchedulerNode> scheduler_;
  std::vector<Record> log_;
  std::vector<std::unique_ptr<Task>> tasks_;  // That ran.
  std::optional<Instant> down_until_;
  Duration started_at_{0};
  uint64_t effects_ = 0;
  Instant now_;
  uint64_t messages_ = 0;
  std::deque<Letter> letters_;
};

SchedulerNodeOptions FakeOptions();

}  // namespace skybridge::scheduler
