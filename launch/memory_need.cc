// SPDX-License-Identifier: Apache-2.0
#include "launch/memory_need.h"

#include <algorithm>

#include <fmt/format.h>

#include "env/zmq_transport.h"
#include "launch/cluster_config.h"
#include "launch/progress_line.h"
#include "proto/envelope.h"

namespace skybridge::launch {
namespace {

constexpr uint64_t kBesides = 96ull << 20;  // tests/cluster/budget_test.cc holds it.

// In the queues of one shard's socket for one trainer. It has one step under way, so what lies
// there is copies of one push, of which a socket takes so many and reads one more, and the rows
// of one pull, which are as wide.
uint64_t QueuedBytes(uint64_t push_bytes) {
  const auto queue = static_cast<uint64_t>(env::ZmqTransportOptions().receive_queue_max) + 1;
  return queue * std::min<uint64_t>(push_bytes, wire::kFrameBytesMax) + push_bytes;
}

}  // namespace

MemoryNeed MemoryNeedOf(const job::Job& job, const PushSize& push) {
  const uint64_t shards = job.cluster().shards_per_server();
  const uint64_t trainers = ShapeOf(job).trainers();
  return {.rows = shards * job.cluster().shard_memory_bytes(),
          .pushes = shards * job.cluster().push_memory_bytes(),
          .messages = shards * trainers * QueuedBytes(push.bytes_most),
          .besides = kBesides};
}

// In lockstep no push of a clock leaves before all are there. Otherwise a push is applied when it
// is whole; only one of several chunks waits, for the rest of itself.
uint64_t BytesTogether(const job::Job& job, uint64_t bytes) {
  const bool lockstep = job.consistency().staleness() == 0;
  if (!lockstep && bytes <= wire::kPayloadBytesMax) return 0;
  return job.consistency().trainers() * bytes;
}

Status CheckRoomForPushes(const job::Job& job, const PushSize& push) {
  const uint64_t together = BytesTogether(job, push.bytes_mean);
  const uint64_t room = job.cluster().push_memory_bytes();
  if (together <= room) return {};
  const auto bytes = [](uint64_t n) { return ShortCount(static_cast<double>(n)); };
  return {StatusCode::kInvalidArgument,
          fmt::format("cluster.push_memory_bytes: {}B is no room for the pushes of {} trainers, "
                      "{}B each on one shard, {}B together: raise it to {} or more, or use fewer "
                      "trainers, a smaller batch, or more shards",
                      bytes(room), job.consistency().trainers(), bytes(push.bytes_mean),
                      bytes(together), BytesTogether(job, push.bytes_most))};
}

}  // namespace skybridge::launch
