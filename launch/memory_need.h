// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "common/status.h"
#include "launch/push_size.h"
#include "proto/job.pb.h"

namespace skybridge::launch {

// The most memory that one server process of a job takes (docs/operations.md, "Memory of a
// server").
struct MemoryNeed {
  uint64_t rows = 0;      // Of all its shards; rows beyond this go to disk.
  uint64_t pushes = 0;    // That wait for those of other trainers, and pulls that wait.
  uint64_t messages = 0;  // In the queues of its sockets.
  uint64_t besides = 0;   // Code, libraries, RocksDB.

  uint64_t total() const { return rows + pushes + messages + besides; }
};

// `job` is resolved.
MemoryNeed MemoryNeedOf(const job::Job& job, const PushSize& push);

// What the pushes of all trainers have together on one shard, if each has a push of `bytes` there
// that cannot be applied yet; 0 if none ever waits for others.
uint64_t BytesTogether(const job::Job& job, uint64_t bytes);

// Whether they have room (docs/protocol.md, L12).
// Errors: kInvalidArgument with the numbers and what to change: such a job would stop at its first
// clock.
Status CheckRoomForPushes(const job::Job& job, const PushSize& push);

}  // namespace skybridge::launch
