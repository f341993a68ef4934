// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "common/time.h"
#include "proto/wire.pb.h"
#include "scheduler/durable_job.h"
#include "scheduler/shard_calls.h"

namespace skybridge::scheduler {

struct MoveDriverOptions {
  Duration repeat = std::chrono::milliseconds(500);
  Duration poll = std::chrono::milliseconds(20);
  Duration limit = std::chrono::minutes(10);       // Of a whole move.
  Duration freeze_max = std::chrono::seconds(30);  // While a shard stands still.
  Duration backoff = std::chrono::seconds(5);      // After a move that failed; doubles each time.
};

// When live moves begin, when their shards freeze, and when they are given up (docs/protocol.md,
// Live moves). What it decides is the job's, and in its log; how far a copy has come is not: with
// this process the move ends. A state machine.
class MoveDriver {
 public:
  MoveDriver(const MoveDriverOptions& options, uint32_t term);

  // Draws conclusions while the job runs; `job` has drawn its own. rounds_rest: no checkpoint round
  // is open.
  void Advance(DurableJob& job, bool rounds_rest);
  std::optional<ShardCall> Due(const DurableJob& job, Instant now);
  // Whether a request is one of Due, of this scheduler or one before.
  static bool Asks(uint64_t request);
  void Answered(DurableJob& job, uint32_t shard, const wire::Header& reply);

 private:
  void Begin(DurableJob& job);
  void Watch(DurableJob& job);

  const MoveDriverOptions options_;
  uint64_t next_request_;
  SlotMove move_;         // That was begun here, ...
  uint32_t map_ = 0;      // ... under this map, and is not known to have ended; 0: none.
  uint64_t request_ = 0;  // What the target is asked now.
  std::optional<Instant> ask_at_;
  Instant began_at_;
  std::optional<Instant> froze_at_;
  uint32_t failures_ = 0;  // In a row.
  Instant rest_until_;
};

}  // namespace skybridge::scheduler
