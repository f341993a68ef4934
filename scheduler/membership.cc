// SPDX-License-Identifier: Apache-2.0
#include "scheduler/membership.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::scheduler {
namespace {

Status Differs(std::string_view field, std::string_view theirs, std::string_view ours) {
  return Status(StatusCode::kFailedPrecondition, fmt::format("{} {} != {}", field, theirs, ours));
}

Status CheckIn(const Member& member) {
  if (member.live()) return Status();
  return Status(StatusCode::kFenced,
                fmt::format("{}, incarnation {}, is out: {}", NodeName(member.self.key),
                            Number(member.incarnation), member.reason));
}

std::string Hex(uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace

std::string NodeName(NodeKey key) {
  return fmt::format("{} {}", key.role == Role::kShard ? "shard" : "trainer", key.index);
}

Membership::Membership(MembershipOptions options)
    : options_(std::move(options)), shards_(options_.shards) {}

Status Membership::Check(const Registration& asking) const {
  const bool shard = asking.key.role == Role::kShard;
  const uint32_t places = shard ? shards_ : options_.trainers;
  if (asking.key.index >= places) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("{} index {}: the job has {}, numbered from 0",
                              shard ? "shard" : "trainer", asking.key.index, places));
  }
  if (asking.version != options_.version) {
    return Differs("version", asking.version, options_.version);
  }
  if (asking.job_hash != options_.job_hash) {
    return Differs("job hash (its job file or --set is another)", Hex(asking.job_hash),
                   Hex(options_.job_hash));
  }
  if (!shard && asking.dataset_hash != options_.dataset_hash) {
    return Differs(
        "dataset hash (names, sizes, first or last MiB of the data files that it sees are others)",
        Hex(asking.dataset_hash), Hex(options_.dataset_hash));
  }
  if (shard && asking.endpoint.empty()) {
    return Status(StatusCode::kInvalidArgument, "endpoint of a shard is empty");
  }
  return Status();
}

Result<std::optional<Incarnation>> Membership::Register(const Registration& asking, Instant now) {
  Result<std::optional<Incarnation>> settled = Settle(asking, now);
  if (settled) {
    refusals_.erase(asking.key);
  } else if (settled.error().code() != StatusCode::kInvalidArgument) {
    refusals_[asking.key] = settled.error().message();
  }
  return settled;
}

Result<std::optional<Incarnation>> Membership::Settle(const Registration& asking, Instant now) {
  SKY_RETURN_IF_ERROR(Check(asking));
  if (asking.instance == 0) {
    return Status(StatusCode::kFailedPrecondition,
                  "instance is missing: its binary is of another build");
  }
  if (const Member* known = FindInstance(asking)) {
    SKY_RETURN_IF_ERROR(CheckIn(*known));
    return std::optional(known->incarnation);
  }
  const auto held = holders_.find(asking.key);
  if (held != holders_.end() && members_.at(held->second).live()) {
    Member& holder = members_.at(held->second);
    if (now - holder.heard_at <= options_.replace_after) {
      // Silence will tell, as it will of a holder of whom nobody knows whether it lives.
      if (holder.silent || !Outlives(holder, asking, now)) return std::optional<Incarnation>();
      return Status(StatusCode::kFenced,
                    fmt::format("{} is held by the process {} on host {}", NodeName(asking.key),
                                holder.self.pid, holder.self.host));
    }
    Move(holder, NodeState::kDead, "another process registered in its place");
  }
  return std::optional(Admit(asking, now).incarnation);
}

const Member* Membership::FindInstance(const Registration& asking) const {
  for (const auto& [incarnation, member] : members_) {
    if (member.self.key == asking.key && member.self.instance == asking.instance) return &member;
  }
  return nullptr;
}

// Of a holder that died and was replaced at once, messages may be heard when its successor already
// asks: they waited for this scheduler, with the news of its end. One that is heard long after that
// question lives.
bool Membership::Outlives(Member& holder, const Registration& rival, Instant now) const {
  if (!holder.rival || holder.rival->instance != rival.instance) {
    holder.rival = {rival.instance, now};
  }
  return holder.heard_at - holder.rival->asked_at > options_.replace_after;
}

Member& Membership::Admit(const Registration& asking, Instant now) {
  const auto incarnation = Incarnation(next_incarnation_++);
  Member& member = members_[incarnation];
  member.self = asking;
  member.incarnation = incarnation;
  member.heard_at = now;
  holders_[asking.key] = incarnation;
  events_.push_back(
      {asking.key, incarnation, NodeState::kLive,
       fmt::format("{} joined: host {}, pid {}", NodeName(asking.key), asking.host, asking.pid),
       true});
  return member;
}

