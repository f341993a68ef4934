// SPDX-License-Identifier: Apache-2.0
#include "scheduler/shard_calls.h"

#include <algorithm>

namespace skybridge::scheduler {

std::string RequestName(ShardRequest::Kind kind) {
  switch (kind) {
    case ShardRequest::Kind::kOpenPhase: return "OpenPhase";
    case ShardRequest::Kind::kClosePhase: return "ClosePhase";
    case ShardRequest::Kind::kCloseStream: return "CloseStream";
    case ShardRequest::Kind::kRetireRank: return "RetireRank";
    case ShardRequest::Kind::kTableHash: return "TableHash";
    case ShardRequest::Kind::kPrepareRound: return "PrepareRound";
    case ShardRequest::Kind::kCutRound: return "CutRound";
    case ShardRequest::Kind::kCollectRound: return "CollectRound";
    case ShardRequest::Kind::kEndRound: return "EndRound";
    case ShardRequest::Kind::kTakeSlots: return "TakeSlots";
    case ShardRequest::Kind::kFreezeSlots: return "FreezeSlots";
    case ShardRequest::Kind::kInstallSlots: return "InstallSlots";
  }
  return "unknown request";
}

ShardCalls::ShardCalls(uint32_t shards, Duration repeat, Duration poll, uint64_t first_request)
    : repeat_(repeat), poll_(poll), queues_(shards), held_(shards), next_request_(first_request) {}

void ShardCalls::AskAll(const ShardRequest& what) {
  for (std::deque<Pending>& queue : queues_) queue.push_back({next_request_++, what, {}});
}

void ShardCalls::Ask(uint32_t shard, const ShardRequest& what) {
  queues_[shard].push_back({next_request_++, what, {}});
}

void ShardCalls::Forget(ShardRequest::Kind kind) {
  for (std::deque<Pending>& queue : queues_) {
    std::erase_if(queue, [&](const Pending& pending) { return pending.what.kind == kind; });
  }
}

void ShardCalls::SetShards(uint32_t shards) {
  queues_.resize(shards);
  held_.resize(shards);
}

std::vector<ShardCall> ShardCalls::Due(Instant now) {
  std::vector<ShardCall> due;
  for (uint32_t shard = 0; shard < queues_.size(); ++shard) {
    if (queues_[shard].empty() || held_[shard]) continue;
    Pending& first = queues_[shard].front();
    if (first.due_at && now < *first.due_at) continue;
    first.due_at = now + repeat_;
    due.push_back({shard, first.request, first.what});
  }
  return due;
}

std::optional<ShardRequest> ShardCalls::Waiting(uint32_t shard, uint64_t request) const {
  if (shard >= queues_.size() || queues_[shard].empty()) return std::nullopt;
  const Pending& first = queues_[shard].front();
  // One that was never sent cannot be answered.
  if (first.request != request || !first.due_at) return std::nullopt;
  return first.what;
}

std::optional<ShardRequest> ShardCalls::Answered(uint32_t shard, uint64_t request) {
  std::optional<ShardRequest> what = Waiting(shard, request);
  if (what) queues_[shard].pop_front();
  return what;
}

void ShardCalls::NotYet(uint32_t shard, uint64_t request, Instant now) {
  if (Waiting(shard, request)) queues_[shard].front().due_at = now + poll_;
}

void ShardCalls::Release(uint32_t shard) {
  if (shard >= queues_.size()) return;
  held_[shard] = false;
  if (!queues_[shard].empty()) queues_[shard].front().due_at.reset();
}

void ShardCalls::Clear() {
  for (std::deque<Pending>& queue : queues_) queue.clear();
}

bool ShardCalls::idle() const {
  return std::ranges::all_of(queues_, [](const auto& queue) { return queue.empty(); });
}

}  // namespace skybridge::scheduler
