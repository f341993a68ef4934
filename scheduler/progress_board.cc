// SPDX-License-Identifier: Apache-2.0
#include "scheduler/progress_board.h"

#include <algorithm>

namespace skybridge::scheduler {
namespace {

void Add(WorkDone& sum, const WorkDone& part) {
  sum.examples += part.examples;
  sum.loss_sum += part.loss_sum;
  sum.done += part.done;
}

uint64_t Minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

}  // namespace

void ProgressBoard::BeginPhase(const ProgressScale& scale, Instant now) {
  scale_ = scale;
  began_at_ = now;
  leases_done_ = 0;
  finished_ = {};
  in_hand_.clear();
  samples_.assign(1, {now, 0, 0});
}

void ProgressBoard::Heartbeat(Incarnation node, const WorkDone& in_hand, Instant now) {
  in_hand_[node] = in_hand;
  const WorkDone sum = Sum();
  samples_.push_back({now, sum.examples, sum.loss_sum});
  // One sample at or beyond the window's edge stays, as the start of the difference.
  while (samples_.size() > 2 && now - samples_[1].at >= window_) samples_.pop_front();
}

void ProgressBoard::LeaseDone(Incarnation node, const WorkDone& lease) {
  ++leases_done_;
  Add(finished_, lease);
  // The node's last heartbeat counted a part of it as in hand.
  WorkDone& rest = in_hand_[node];
  rest.examples = Minus(rest.examples, lease.examples);
  rest.loss_sum = std::max(0.0, rest.loss_sum - lease.loss_sum);
  rest.done = Minus(rest.done, lease.done);
}

void ProgressBoard::NodeGone(Incarnation node) {
  const auto it = in_hand_.find(node);
  if (it == in_hand_.end()) return;
  it->second.done = 0;
  Add(finished_, it->second);
  in_hand_.erase(it);
}

WorkDone ProgressBoard::Sum() const {
  WorkDone sum = finished_;
  for (const auto& [node, work] : in_hand_) Add(sum, work);
  return sum;
}

uint64_t ProgressBoard::DoneOf(const WorkDone& sum) const {
  const uint64_t here =
      scale_.by_leases ? leases_done_ : sum.done / std::max<uint64_t>(1, scale_.divisor);
  return std::min(scale_.base + here, scale_.total);
}

JobProgress ProgressBoard::Snapshot(Instant now) const {
  const WorkDone sum = Sum();
  JobProgress progress{.phase = scale_.phase, .done = DoneOf(sum), .total = scale_.total};
  progress.examples = sum.examples;
  if (samples_.size() >= 2) {
    const Sample& first = samples_.front();
    const Sample& last = samples_.back();
    const double seconds = ToSeconds(last.at - first.at);
    const double examples =
        static_cast<double>(last.examples) - static_cast<double>(first.examples);
    if (seconds > 0 && examples > 0) {
      progress.examples_per_second = examples / seconds;
      if (!scale_.by_leases) progress.mean_loss = (last.loss_sum - first.loss_sum) / examples;
    }
  }
  const double elapsed = ToSeconds(now - began_at_);
  if (progress.done > scale_.base && elapsed > 0) {
    const auto here = static_cast<double>(progress.done - scale_.base);
    progress.seconds_left = static_cast<double>(progress.total - progress.done) * elapsed / here;
  }
  return progress;
}

}  // namespace skybridge::scheduler
