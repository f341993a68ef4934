// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "proto/checkpoint.pb.h"
#include "proto/wire.pb.h"
#include "scheduler/shard_calls.h"

namespace skybridge::scheduler {

struct CheckpointRoundOptions {
  uint32_t shards = 1;
  Duration every = std::chrono::minutes(10);
  Duration repeat = std::chrono::milliseconds(500);
  Duration poll = std::chrono::milliseconds(200);
  Duration limit = std::chrono::minutes(15);
  Duration backoff = std::chrono::seconds(60);
  uint64_t first_request = 1;
};

// What a round sees of the job.
struct RoundView {
  bool training = false;      // A phase of training is worked on: shards can be asked to cut.
  bool training_left = true;  // One is, or will be.
  MapVersion map{};           // Another one: some shard is another process, or slots moved.
  bool lockstep = false;      // Then of the phase:
  uint64_t clock_begin = 0;
  uint64_t clock_end = 0;
};

// How a round ended.
struct RoundEnd {
  uint32_t round = 0;
  Status status;
  Duration took{0};
  uint64_t new_bytes = 0;
};

// When checkpoint rounds are due, and one round from its begin to its end: all shards are prepared,
// then cut, then their parts are collected (docs/protocol.md, checkpoints). The questions to cut
// go another way, as does the manifest: this says when, and is told what became of it.
//
// Pure state machine. What a former scheduler began is over.
class CheckpointRound {
 public:
  explicit CheckpointRound(const CheckpointRoundOptions& options);

  // The last round before this scheduler, if there was any; its shards are told. `committed`: there
  // is a checkpoint of it. `began_at`: if that is known.
  void Resume(uint32_t last, bool committed, std::optional<Instant> began_at, Instant now);

  // The number of the round that should begin now.
  std::optional<uint32_t> Due(const RoundView& view, Instant now) const;
  void Begin(uint32_t round, const RoundView& view, Instant now);
  // Aborts the round if it cannot, or does not, end well any more.
  void Watch(const RoundView& view, Instant now);

  // All shards should be asked now to cut, in lockstep at this clock. Otherwise 0.
  std::optional<uint64_t> CutDue(const RoundView& view) const;
  // They are being asked; `state` is the scheduler's part of the checkpoint.
  void CutAsked(uint64_t clock, const checkpoint::JobState& state);
  // An answer that counted: a RoundReply or an Error.
  void CutAnswered(uint32_t shard, const ShardRequest& cut, const wire::Header& reply, Instant now);

  // Its own questions, and answers to these.
  std::vector<ShardCall> DueCalls(Instant now) { return calls_.Due(now); }
  void Answered(uint32_t shard, const wire::Header& reply, Instant now);

  // All parts are in the store: the manifest is to be written. Once in a round.
  bool TakeUploaded();
  // What it says; by slots.
  const checkpoint::JobState& state() const { return state_; }
  std::vector<checkpoint::FragmentEntry> fragments() const;
  void Committed(Instant now) { End(Status(), now); }
  void Abort(const Status& why, Instant now) { End(why, now); }

  // Between rounds: the map has so many shards.
  void SetShards(uint32_t shards);

  bool active() const { return stage_ != Stage::kIdle; }
  uint32_t round() const { return round_; }
  std::optional<RoundEnd> TakeEnd();

 private:
  enum class Stage { kIdle, kPreparing, kCutting, kCut, kCollecting, kUploaded, kWriting };

  void Enter(Stage stage);
  void Prepared(uint32_t shard, const wire::RoundReply& reply, uint64_t request, Instant now);
  void Collected(uint32_t shard, const wire::RoundReply& reply, uint64_t request, Instant now);
  void Failed(uint32_t shard, const ShardRequest& what, const wire::RoundReply& reply, Instant now);
  void CutsAnswered();
  void End(const Status& status, Instant now);
  std::string Missing() const;

  const CheckpointRoundOptions options_;
  uint32_t shards_;
  ShardCalls calls_;
  Stage stage_ = Stage::kIdle;
  uint32_t round_ = 0;  // The current or the last one.
  Instant began_at_;
  Instant due_at_;
  uint32_t aborts_ = 0;  // In a row.
  MapVersion map_{};
  std::set<uint32_t> missing_;  // Shards that the stage waits for.
  uint64_t committed_ = 0;      // Lockstep: the highest clock that a shard has told of.
  uint64_t margin_ = 0;
  bool too_late_ = false;  // For one shard at least.
  checkpoint::JobState state_;
  std::map<uint32_t, checkpoint::FragmentEntry> fragments_;  // By shard.
  std::optional<RoundEnd> end_;
};

}  // namespace skybridge::scheduler