Status Membership::Hear(Incarnation incarnation, Instant now) {
  const auto it = members_.find(incarnation);
  if (it == members_.end()) {
    return Status(StatusCode::kFenced,
                  fmt::format("incarnation {} was never given", Number(incarnation)));
  }
  Member& member = it->second;
  SKY_RETURN_IF_ERROR(CheckIn(member));
  member.heard_at = std::max(member.heard_at, now);
  member.silent = false;
  if (member.state == NodeState::kSuspect) Move(member, NodeState::kLive, "heard again");
  return Status();
}

void Membership::Leave(Incarnation incarnation, const std::string& reason) {
  const auto it = members_.find(incarnation);
  if (it != members_.end() && it->second.live()) Move(it->second, NodeState::kLeft, reason);
}

void Membership::Exited(const NodeExit& exit) {
  const auto held = holders_.find(exit.place);
  if (held == holders_.end()) return;
  Member& member = members_.at(held->second);
  if (exit.pid && *exit.pid != member.self.pid) return;
  member.ended = true;
  if (member.live()) Move(member, NodeState::kDead, "exited: " + exit.how.message());
}

Duration Membership::Tick(Instant now) {
  Duration moved{0};
  if (ticked_at_ && now - *ticked_at_ > options_.pause_min) moved = now - *ticked_at_;
  ticked_at_ = now;
  if (grace_ends_) grace_ends_ = *grace_ends_ + moved;
  for (auto& [incarnation, member] : members_) {
    if (!member.live()) continue;
    member.heard_at = std::min(member.heard_at + moved, now);
    if (member.rival) member.rival->asked_at = member.rival->asked_at + moved;
    if (grace_ends_ && now < *grace_ends_) continue;
    const Duration silent = now - member.heard_at;
    const std::string reason = fmt::format("silent for {:.0f} s", ToSeconds(silent));
    if (silent > options_.dead_after) {
      Move(member, NodeState::kDead, reason);
    } else if (silent > options_.suspect_after && member.state == NodeState::kLive) {
      Move(member, NodeState::kSuspect, reason);
    }
  }
  return moved;
}

Status Membership::Readmit(const Registration& asking, Incarnation given, Instant at) {
  if (const Status valid = Check(asking); !valid.ok()) {
    return Status(StatusCode::kDataLoss, NodeName(asking.key) + ": " + valid.message());
  }
  if (const Member* holder = Holder(asking.key); holder != nullptr && holder->live()) {
    return Status(StatusCode::kDataLoss, NodeName(asking.key) + " joined while its place was held");
  }
  if (Number(given) != next_incarnation_) {
    return Status(StatusCode::kDataLoss,
                  fmt::format("{} joined as incarnation {}, the next is {}", NodeName(asking.key),
                              Number(given), next_incarnation_));
  }
  Admit(asking, at);
  return Status();
}

Status Membership::Remove(Incarnation incarnation, NodeState state, const std::string& reason) {
  CHECK(state == NodeState::kDead || state == NodeState::kLeft);
  const auto it = members_.find(incarnation);
  if (it == members_.end() || !it->second.live()) {
    return Status(StatusCode::kDataLoss,
                  fmt::format("incarnation {} is gone, but was not in", Number(incarnation)));
  }
  Move(it->second, state, reason);
  return Status();
}

void Membership::Resume(Instant now, Duration grace) {
  grace_ends_ = now + grace;
  for (auto& [incarnation, member] : members_) {
    member.heard_at = now;
    member.silent = true;
  }
}

void Membership::Move(Member& member, NodeState state, const std::string& reason) {
  member.state = state;
  member.reason = reason;
  const Registration& self = member.self;
  events_.push_back({self.key, member.incarnation, state,
                     fmt::format("{} ({} {}, host {}, pid {}) {}", NodeName(self.key),
                                 self.key.role == Role::kShard ? "server" : "worker", self.process,
                                 self.host, self.pid, reason)});
}

std::vector<MemberEvent> Membership::TakeEvents() { return std::exchange(events_, {}); }

const Member* Membership::Find(Incarnation incarnation) const {
  const auto it = members_.find(incarnation);
  return it == members_.end() ? nullptr : &it->second;
}

const Member* Membership::Holder(NodeKey key) const {
  const auto held = holders_.find(key);
  return held == holders_.end() ? nullptr : &members_.at(held->second);
}

std::vector<const Member*> Membership::Live(Role role) const {
  std::vector<const Member*> live;
  for (const auto& [key, incarnation] : holders_) {
    const Member& member = members_.at(incarnation);
    if (key.role == role && member.live()) live.push_back(&member);
  }
  return live;
}

std::vector<const Member*> Membership::Lost() const {
  std::vector<const Member*> lost;
  for (const auto& [key, incarnation] : holders_) {
    const Member& member = members_.at(incarnation);
    if (member.state == NodeState::kDead && !member.ended) lost.push_back(&member);
  }
  return lost;
}

std::string Membership::Refusal(NodeKey key) const {
  const auto it = refusals_.find(key);
  return it == refusals_.end() ? std::string() : it->second;
}

}  // namespace skybridge::scheduler
