// SPDX-License-Identifier: Apache-2.0
#include "ps/durable_replies.h"

#include <utility>

namespace skybridge::ps {

DurableReplies::~DurableReplies() {
  for (const Held& held : held_) budget_.Give(held.bytes);
}

void DurableReplies::Add(Envelope reply, Effects* out) {
  if (!failure_.ok()) return;
  LetOut(out);
  if (durability_ == Durability::kProcess || log_.last() <= log_.synced()) {
    out->send.push_back(std::move(reply));
    return;
  }
  const uint64_t bytes =
      sizeof(Held) + reply.peer.size() + reply.header.size() + reply.payload.size();
  if (budget_.TryTake(bytes)) {
    held_.push_back({log_.last(), bytes, std::move(reply)});
    return;
  }
  failure_ = log_.Sync();
  if (!failure_.ok()) return;
  LetOut(out);
  out->send.push_back(std::move(reply));
}

void DurableReplies::Advance(Instant now, Effects* out) {
  if (!failure_.ok()) return;
  LetOut(out);
  if (syncing_ || !SyncIsDue(now)) return;
  out->start.push_back(log_.StartSync());
  syncing_ = true;
  last_sync_ = now;
}

bool DurableReplies::SyncIsDue(Instant now) const {
  if (log_.synced() < wanted_) return true;
  if (durability_ == Durability::kPower) return !held_.empty();
  return log_.synced() < log_.last() && now - last_sync_ >= kSyncEvery;
}

bool DurableReplies::Finish(const Task& task) {
  const auto* sync = dynamic_cast<const env::RedoSync*>(&task);
  if (sync == nullptr) return false;
  syncing_ = false;
  if (failure_.ok()) failure_ = log_.FinishSync(*sync);
  return true;
}

void DurableReplies::LetOut(Effects* out) {
  while (!held_.empty() && held_.front().lsn <= log_.synced()) {
    budget_.Give(held_.front().bytes);
    out->send.push_back(std::move(held_.front().reply));
    held_.pop_front();
  }
}

}  // namespace skybridge::ps
