// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "common/node.h"
#include "scheduler/scheduler_options.h"
#include "tests/sim/checkers/checker.h"

namespace skybridge::sim {

// I15: an attempt of a lease has one holder, a later one has a higher number; a lease is done once;
// only nodes that are in report.
class LeasesDoneOnce : public Checker {
 public:
  LeasesDoneOnce() : Checker("I15") {}
  void Said(const Utterance& message) override;
  void Kept(const history::Entry& entry, Instant now) override;

 private:
  using Lease = std::tuple<uint32_t, int, uint64_t>;  // Phase, kind, unit.
  struct Held {
    uint32_t attempt = 0;
    uint64_t node = 0;
  };
  static Lease LeaseOf(const wire::Lease& lease);
  void CheckReporter(uint64_t node, const wire::Lease& lease);

  std::map<Lease, Held> held_;  // The latest.
  std::set<Lease> done_;
  std::set<uint64_t> live_;  // Incarnations.
  bool ended_ = false;
};

// I14 and I18, of the scheduler: what it says of leases follows from what it kept, and every prefix
// of what it kept is a job that can go on. Both by replay, so some are drawn.
class HistoryReplays : public Checker {
 public:
  // `records`: all that were kept so far; outlives this.
  HistoryReplays(uint64_t seed, scheduler::SchedulerNodeOptions options,
                 const std::vector<Record>& records)
      : Checker("I18"), seed_(seed), options_(std::move(options)), records_(records) {}
  void Said(const Utterance& message) override;
  void Ended() override;

 private:
  void CheckGrant(const wire::Grant& grant, uint64_t node);

  const uint64_t seed_;
  const scheduler::SchedulerNodeOptions options_;
  const std::vector<Record>& records_;
  std::set<std::tuple<uint32_t, int, uint64_t, uint32_t>> granted_;  // Seen, with attempts.
};

// I11: once faults have ended and their last victims can be back, something is done every so often.
class Progress : public Checker {
 public:
  Progress(Instant calm_at, Duration pause_max)
      : Checker("I11"), calm_at_(calm_at), pause_max_(pause_max) {}
  void Said(const Utterance& message) override;
  void Kept(const history::Entry& entry, Instant now) override;
  void Passed(Instant now) override;

 private:
  const Instant calm_at_;
  const Duration pause_max_;
  Instant moved_at_;
};

}  // namespace skybridge::sim
