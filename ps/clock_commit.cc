// SPDX-License-Identifier: Apache-2.0
#include "ps/clock_commit.h"

#include <algorithm>
#include <string>
#include <utility>

#include <glog/logging.h>

namespace skybridge::ps {
namespace {

std::string Name(Rank rank, uint64_t clock) {
  return "rank " + std::to_string(Number(rank)) + ", clock " + std::to_string(clock);
}

}  // namespace

ClockCommit::~ClockCommit() { Open(0); }

void ClockCommit::Open(uint32_t ranks) {
  for (State& rank : ranks_) {
    if (rank.pending) budget_.Give(rank.pending->bytes);
  }
  ranks_.clear();
  ranks_.resize(ranks);
  for (State& rank : ranks_) rank.done = committed_;
}

Result<ClockCommit::State*> ClockCommit::Find(Rank rank, Attempt attempt) {
  if (Number(rank) >= ranks_.size()) {
    return Status(StatusCode::kInvalidArgument, "rank " + std::to_string(Number(rank)) +
                                                    ": this phase has " +
                                                    std::to_string(ranks_.size()) + " ranks");
  }
  State& state = ranks_[Number(rank)];
  if (attempt < state.attempt) {
    return Status(StatusCode::kFenced,
                  "rank " + std::to_string(Number(rank)) + ": attempt " +
                      std::to_string(Number(state.attempt)) + " has taken over from " +
                      std::to_string(Number(attempt)),
                  Number(state.attempt));
  }
  state.attempt = attempt;
  return &state;
}

Result<bool> ClockCommit::IsNew(const PushRequest& request) {
  SKY_ASSIGN_OR_RETURN(const State* rank, Find(request.rank, request.attempt));
  const uint64_t clock = request.sequence;
  if (clock == rank->last_clock && clock > 0) {
    if (request.chunk < rank->last_crcs.size() && request.chunks == rank->last_crcs.size() &&
        rank->last_crcs[request.chunk] == request.crc) {
      return false;
    }
    const uint32_t had =
        request.chunk < rank->last_crcs.size() ? rank->last_crcs[request.chunk] : 0;
    return Status(StatusCode::kNondeterminism,
                  Name(request.rank, clock) + ": chunk " + std::to_string(request.chunk) + " of " +
                      std::to_string(request.chunks) + " was accepted with checksum " +
                      std::to_string(had) + " of " + std::to_string(rank->last_crcs.size()) +
                      ", and came again with " + std::to_string(request.crc));
  }
  if (clock <= committed_) return false;
  if (clock == committed_ + 1) return true;
  return Status(StatusCode::kOutOfRange,
                Name(request.rank, clock) + ": pushed while the rows stand at clock " +
                    std::to_string(committed_),
                committed_);
}

Status ClockCommit::CheckRate(Rank rank, float rate) const {
  for (const State& other : ranks_) {
    if (!other.pending || other.pending->rows.rate == rate) continue;
    return Status(StatusCode::kInvalidArgument,
                  Name(rank, committed_ + 1) + ": rate " + std::to_string(rate) +
                      ", but another rank pushed " + std::to_string(other.pending->rows.rate));
  }
  return Status();
}

Status ClockCommit::Accept(Rank rank, Attempt attempt, uint64_t clock, AssembledPush push,
                           uint64_t lsn) {
  if (Number(rank) >= ranks_.size() || clock != committed_ + 1 || ranks_[Number(rank)].pending) {
    budget_.Give(push.bytes);
    return Status(StatusCode::kDataLoss,
                  "accept " + Name(rank, clock) + " at position " + std::to_string(lsn) +
                      " while the rows stand at clock " + std::to_string(committed_));
  }
  State& state = ranks_[Number(rank)];
  state.attempt = std::max(state.attempt, attempt);
  state.last_clock = clock;
  state.last_crcs = push.crcs;
  state.pending_lsn = lsn;
  state.pending = std::move(push);
  return Status();
}

Status ClockCommit::SetDone(Rank rank, Attempt attempt, uint64_t done) {
  SKY_ASSIGN_OR_RETURN(State * state, Find(rank, attempt));
  const uint64_t accepted = committed_ + (state->pending ? 1 : 0);
  if (done > accepted) {
    return Status(StatusCode::kDataLoss,
                  Name(rank, done) +
                      ": certified as accepted everywhere, but this shard has only " +
                      std::to_string(accepted),
                  accepted);
  }
  state->done = std::max(state->done, done);
  return Status();
}

Result<bool> ClockCommit::MayServe(Rank rank, Attempt attempt, uint64_t clock) {
  SKY_RETURN_IF_ERROR(Find(rank, attempt).status());
  if (clock == committed_ + 1) return true;
  if (clock == committed_ + 2) return false;
  const std::string state = ": pulled while the rows stand at clock " + std::to_string(committed_);
  if (clock <= committed_) return Status(StatusCode::kGone, Name(rank, clock) + state, committed_);
  return Status(StatusCode::kOutOfRange, Name(rank, clock) + state, committed_);
}

Result<RankProgress> ClockCommit::Query(Rank rank, Attempt attempt) {
  SKY_ASSIGN_OR_RETURN(const State* state, Find(rank, attempt));
  return RankProgress{committed_, committed_ + (state->pending ? 1 : 0), state->done};
}

bool ClockCommit::ready() const {
  const auto certified = [this](const State& rank) { return rank.done > committed_; };
  return !ranks_.empty() && std::ranges::all_of(ranks_, certified);
}

Result<std::vector<PushRows>> ClockCommit::Commit(uint64_t clock) {
  const auto is_here = [](const State& rank) { return rank.pending.has_value(); };
  if (clock != committed_ + 1 || ranks_.empty() || !std::ranges::all_of(ranks_, is_here)) {
    return Status(StatusCode::kDataLoss,
                  "commit clock " + std::to_string(clock) + " while the rows stand at clock " +
                      std::to_string(committed_) + " and some push of the next is not here");
  }
  std::vector<PushRows> pushes;
  for (State& rank : ranks_) {
    budget_.Give(rank.pending->bytes);
    pushes.push_back(std::move(rank.pending->rows));
    rank.pending.reset();
    rank.pending_lsn = 0;
    rank.done = std::max(rank.done, clock);
  }
  committed_ = clock;
  return pushes;
}

uint64_t ClockCommit::pending_bytes() const {
  uint64_t sum = 0;
  for (const State& rank : ranks_) sum += rank.pending ? rank.pending->bytes : 0;
  return sum;
}

std::optional<uint64_t> ClockCommit::oldest_pending() const {
  std::optional<uint64_t> oldest;
  for (const State& rank : ranks_) {
    if (rank.pending) oldest = std::min(oldest.value_or(rank.pending_lsn), rank.pending_lsn);
  }
  return oldest;
}

ClockCommit::Snapshot ClockCommit::Take() const {
  return {.committed = committed_, .ranks = {ranks_.begin(), ranks_.end()}};
}

void ClockCommit::Restore(const Snapshot& snapshot) {
  Open(static_cast<uint32_t>(snapshot.ranks.size()));
  committed_ = snapshot.committed;
  for (size_t r = 0; r < ranks_.size(); ++r) {
    static_cast<RankState&>(ranks_[r]) = snapshot.ranks[r];
  }
}

bool ClockCommit::Awaits(Rank rank, uint64_t lsn) const {
  return Number(rank) < ranks_.size() && ranks_[Number(rank)].pending_lsn == lsn &&
         !ranks_[Number(rank)].pending;
}

void ClockCommit::Refill(Rank rank, AssembledPush push) {
  CHECK(Awaits(rank, ranks_.at(Number(rank)).pending_lsn));
  ranks_[Number(rank)].pending = std::move(push);
}

Status ClockCommit::CheckComplete() const {
  for (size_t r = 0; r < ranks_.size(); ++r) {
    if (ranks_[r].pending_lsn == 0 || ranks_[r].pending) continue;
    return Status(StatusCode::kDataLoss,
                  Name(Rank(static_cast<uint16_t>(r)), committed_ + 1) + ": its push at position " +
                      std::to_string(ranks_[r].pending_lsn) + " is not in the log");
  }
  return Status();
}

Rank ClockCommit::slowest() const {
  const auto it = std::ranges::min_element(ranks_, {}, &State::done);
  return Rank(static_cast<uint16_t>(it - ranks_.begin()));
}

}  // namespace skybridge::ps
