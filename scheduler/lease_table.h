// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "scheduler/lease.h"

namespace skybridge::scheduler {

struct LeaseTableOptions {
  uint32_t returns_max = 5;                           // Of one lease, in one phase.
  Duration return_backoff = std::chrono::seconds(1);  // Doubles with each return of a lease.
};

// A lease in a node's hands.
struct Granted {
  LeaseId lease;
  Attempt attempt{};
  Incarnation node{};
  auto operator<=>(const Granted&) const = default;
};

// How much may be handed out at once.
struct GrantLimits {
  uint32_t per_node = 1;
  uint32_t total = ~uint32_t{0};
};

// The leases of the current phase: pending, granted or done. Each is done exactly once, whoever
// reports it first, and moves to another node under a higher attempt when its holder goes.
//
// Pure state machine; every call may be repeated.
class LeaseTable {
 public:
  explicit LeaseTable(LeaseTableOptions options);

  // Forgets everything and takes the leases of a new phase, to be granted in this order.
  void Begin(const std::vector<LeaseId>& leases);

  // An earlier life of the job did it, under no attempt of this one. Before the first grant.
  // Errors: kNotFound      no lease of this phase.
  //         kAlreadyExists it is done.
  Status MarkDone(const LeaseId& lease);

  // Grants what can be granted now: always the first pending lease, to the node that holds fewest
  // (ties: the first in `nodes`). Returns the new grants, in order.
  std::vector<Granted> Grant(std::span<const Incarnation> nodes, GrantLimits limits, Instant now);

  enum class Report {
    kFirst,        // The lease is done by this report.
    kRepeat,       // This attempt had reported it already.
    kAlreadyDone,  // Another attempt was first.
  };
  // Errors: kNotFound    no lease of this phase.
  //         kOutOfRange  that attempt was never granted.
  Result<Report> Done(const LeaseId& lease, Attempt attempt);

  // The holder cannot do it; `why` says so. It is granted again after a while if a retry can help
  // (kUnavailable, kResourceExhausted). An attempt that no longer holds it changes nothing.
  // Errors: those that end the job: `why` itself with the lease's name.
  Status Return(const LeaseId& lease, Attempt attempt, const Status& why, Instant now);

  // Whoever looks after the job wants it to go on after such an end: leases that were given up are
  // pending again, and every lease may be returned as often as at first.
  void Reopen();

  // Everything this node holds is pending again. Returns what that was.
  std::vector<Granted> Release(Incarnation node);

  std::vector<Granted> granted() const;  // In grant order of the leases.
  bool HoldsAny(Incarnation node) const;
  // That attempt is the one that the lease is granted under.
  bool Holds(const LeaseId& lease, Attempt attempt) const;
  size_t size() const { return slots_.size(); }
  size_t done() const { return done_; }
  bool all_done() const { return done_ == slots_.size(); }
  // Grants of all phases beyond the first of each lease.
  uint64_t regranted() const { return regranted_; }

 private:
  enum class State { kPending, kGranted, kDone };
  struct Slot {
    LeaseId lease;
    State state = State::kPending;
    Attempt attempt{};  // Of the last grant; 0: none yet.
    Attempt finished_by{};
    Incarnation node{};  // While granted.
    uint32_t returns = 0;
    bool given_up = false;
    Instant eligible_at;  // Pending: not before.
  };
  const Slot* Find(const LeaseId& lease) const;
  Slot* Find(const LeaseId& lease);

  const LeaseTableOptions options_;
  std::vector<Slot> slots_;  // In grant order.
  std::map<LeaseId, size_t> positions_;
  size_t done_ = 0;
  uint64_t regranted_ = 0;
};

}  // namespace skybridge::scheduler
