// SPDX-License-Identifier: Apache-2.0
#include "ps/staleness_gate.h"

#include <algorithm>
#include <string>

namespace skybridge::ps {

StalenessGate::StalenessGate(uint32_t ranks, std::optional<uint32_t> bound)
    : bound_(bound), ranks_(ranks) {}

Status StalenessGate::CheckRank(Rank rank) const {
  if (Number(rank) < ranks_.size()) return Status();
  return Status(StatusCode::kInvalidArgument, "rank " + std::to_string(Number(rank)) +
                                                  ": this phase has " +
                                                  std::to_string(ranks_.size()) + " ranks");
}

std::optional<uint64_t> StalenessGate::Slowest() const {
  std::optional<uint64_t> slowest;
  for (const State& rank : ranks_) {
    if (rank.retired()) continue;
    slowest = slowest ? std::min(*slowest, rank.done) : rank.done;
  }
  return slowest;
}

Result<bool> StalenessGate::IsNews(Rank rank, uint64_t done) const {
  SKY_RETURN_IF_ERROR(CheckRank(rank));
  return bound_.has_value() && done > ranks_[Number(rank)].done;
}

Status StalenessGate::SetDone(Rank rank, uint64_t done) {
  SKY_RETURN_IF_ERROR(CheckRank(rank));
  State& state = ranks_[Number(rank)];
  state.done = std::max(state.done, done);
  return Status();
}

Status StalenessGate::Retire(Rank rank, uint32_t changes) {
  SKY_RETURN_IF_ERROR(CheckRank(rank));
  State& state = ranks_[Number(rank)];
  if (changes <= state.changes) return Status();
  state.changes |= 1;  // Out, whether this gate heard of it or not.
  const uint64_t slowest = Slowest().value_or(0);
  state.changes = changes;
  if (!state.retired()) state.done = std::max(state.done, slowest);
  return Status();
}

Result<bool> StalenessGate::MayServe(Rank rank, uint64_t clock) const {
  SKY_RETURN_IF_ERROR(CheckRank(rank));
  const std::optional<uint64_t> slowest = Slowest();
  if (!bound_ || !slowest || clock == 0) return true;
  return clock - 1 <= *slowest + *bound_;
}

}  // namespace skybridge::ps
