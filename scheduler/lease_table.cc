// SPDX-License-Identifier: Apache-2.0
#include "scheduler/lease_table.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::scheduler {
namespace {

// Not TimeMends: this is why a holder could not do its work, not why a peer refused a request. Such
// refusals never end a lease; a file that is damaged ends the job.
bool RetryHelps(StatusCode code) {
  return code == StatusCode::kUnavailable || code == StatusCode::kResourceExhausted;
}

}  // namespace

LeaseTable::LeaseTable(LeaseTableOptions options) : options_(options) {}

void LeaseTable::Begin(const std::vector<LeaseId>& leases) {
  slots_.clear();
  positions_.clear();
  done_ = 0;
  slots_.reserve(leases.size());
  for (const LeaseId& lease : leases) {
    CHECK(positions_.emplace(lease, slots_.size()).second) << LeaseName(lease) << " given twice";
    slots_.push_back({.lease = lease});
  }
}

Status LeaseTable::MarkDone(const LeaseId& lease) {
  Slot* slot = Find(lease);
  if (slot == nullptr) {
    return Status(StatusCode::kNotFound, LeaseName(lease) + " is no lease of this phase");
  }
  if (slot->state == State::kDone) {
    return Status(StatusCode::kAlreadyExists, LeaseName(lease) + " is done");
  }
  CHECK(slot->attempt == Attempt{});
  slot->state = State::kDone;
  ++done_;
  return Status();
}

const LeaseTable::Slot* LeaseTable::Find(const LeaseId& lease) const {
  const auto it = positions_.find(lease);
  return it == positions_.end() ? nullptr : &slots_[it->second];
}

LeaseTable::Slot* LeaseTable::Find(const LeaseId& lease) {
  return const_cast<Slot*>(std::as_const(*this).Find(lease));
}

std::vector<Granted> LeaseTable::Grant(std::span<const Incarnation> nodes, GrantLimits limits,
                                       Instant now) {
  std::vector<uint32_t> held(nodes.size(), 0);
  uint32_t total = 0;
  for (const Slot& slot : slots_) {
    if (slot.state != State::kGranted) continue;
    ++total;
    const auto holder = std::ranges::find(nodes, slot.node);
    if (holder != nodes.end()) ++held[static_cast<size_t>(holder - nodes.begin())];
  }
  std::vector<Granted> grants;
  for (Slot& slot : slots_) {
    if (nodes.empty() || total >= limits.total) break;
    if (slot.state != State::kPending || now < slot.eligible_at) continue;
    const auto idlest = std::ranges::min_element(held);
    if (*idlest >= limits.per_node) break;
    ++*idlest;
    ++total;
    if (slot.attempt != Attempt{}) ++regranted_;
    slot.state = State::kGranted;
    slot.attempt = Attempt(static_cast<uint16_t>(Number(slot.attempt) + 1));
    slot.node = nodes[static_cast<size_t>(idlest - held.begin())];
    grants.push_back({slot.lease, slot.attempt, slot.node});
  }
  return grants;
}

Result<LeaseTable::Report> LeaseTable::Done(const LeaseId& lease, Attempt attempt) {
  Slot* slot = Find(lease);
  if (slot == nullptr) {
    return Status(StatusCode::kNotFound, LeaseName(lease) + " is no lease of this phase");
  }
  if (attempt == Attempt{} || attempt > slot->attempt) {
    return Status(StatusCode::kOutOfRange, fmt::format("{}: attempt {} was never granted",
                                                       LeaseName(lease), Number(attempt)));
  }
  if (slot->state == State::kDone) {
    return slot->finished_by == attempt ? Report::kRepeat : Report::kAlreadyDone;
  }
  slot->state = State::kDone;
  slot->finished_by = attempt;
  ++done_;
  CHECK_LE(done_, slots_.size());
  return Report::kFirst;
}

Status LeaseTable::Return(const LeaseId& lease, Attempt attempt, const Status& why, Instant now) {
  if (!Holds(lease, attempt)) return Status();
  Slot* slot = Find(lease);
  slot->given_up = true;
  if (!RetryHelps(why.code())) return why.WithContext(LeaseName(lease));
  if (++slot->returns > options_.returns_max) {
    return why.WithContext(
        fmt::format("{}, given up after {} returns", LeaseName(lease), slot->returns));
  }
  slot->given_up = false;
  slot->state = State::kPending;
  slot->eligible_at = now + options_.return_backoff * (1 << std::min(slot->returns - 1, 10u));
  return Status();
}

void LeaseTable::Reopen() {
  for (Slot& slot : slots_) {
    slot.returns = 0;
    if (std::exchange(slot.given_up, false) && slot.state == State::kGranted) {
      slot.state = State::kPending;
    }
  }
}

std::vector<Granted> LeaseTable::Release(Incarnation node) {
  std::vector<Granted> released;
  for (Slot& slot : slots_) {
    if (slot.state != State::kGranted || slot.node != node) continue;
    slot.state = State::kPending;
    released.push_back({slot.lease, slot.attempt, slot.node});
  }
  return released;
}

std::vector<Granted> LeaseTable::granted() const {
  std::vector<Granted> granted;
  for (const Slot& slot : slots_) {
    if (slot.state == State::kGranted) granted.push_back({slot.lease, slot.attempt, slot.node});
  }
  return granted;
}

bool LeaseTable::Holds(const LeaseId& lease, Attempt attempt) const {
  const Slot* slot = Find(lease);
  return slot != nullptr && slot->state == State::kGranted && slot->attempt == attempt;
}

bool LeaseTable::HoldsAny(Incarnation node) const {
  return std::ranges::any_of(slots_, [node](const Slot& slot) {
    return slot.state == State::kGranted && slot.node == node;
  });
}

}  // namespace skybridge::scheduler
