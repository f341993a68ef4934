// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/ids.h"
#include "scheduler/lease.h"
#include "scheduler/lease_table.h"
#include "scheduler/phase_plan.h"

namespace skybridge::scheduler {

// Lockstep: one lease per rank.
std::vector<LeaseId> RankLeases(Phase phase, uint32_t ranks);

// Otherwise: every partition that has batches, epoch by epoch; within an epoch in an order keyed
// by (seed, epoch).
std::vector<LeaseId> PartitionLeases(const PhaseStep& step, uint64_t seed,
                                     std::span<const uint64_t> batches);

// A rank starts (again) to take part, or stops: what the shards must know to bound staleness.
struct RankChange {
  uint32_t rank = 0;
  uint32_t changes = 0;  // How often it has done either: odd, it takes no part.
  bool operator==(const RankChange&) const = default;
};

// Outside lockstep: which rank each lease in a node's hands trains under. No two leases share a
// rank; a node keeps its rank from lease to lease where it can; a rank without a lease is retired,
// so that nobody waits for it. Pure state machine.
class TrainingDealer {
 public:
  // At the begin of a phase no rank is retired.
  explicit TrainingDealer(uint32_t ranks);

  // The leases that are now in nodes' hands. Gives ranks to those that have none, and takes them
  // from those that are no longer there. Returns what changed for the shards, in rank order.
  // At most `ranks` leases.
  std::vector<RankChange> Settle(std::span<const Granted> granted);

  // The rank of a lease that the last Settle contained.
  uint32_t RankOf(const LeaseId& lease) const;

 private:
  struct Seat {
    std::optional<Granted> lease;
    Incarnation last_node{};
    uint32_t changes = 0;
  };
  uint32_t Choose(Incarnation node) const;

  std::vector<Seat> seats_;  // By rank.
};

}  // namespace skybridge::scheduler
