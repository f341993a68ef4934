// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "common/ids.h"
#include "common/time.h"
#include "scheduler/job_result.h"
#include "scheduler/lease.h"

namespace skybridge::scheduler {

// What a phase's work is counted in.
struct ProgressScale {
  std::string phase;
  uint64_t base = 0;      // Done before the phase began.
  uint64_t total = 0;     // When the work is complete.
  bool by_leases = true;  // One per lease; else what nodes report, divided by `divisor`.
  uint64_t divisor = 1;
};

// Adds up what nodes report while they work, for the live line. Reports are sums over what a node
// has in hand; finished leases are added here. Figures are for people: they may lag by a heartbeat
// and lose a little when a node dies. Pure state machine.
class ProgressBoard {
 public:
  explicit ProgressBoard(Duration window = std::chrono::seconds(10)) : window_(window) {}

  void BeginPhase(const ProgressScale& scale, Instant now);
  void Heartbeat(Incarnation node, const WorkDone& in_hand, Instant now);
  void LeaseDone(Incarnation node, const WorkDone& lease);
  // What it had in hand begins again elsewhere; the examples were computed all the same.
  void NodeGone(Incarnation node);

  // Fills phase, done, total, examples, rate, loss and time left.
  JobProgress Snapshot(Instant now) const;

 private:
  struct Sample {
    Instant at;
    uint64_t examples;
    double loss_sum;
  };
  WorkDone Sum() const;
  uint64_t DoneOf(const WorkDone& sum) const;

  const Duration window_;
  ProgressScale scale_{.phase = "waiting"};
  Instant began_at_;
  uint64_t leases_done_ = 0;
  WorkDone finished_;
  std::map<Incarnation, WorkDone> in_hand_;  // Ordered: floats are added in this order.
  std::deque<Sample> samples_;               // Oldest first; the last `window_`.
};

}  // namespace skybridge::scheduler
