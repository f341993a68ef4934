// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/node.h"
#include "common/status.h"
#include "common/time.h"
#include "proto/wire.pb.h"
#include "worker/cluster_view.h"

namespace skybridge::worker {

struct CallOptions {
  // The first repeat comes this long after the request, each later one after twice the time.
  Duration retry_first = std::chrono::seconds(1);
  Duration retry_max = std::chrono::seconds(8);
  // A shard that has no room for so long needs somebody to make some.
  Duration no_room_max = std::chrono::minutes(10);
};

// An answer to one call: either `status` is an error and nothing else is set, or it is OK.
struct Answer {
  uint64_t owner = 0;
  uint64_t call = 0;
  size_t shard = 0;  // Position in the shard map.
  Status status;
  wire::Header header;
  std::string payload;
};

// Requests to shards, each repeated with the same bytes until it is answered for good.
//
// Refusals that time mends (not ready, corrupt on the way, no room, a map or a process that is
// over) are repeated too; others reach the owner, and so does, as kDeadlineExceeded, that there was
// no room for `no_room_max`. Pure state machine.
class Calls {
 public:
  Calls(CallOptions options, const ClusterView& cluster);

  // Sends `header` and `payload` to a shard. Returns the call's number, which its answer carries.
  uint64_t Start(uint64_t owner, size_t shard, wire::Header header, std::string payload,
                 Instant now, Effects* out);
  // Takes a message from a shard. Nothing if no call waits for it (a repeat's answer, a stray).
  std::optional<Answer> Match(wire::Header header, std::string payload, Instant now);
  // Repeats what is due.
  void Tick(Instant now, Effects* out);
  // Another process has taken this shard's place: it gets what the former one has not answered, at
  // once, under the identity that the map gives it now.
  void Resend(size_t shard, Instant now, Effects* out);
  // Forgets one call, or all of `owner`: their answers will be strays.
  void Forget(uint64_t call) { pending_.erase(call); }
  void Drop(uint64_t owner);

  size_t pending() const { return pending_.size(); }
  uint64_t repeats() const { return repeats_; }
  // The call that has waited longest, for people: "pull from shard 2 for 12 s". Empty if none has
  // waited longer than `patience`.
  std::string Overdue(Instant now, Duration patience) const;

 private:
  struct Pending {
    uint64_t owner;
    size_t shard;
    wire::Header header;
    std::string payload;
    Instant started;
    Instant repeat_at;
    Duration backoff;
    std::string refusal;  // Of the last one that time mends.
    std::optional<Instant> no_room_since;
  };
  void Send(const Pending& call, Effects* out) const;
  // Takes a refusal; returns what the owner is told, OK if it is repeated.
  Status Refused(Pending& call, const Status& refusal, Instant now) const;

  const CallOptions options_;
  const ClusterView& cluster_;
  std::map<uint64_t, Pending> pending_;  // By call; ordered, so repeats leave in order.
  uint64_t next_ = 1;
  uint64_t repeats_ = 0;
};

}  // namespace skybridge::worker
