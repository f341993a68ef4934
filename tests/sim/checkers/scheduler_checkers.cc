// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/scheduler_checkers.h"

#include <algorithm>
#include <string>

#include "common/rng.h"
#include "scheduler/durable_job.h"
#include "scheduler/scheduler_codec.h"
#include "scheduler/scheduler_node.h"

namespace skybridge::sim {
namespace {

constexpr uint64_t kOneGrantIn = 12;    // Is looked up in the log.
constexpr uint64_t kPrefixesTried = 3;  // Of the log, besides the whole.

std::string Name(const wire::Lease& lease) {
  return "lease (phase " + std::to_string(lease.phase()) + ", " +
         wire::LeaseKind_Name(lease.kind()) + " " + std::to_string(lease.unit()) + ")";
}

}  // namespace

// ---------------------------------------------------------------- leases

LeasesDoneOnce::Lease LeasesDoneOnce::LeaseOf(const wire::Lease& lease) {
  return {lease.phase(), lease.kind(), lease.unit()};
}

void LeasesDoneOnce::Said(const Utterance& message) {
  if (message.node.kind != NodeKind::kScheduler || !message.header.has_grant()) return;
  const wire::Grant& grant = message.header.grant();
  const uint64_t node = message.header.identity().target_incarnation();
  Held& held = held_[LeaseOf(grant.lease())];
  if (grant.attempt() == held.attempt && node != held.node) {
    Violate(Name(grant.lease()) + ": attempt " + std::to_string(grant.attempt()) +
            " was granted to node " + std::to_string(held.node) + " and to node " +
            std::to_string(node));
  }
  if (grant.attempt() < held.attempt) {
    Violate(Name(grant.lease()) + ": attempt " + std::to_string(grant.attempt()) +
            " was granted after attempt " + std::to_string(held.attempt));
  }
  held = {grant.attempt(), node};
}

void LeasesDoneOnce::Kept(const history::Entry& entry, Instant) {
  const bool works = entry.has_lease_done() || entry.has_lease_returned() ||
                     entry.has_shard_answered() || entry.has_advanced() || entry.has_job_ended();
  if (ended_ && works) Violate("the job went on after its end");
  switch (entry.body_case()) {
    case history::Entry::kNodeJoined: live_.insert(entry.node_joined().incarnation()); break;
    case history::Entry::kNodeGone: live_.erase(entry.node_gone().incarnation()); break;
    case history::Entry::kJobEnded: ended_ = true; break;
    case history::Entry::kLeaseReturned:
      return CheckReporter(entry.lease_returned().node(),
                           entry.lease_returned().returned().lease());
    case history::Entry::kLeaseDone: {
      const wire::Lease& lease = entry.lease_done().done().lease();
      CheckReporter(entry.lease_done().node(), lease);
      if (!done_.insert(LeaseOf(lease)).second) Violate(Name(lease) + " was done twice");
      return;
    }
    default: break;
  }
}

void LeasesDoneOnce::CheckReporter(uint64_t node, const wire::Lease& lease) {
  if (live_.contains(node)) return;
  Violate(Name(lease) + " was taken back from node " + std::to_string(node) + ", which is out");
}

// ---------------------------------------------------------------- history

void HistoryReplays::Said(const Utterance& message) {
  if (message.node.kind != NodeKind::kScheduler || !message.header.has_grant()) return;
  const wire::Grant& grant = message.header.grant();
  const wire::Lease& lease = grant.lease();
  if (!granted_.emplace(lease.phase(), lease.kind(), lease.unit(), grant.attempt()).second) return;
  Rng rng(seed_, Purpose::kSimulation, granted_.size(), 9);
  if (rng.Below(kOneGrantIn) > 0) return;
  CheckGrant(grant, message.header.identity().target_incarnation());
}

void HistoryReplays::CheckGrant(const wire::Grant& grant, uint64_t node) {
  const auto job = scheduler::DurableJob::Restore(options_, records_);
  if (!job) return Violate("the log does not replay: " + job.error().ToString());
  const scheduler::Granted said =
      scheduler::FromWire(grant.lease(), grant.attempt(), Incarnation(node));
  if (std::ranges::count((*job)->run().granted(), said) > 0) return;
  Violate(Name(grant.lease()) + ": attempt " + std::to_string(grant.attempt()) +
          " was granted to node " + std::to_string(node) + ", but the log does not say so");
}

void HistoryReplays::Ended() {
  Rng rng(seed_, Purpose::kSimulation, 0, 10);
  for (uint64_t i = 0; i <= kPrefixesTried; ++i) {
    const size_t length = i == 0 ? records_.size() : rng.Below(records_.size() + 1);
    const auto node =
        scheduler::SchedulerNode::Restore(options_, std::span(records_).first(length));
    if (node) continue;
    return Violate("the first " + std::to_string(length) + " of " +
                   std::to_string(records_.size()) +
                   " records do not replay: " + node.error().ToString());
  }
}

// ---------------------------------------------------------------- progress

void Progress::Said(const Utterance& message) {
  const bool accepted = message.header.has_push_reply() && !message.header.push_reply().duplicate();
  if (accepted || message.header.has_scan_reply()) moved_at_ = message.now;
}

void Progress::Kept(const history::Entry& entry, Instant now) {
  switch (entry.body_case()) {
    case history::Entry::kLeaseDone:
    case history::Entry::kShardAnswered:
    case history::Entry::kJobBegun:
    case history::Entry::kJobEnded:
    case history::Entry::kAdvanced: moved_at_ = now; return;
    default: return;  // Coming and going is no progress.
  }
}

void Progress::Passed(Instant now) {
  const Instant since = std::max(moved_at_, calm_at_);
  if (now - since <= pause_max_) return;
  Violate("faults ended, and nothing was done for " +
          std::to_string((now - since) / std::chrono::seconds(1)) + " s");
}

}  // namespace skybridge::sim
