// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/push_checkers.h"

#include <algorithm>
#include <optional>
#include <string>

namespace skybridge::sim {
namespace {

std::string Name(uint32_t shard, const wire::Push& push) {
  return ShardName(shard) + ", phase " + std::to_string(push.phase()) + ", stream " +
         std::to_string(push.stream()) + ", push " + std::to_string(push.sequence());
}

// What a successor asked about: stream or rank, and its attempt.
struct Takeover {
  uint32_t phase;
  uint64_t stream;
  uint32_t attempt;
};

std::optional<Takeover> TakeoverOf(const wire::Header& request) {
  if (request.has_ledger_query()) {
    const wire::LedgerQuery& query = request.ledger_query();
    return Takeover{query.phase(), query.stream(), query.attempt()};
  }
  if (request.has_rank_query()) {
    const wire::RankQuery& query = request.rank_query();
    return Takeover{query.phase(), query.rank(), query.attempt()};
  }
  return std::nullopt;
}

bool FromShard(const Utterance& message) {
  return message.node.kind == NodeKind::kShard && message.request != nullptr &&
         !message.header.has_error();
}

}  // namespace

void HeldSlots::Heard(const Utterance& message) {
  if (message.node.kind != NodeKind::kShard || !message.header.has_cluster_map()) return;
  const wire::ClusterMap& map = message.header.cluster_map();
  for (const wire::ShardEntry& entry : map.shard()) {
    maps_[map.version()][entry.shard()] = {entry.shard(), entry.slot_begin(), entry.slot_end()};
  }
}

HeldSlots::Holding HeldSlots::Of(const Utterance& message) const {
  const uint32_t shard = message.node.index;
  const auto map = maps_.find(message.header.identity().map_version());
  if (map == maps_.end() || !map->second.contains(shard)) return {shard, 0, 0};
  return map->second.at(shard);
}

void AcceptedOnce::Said(const Utterance& message) {
  if (!FromShard(message) || !message.request->has_push()) return;
  if (!message.header.has_push_reply() || message.header.push_reply().duplicate()) return;
  const wire::Push& push = message.request->push();
  if (accepted_.emplace(slots_.Of(message), push.phase(), push.stream(), push.sequence()).second) {
    return;
  }
  Violate(Name(message.node.index, push) + " was taken as new twice");
}

void AcknowledgedStays::Said(const Utterance& message) {
  if (!FromShard(message)) return;
  const wire::Header& request = *message.request;
  if (message.header.has_push_reply() && request.has_push()) {
    const wire::Push& push = request.push();
    acknowledged_[{slots_.Of(message), push.phase(), push.stream()}].insert(push.sequence());
    return;
  }
  const auto takeover = TakeoverOf(request);
  if (!takeover) return;
  const Stream stream{slots_.Of(message), takeover->phase, takeover->stream};
  if (message.header.has_ledger_reply()) CheckLedger(stream, message.header.ledger_reply());
  if (message.header.has_rank_reply()) CheckRank(stream, message.header.rank_reply());
}

void AcknowledgedStays::CheckLedger(const Stream& stream, const wire::LedgerReply& reply) {
  const std::set<uint64_t>& pushes = acknowledged_[stream];
  for (auto it = pushes.lower_bound(reply.next()); it != pushes.end(); ++it) {
    if (std::ranges::count(reply.window(), *it) > 0) continue;
    return Violate(ShardName(std::get<0>(std::get<0>(stream))) + " acknowledged push " +
                   std::to_string(*it) + " of stream " + std::to_string(std::get<2>(stream)) +
                   " in phase " + std::to_string(std::get<1>(stream)) + ", and no longer has it");
  }
}

void AcknowledgedStays::CheckRank(const Stream& rank, const wire::RankReply& reply) {
  const std::set<uint64_t>& clocks = acknowledged_[rank];
  if (clocks.empty() || std::max(reply.accepted(), reply.committed()) >= *clocks.rbegin()) return;
  Violate(ShardName(std::get<0>(std::get<0>(rank))) + " acknowledged clock " +
          std::to_string(*clocks.rbegin()) + " of rank " + std::to_string(std::get<2>(rank)) +
          ", and says it has " + std::to_string(reply.accepted()));
}

void FormerAttempts::Said(const Utterance& message) {
  if (!FromShard(message)) return;
  const wire::Header& request = *message.request;
  const uint32_t shard = message.node.index;
  if (const auto takeover = TakeoverOf(request)) {
    uint32_t& fence = fences_[{shard, takeover->phase, takeover->stream}];
    fence = std::max(fence, takeover->attempt);
    return;
  }
  const auto check = [&](uint32_t phase, uint64_t stream, uint32_t attempt, const char* what) {
    const uint32_t fence = fences_[{shard, phase, stream}];
    if (attempt >= fence) return;
    Violate(ShardName(shard) + " served a " + what + " of attempt " + std::to_string(attempt) +
            " of stream " + std::to_string(stream) + " in phase " + std::to_string(phase) +
            ", which attempt " + std::to_string(fence) + " has taken over");
  };
  if (message.header.has_push_reply() && request.has_push()) {
    const wire::Push& push = request.push();
    if (message.header.push_reply().duplicate()) return;
    return check(push.phase(), push.stream(), push.attempt(), "push");
  }
  if (!lockstep_) return;
  if (message.header.has_pull_reply() && request.has_pull() && !request.pull().read_only()) {
    check(request.pull().phase(), request.pull().rank(), request.pull().attempt(), "pull");
  }
  if (message.header.has_rank_done_reply() && request.has_rank_done()) {
    const wire::RankDone& done = request.rank_done();
    check(done.phase(), done.rank(), done.attempt(), "certificate");
  }
}

void LoggedFirst::Heard(const Utterance& message) {
  if (message.node.kind != NodeKind::kShard) return;
  Shard& heard = heard_[message.node.index];
  if (message.header.has_open_phase()) {
    heard.phase = std::max(heard.phase, message.header.open_phase().phase());
  }
  if (const auto takeover = TakeoverOf(message.header)) {
    uint32_t& attempt = heard.fences[{takeover->phase, takeover->stream}];
    attempt = std::max(attempt, takeover->attempt);
  }
}

void LoggedFirst::Started(NodePlace node) {
  if (node.kind == NodeKind::kShard) logged_[node.index] = heard_[node.index];
}

void LoggedFirst::Said(const Utterance& message) {
  if (!FromShard(message)) return;
  const wire::Header& request = *message.request;
  const auto takeover = TakeoverOf(request);
  Shard& logged = logged_[message.node.index];
  if (message.log_last > message.log_heard) {
    if (request.has_open_phase()) logged.phase = request.open_phase().phase();
    if (takeover) logged.fences[{takeover->phase, takeover->stream}] = takeover->attempt;
    return;
  }
  const auto unlogged = [&](const std::string& what) {
    Violate(ShardName(message.node.index) + " answered, but did not log, " + what);
  };
  if (message.header.has_push_reply() && request.has_push() &&
      !message.header.push_reply().duplicate()) {
    return unlogged(Name(message.node.index, request.push()));
  }
  if (request.has_open_phase() &&
      request.open_phase().phase() > std::max(logged.phase, first_phase_)) {
    return unlogged("the start of phase " + std::to_string(request.open_phase().phase()));
  }
  if (!takeover || takeover->attempt <= logged.fences[{takeover->phase, takeover->stream}]) return;
  unlogged("the fence of attempt " + std::to_string(takeover->attempt));
}

}  // namespace skybridge::sim
