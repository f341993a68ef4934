// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/ids.h"

namespace skybridge {

// Where one batch stands in the data.
struct BatchPosition {
  uint32_t epoch = 0;
  uint32_t partition = 0;  // Position in the plan of training partitions.
  uint64_t batch = 0;      // Within the partition.
  bool operator==(const BatchPosition&) const = default;
};

// Lockstep: which rank computes which batch at which clock (docs/protocol.md, D3).
//
// In each epoch partitions are dealt to ranks, longest first (ties: a shuffle keyed by seed and
// epoch), each to the rank with the fewest batches so far. A rank works through its partitions in
// an order keyed by (seed, epoch). All ranks have the same number of clocks per epoch; one that
// ran out pushes empty. A pure function of its arguments; immutable; thread-safe.
class ClockSchedule {
 public:
  // batches[p]: batches of training partition p in each epoch; the same in every epoch.
  ClockSchedule(uint64_t seed, uint32_t ranks, uint32_t epochs, std::vector<uint64_t> batches);

  uint64_t clocks_per_epoch(uint32_t epoch) const { return epochs_[epoch].clocks; }
  // Of all epochs; clocks count from 1.
  uint64_t clocks_total() const { return total_; }
  // What `rank` computes at `clock`; nothing if it ran out.
  std::optional<BatchPosition> At(Rank rank, uint64_t clock) const;
  // Ranks that compute a batch at `clock`: what each divides its mean gradient by.
  uint32_t ActiveRanks(uint64_t clock) const;

 private:
  struct Piece {
    uint64_t first;  // Position of its first batch in the rank's epoch.
    uint32_t partition;
  };
  struct Epoch {
    uint64_t clocks = 0;                     // Of the busiest rank.
    std::vector<std::vector<Piece>> pieces;  // Per rank.
    std::vector<uint64_t> lengths;           // Batches per rank.
  };
  Epoch Deal(uint64_t seed, uint32_t ranks, uint32_t epoch) const;
  // The epoch of `clock` and the position (from 0) in it.
  std::pair<uint32_t, uint64_t> Locate(uint64_t clock) const;

  std::vector<uint64_t> batches_;
  std::vector<Epoch> epochs_;
  uint64_t total_ = 0;
};

}  // namespace skybridge
