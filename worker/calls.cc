// SPDX-License-Identifier: Apache-2.0
#include "worker/calls.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proto/envelope.h"

namespace skybridge::worker {
Calls::Calls(CallOptions options, const ClusterView& cluster)
    : options_(options), cluster_(cluster) {}

void Calls::Send(const Pending& call, Effects* out) const {
  wire::Header header = call.header;
  *header.mutable_identity() = cluster_.IdentityFor(call.shard);
  out->send.push_back(
      wire::Seal(cluster_.map.shards()[call.shard].endpoint, std::move(header), call.payload));
}

uint64_t Calls::Start(uint64_t owner, size_t shard, wire::Header header, std::string payload,
                      Instant now, Effects* out) {
  const uint64_t call = next_++;
  header.set_request(call);
  Pending pending{owner,
                  shard,
                  std::move(header),
                  std::move(payload),
                  now,
                  now + options_.retry_first,
                  options_.retry_first};
  Send(pending, out);
  pending_.emplace(call, std::move(pending));
  return call;
}

std::optional<Answer> Calls::Match(wire::Header header, std::string payload, Instant now) {
  const auto it = pending_.find(header.request());
  if (it == pending_.end()) return std::nullopt;
  Pending& call = it->second;
  Answer answer{.owner = call.owner, .call = it->first, .shard = call.shard};
  if (header.has_error()) {
    answer.status = Refused(call, wire::ToStatus(header.error()), now);
    if (answer.status.ok()) return std::nullopt;
  }
  pending_.erase(it);
  answer.header = std::move(header);
  answer.payload = std::move(payload);
  return answer;
}

Status Calls::Refused(Pending& call, const Status& refusal, Instant now) const {
  if (!TimeMends(refusal.code())) return refusal;
  if (refusal.code() != StatusCode::kResourceExhausted) {
    call.no_room_since.reset();
  } else if (!call.no_room_since) {
    call.no_room_since = now;
  } else if (now - *call.no_room_since >= options_.no_room_max) {
    return {StatusCode::kDeadlineExceeded,
            fmt::format("no room on shard {} for {:.0f} s: {}", call.shard,
                        ToSeconds(now - *call.no_room_since), refusal.message())};
  }
  call.refusal = refusal.ToString();
  // Sooner than silence would: the shard is alive.
  call.repeat_at = std::min(call.repeat_at, now + options_.retry_first / 16);
  return {};
}

void Calls::Tick(Instant now, Effects* out) {
  for (auto& [number, call] : pending_) {
    if (now < call.repeat_at) continue;
    ++repeats_;
    call.backoff = std::min(call.backoff * 2, options_.retry_max);
    call.repeat_at = now + call.backoff;
    Send(call, out);
  }
}

void Calls::Resend(size_t shard, Instant now, Effects* out) {
  for (auto& [number, call] : pending_) {
    if (call.shard != shard) continue;
    ++repeats_;
    call.backoff = options_.retry_first;
    call.repeat_at = now + call.backoff;
    Send(call, out);
  }
}

void Calls::Drop(uint64_t owner) {
  std::erase_if(pending_, [owner](const auto& entry) { return entry.second.owner == owner; });
}

std::string Calls::Overdue(Instant now, Duration patience) const {
  const auto by_start = [](const auto& a, const auto& b) {
    return a.second.started < b.second.started;
  };
  const auto oldest = std::ranges::min_element(pending_, by_start);
  if (oldest == pending_.end() || now - oldest->second.started < patience) return {};
  const Pending& call = oldest->second;
  const auto* body = call.header.GetReflection()->GetOneofFieldDescriptor(
      call.header, call.header.GetDescriptor()->FindOneofByName("body"));
  return (body != nullptr ? body->name() : std::string("request")) + " to shard " +
         std::to_string(call.shard) + " unanswered for " +
         std::to_string(static_cast<int64_t>(ToSeconds(now - call.started))) + " s" +
         (call.refusal.empty() ? "" : "; last refused: " + call.refusal);
}

}  // namespace skybridge::worker
