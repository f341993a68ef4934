// SPDX-License-Identifier: Apache-2.0
#include "scheduler/move_driver.h"

#include <algorithm>

#include <fmt/format.h>
#include <glog/logging.h>

#include "proto/envelope.h"
#include "scheduler/shard_phase.h"

namespace skybridge::scheduler {
namespace {

// Above the job's own questions, below those of checkpoint rounds.
constexpr uint64_t kFirstRequest = uint64_t{1} << 62;
constexpr uint32_t kDoublingsMax = 6;

}  // namespace

// Answers to a former scheduler are strays: each term has numbers of its own.
MoveDriver::MoveDriver(const MoveDriverOptions& options, uint32_t term)
    : options_(options), next_request_(kFirstRequest + (uint64_t{term} << 32)) {}

bool MoveDriver::Asks(uint64_t request) {
  return request >= kFirstRequest && request < kFirstRequest * 2;
}

void MoveDriver::Advance(DurableJob& job, bool rounds_rest) {
  const uint32_t map = Number(job.map().version());
  if (map_ != 0 && map_ != map) {  // It has ended, one way or the other.
    const bool made = job.last_move_made() == job.map().version();
    failures_ = made ? 0 : failures_ + 1;
    LOG(INFO) << MoveName(move_) << (made ? " have moved" : " stay") << "; the map is " << map;
    if (!made) {
      rest_until_ = job.now() + options_.backoff * (1 << std::min(failures_ - 1, kDoublingsMax));
    }
    map_ = 0;
  }
  if (job.move()) return Watch(job);
  if (rounds_rest && job.now() >= rest_until_) Begin(job);
}

void MoveDriver::Begin(DurableJob& job) {
  const std::optional<SlotMove> move = job.DueMove();
  if (!move) return;
  job.BeginMove(*move);
  move_ = *move;
  LOG(INFO) << MoveName(move_) << " begin to move";
  map_ = Number(job.map().version());
  request_ = next_request_++;
  ask_at_.reset();
  began_at_ = job.now();
  froze_at_.reset();
}

void MoveDriver::Watch(DurableJob& job) {
  if (froze_at_ && job.now() - *froze_at_ > options_.freeze_max) {
    return job.AbortMove(
        fmt::format("the shards stood still for {:.0f} s", ToSeconds(options_.freeze_max)));
  }
  if (job.now() - began_at_ > options_.limit) {
    job.AbortMove(fmt::format("no end after {:.0f} s", ToSeconds(options_.limit)));
  }
}

std::optional<ShardCall> MoveDriver::Due(const DurableJob& job, Instant now) {
  if (!job.move() || froze_at_ || (ask_at_ && now < *ask_at_)) return std::nullopt;
  ask_at_ = now + options_.repeat;
  return ShardCall{job.move()->target, request_, job.MoveRequest(ShardRequest::Kind::kTakeSlots)};
}

void MoveDriver::Answered(DurableJob& job, uint32_t shard, const wire::Header& reply) {
  if (!job.move() || shard != job.move()->target || reply.request() != request_ || froze_at_) {
    return;
  }
  if (reply.has_error()) {
    const Status judged = JudgeRefusal(shard, {.kind = ShardRequest::Kind::kTakeSlots},
                                       wire::ToStatus(reply.error()));
    if (!judged.ok()) job.AbortMove(judged.ToString());
    return;
  }
  switch (reply.move_reply().state()) {
    case wire::MoveReply::COPYING: ask_at_ = job.now() + options_.poll; return;
    case wire::MoveReply::READY:
    case wire::MoveReply::INSTALLED:
      ask_at_ = job.now() + options_.poll;
      if (!job.FreezeMove()) return;
      froze_at_ = job.now();
      return;
    default:
      return job.AbortMove(fmt::format("shard {} answered with {}: {}", shard,
                                       wire::MoveReply::State_Name(reply.move_reply().state()),
                                       reply.move_reply().failure()));
  }
}

}  // namespace skybridge::scheduler
