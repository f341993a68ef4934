// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/view_checkers.h"

#include <algorithm>
#include <string>

namespace skybridge::sim {

void CommittedTogether::Said(const Utterance& message) {
  if (message.node.kind == NodeKind::kScheduler && message.header.has_cluster_map() &&
      message.header.cluster_map().version() > map_) {
    map_ = message.header.cluster_map().version();
    const auto members = static_cast<uint32_t>(message.header.cluster_map().shard_size());
    for (auto shard = static_cast<uint32_t>(last_.size()); shard < members; ++shard) {
      // It stands where one stood that gave it slots.
      last_.push_back(committed_(shard).value_or(std::ranges::max(last_)));
      told_[shard] = last_.back();
    }
    last_.resize(members);
  }
  if (message.node.kind != NodeKind::kShard) return;
  uint64_t& told = told_[message.node.index];
  if (message.header.has_pull_reply()) {
    told = std::max(told, message.header.pull_reply().committed());
  }
  if (message.header.has_rank_reply()) {
    told = std::max(told, message.header.rank_reply().committed());
  }
}

void CommittedTogether::Started(NodePlace node) {
  if (cuts_ && node.kind == NodeKind::kShard && node.index < last_.size()) {
    last_[node.index] = told_[node.index];
  }
}

void CommittedTogether::Passed(Instant) {
  for (uint32_t shard = 0; shard < last_.size(); ++shard) {
    const auto now = committed_(shard);
    if (!now || *now == last_[shard]) continue;
    if (*now < last_[shard]) {
      Violate(ShardName(shard) + " went back from clock " + std::to_string(last_[shard]) + " to " +
              std::to_string(*now));
    }
    last_[shard] = *now;
    const auto [low, high] = std::ranges::minmax(last_);
    if (high > low + 1) {
      Violate("a shard committed clock " + std::to_string(high) + " while another is at " +
              std::to_string(low));
    }
  }
}

void PullsSeeTheirClock::Heard(const Utterance& message) {
  if (message.node.kind != NodeKind::kShard) return;
  // It was told of no retirement before: it takes that over with the rest.
  if (message.header.has_take_slots() && message.header.take_slots().whole()) {
    shards_[message.node.index].joined = true;
  }
  if (message.header.has_open_phase()) {
    ranks_[message.header.open_phase().phase()] = message.header.open_phase().ranks();
  }
  if (message.header.has_pull() && !message.header.pull().read_only()) {
    const wire::Pull& pull = message.header.pull();
    NoteProgress(pull.phase(), pull.rank(), pull.done());
  }
  if (message.header.has_rank_done()) {
    const wire::RankDone& done = message.header.rank_done();
    NoteProgress(done.phase(), done.rank(), done.done());
  }
  if (message.header.has_retire_rank()) {
    const wire::RetireRank& retire = message.header.retire_rank();
    uint32_t& told = shards_[message.node.index].told[{retire.phase(), retire.rank()}];
    told = std::max(told, retire.changes());
  }
}

void PullsSeeTheirClock::Started(NodePlace node) {
  if (node.kind != NodeKind::kShard) return;
  Shard& shard = shards_[node.index];
  for (const auto& [rank, changes] : shard.told) {
    if (changes > shard.changes[rank]) shard.shifted.insert(rank);
  }
  shard.told.clear();
}

void PullsSeeTheirClock::NoteProgress(uint32_t phase, uint32_t rank, uint64_t done) {
  uint64_t& most = done_[{phase, rank}];
  most = std::max(most, done);
}

void PullsSeeTheirClock::NoteRetirement(const Utterance& message) {
  const wire::RetireRank& retire = message.request->retire_rank();
  Shard& shard = shards_[message.node.index];
  const PhaseRank rank{retire.phase(), retire.rank()};
  shard.told.erase(rank);
  if (!message.header.has_phase_reply()) return;
  shard.changes[rank] = std::max(shard.changes[rank], retire.changes());
  if (shard.changes[rank] > 1) shard.shifted.insert(rank);
}

void PullsSeeTheirClock::Said(const Utterance& message) {
  if (message.node.kind != NodeKind::kShard || message.request == nullptr) return;
  if (message.request->has_retire_rank()) return NoteRetirement(message);
  if (!message.header.has_pull_reply() || !message.request->has_pull()) return;
  const wire::Pull& pull = message.request->pull();
  const uint64_t committed = message.header.pull_reply().committed();
  if (pull.read_only()) {
    if (pull.expect_committed() == 0 || pull.expect_committed() == committed) return;
    return Violate(ShardName(message.node.index) + " read at clock " + std::to_string(committed) +
                   " for one who expects " + std::to_string(pull.expect_committed()));
  }
  if (staleness_ > 0) return CheckBound(message);
  if (staleness_ < 0 || committed + 1 == pull.clock()) return;
  Violate(ShardName(message.node.index) + " answered rank " + std::to_string(pull.rank()) +
          "'s pull for clock " + std::to_string(pull.clock()) + " at clock " +
          std::to_string(committed));
}

void PullsSeeTheirClock::CheckBound(const Utterance& message) {
  const wire::Pull& pull = message.request->pull();
  Shard& shard = shards_[message.node.index];
  if (pull.clock() == 0 || shard.joined) return;
  for (uint32_t rank = 0; rank < ranks_[pull.phase()]; ++rank) {
    const PhaseRank other{pull.phase(), rank};
    if (shard.changes[other] % 2 == 1 || shard.shifted.contains(other)) continue;
    const uint64_t done = done_[other];
    if (pull.clock() - 1 <= done + static_cast<uint64_t>(staleness_)) continue;
    return Violate(ShardName(message.node.index) + " answered rank " + std::to_string(pull.rank()) +
                   "'s pull for clock " + std::to_string(pull.clock()) + " in phase " +
                   std::to_string(pull.phase()) + ", but rank " + std::to_string(rank) +
                   " has done " + std::to_string(done) + ", and the bound is " +
                   std::to_string(staleness_));
  }
}

void MemoryBounded::Said(const Utterance& message) {
  if (message.node.kind != NodeKind::kShard || !message.header.has_heartbeat()) return;
  const uint64_t bytes = message.header.heartbeat().memory_bytes();
  if (bytes <= bytes_max_) return;
  Violate(ShardName(message.node.index) + " has " + std::to_string(bytes) + " bytes, at most " +
          std::to_string(bytes_max_) + " are allowed");
}

void FormerTimes::Said(const Utterance& message) {
  if (message.node.kind != NodeKind::kShard || message.request == nullptr) return;
  if (message.header.has_error()) return;
  CheckRequest(message);
}

// The answer says who the shard is now.
void FormerTimes::CheckRequest(const Utterance& message) {
  const wire::Identity& asked = message.request->identity();
  const wire::Identity& self = message.header.identity();
  const auto stale = [&](const char* what, uint64_t theirs, uint64_t ours) {
    Violate(ShardName(message.node.index) + " served a request for " + what + " " +
            std::to_string(theirs) + ", it is at " + std::to_string(ours));
  };
  if (asked.target_incarnation() != 0 && asked.target_incarnation() != self.sender_incarnation()) {
    return stale("incarnation", asked.target_incarnation(), self.sender_incarnation());
  }
  if (asked.generation() != self.generation()) {
    return stale("generation", asked.generation(), self.generation());
  }
  if (message.peer == kSchedulerName) {
    if (asked.term() < self.term()) stale("term", asked.term(), self.term());
    return;
  }
  // Maps may change while a pull is parked.
  if (!message.parked && asked.map_version() != self.map_version()) {
    stale("map", asked.map_version(), self.map_version());
  }
}

}  // namespace skybridge::sim
