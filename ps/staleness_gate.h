// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/status.h"

namespace skybridge::ps {

// Bounds how far ranks run ahead of each other outside lockstep (docs/protocol.md, section 6).
//
// A pull for clock c of a rank is served while (c - 1) - min(done) <= bound, the minimum being over
// ranks that take part. A rank that comes back after it was retired stands level with the slowest
// one, so it holds nobody back. Gates may put it at different places; it hears of them with its
// pulls, and goes on from the highest. So a gate has no rank further than the rank itself for long,
// and the last of all ranks is served everywhere. Pure state; every call may be repeated, and may
// come late.
class StalenessGate {
 public:
  // One rank.
  struct State {
    uint64_t done = 0;
    uint32_t changes = 0;  // How often it was retired or came back.
    bool retired() const { return changes % 2 == 1; }
    bool operator==(const State&) const = default;
  };

  // bound: nothing means none.
  StalenessGate(uint32_t ranks, std::optional<uint32_t> bound);

  // `rank` has finished `done` of its clocks; lower numbers than before change nothing.
  // Errors of all: kInvalidArgument if there is no such rank.
  Status SetDone(Rank rank, uint64_t done);
  // Whether that would change whom the gate serves. Without a bound nothing does.
  Result<bool> IsNews(Rank rank, uint64_t done) const;
  // changes: as State has it; fewer than before change nothing.
  Status Retire(Rank rank, uint32_t changes);
  Result<bool> MayServe(Rank rank, uint64_t clock) const;

  const std::vector<State>& ranks() const { return ranks_; }
  void Restore(std::vector<State> ranks) { ranks_ = std::move(ranks); }

 private:
  Status CheckRank(Rank rank) const;
  // Of the ranks that take part; nothing if none does.
  std::optional<uint64_t> Slowest() const;

  std::optional<uint32_t> bound_;
  std::vector<State> ranks_;
};

}  // namespace skybridge::ps
