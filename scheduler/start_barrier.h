// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "common/status.h"
#include "common/time.h"
#include "scheduler/membership.h"

namespace skybridge::scheduler {

struct StartBarrierOptions {
  uint32_t servers = 1;
  uint32_t shards = 1;
  uint32_t workers = 1;
  uint32_t trainers = 1;
  Duration timeout = std::chrono::seconds(300);
  Duration line_every = std::chrono::seconds(5);
};

// Holds the job back until every shard and every trainer is live, and never in silence
// (docs/protocol.md, M4). Opens once and stays open. Pure state machine.
class StartBarrier {
 public:
  explicit StartBarrier(StartBarrierOptions options);

  // Looks at who is in. A line for people when one is due:
  // "waiting 35 s for 2 of 12: server 3 (never heard), worker 7 (refused: ...)".
  // Errors: kDeadlineExceeded with the same list once the timeout has passed.
  Result<std::optional<std::string>> Tick(const Membership& membership, Instant now);
  // This process was stopped for `gap`: deadlines move.
  void Shift(Duration gap);

  bool open() const { return open_; }
  // Everybody is in.
  bool Complete(const Membership& membership) const { return CountMissing(membership) == 0; }
  // "server 3 (shard 5, never heard), worker 7 (refused: ...)", or empty; of many only some by
  // name.
  std::string Missing(const Membership& membership) const;

 private:
  std::string Describe(NodeKey key, const Membership& membership) const;
  uint32_t CountMissing(const Membership& membership) const;

  const StartBarrierOptions options_;
  std::optional<Instant> began_at_;
  Instant line_at_;
  bool open_ = false;
};

}  // namespace skybridge::scheduler
