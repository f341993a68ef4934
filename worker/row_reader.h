// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/table_spec.h"
#include "worker/calls.h"
#include "worker/shard_split.h"

namespace skybridge::worker {

// Pulled rows by TableId: values [ids, dim]; counts [ids] for tables of kind kCounts, else empty.
struct PulledRows {
  std::vector<std::vector<float>> values;
  std::vector<std::vector<uint32_t>> counts;
};

// One pull from all shards: asks each for its rows, in pieces that fit a reply, and puts the
// answers together. Every shard is asked, also one without a row: in lockstep the question is the
// certificate of the clock before.
class RowReader {
 public:
  RowReader(uint64_t owner, const TableSpecs& specs, Calls& calls, const ClusterView& cluster);

  // Begins a pull; the one before must be complete. `request` gives everything but the tables.
  // `ids` and `split` must outlive the pull.
  void Start(const wire::Pull& request, const TableIds& ids, const ShardSplit& split, Instant now,
             Effects* out);
  // Takes an answer. True if it was one of this pull's.
  // Errors: the shard's refusal, or kInternal if the reply has another shape than was asked.
  Result<bool> Take(const Answer& answer);
  bool complete() const { return asked_.empty(); }
  // The pull is given up: its calls were dropped.
  void Cancel() { asked_.clear(); }
  // Of the pull that is complete; may be taken away, and given back to spare allocations.
  PulledRows& rows() { return rows_; }

 private:
  struct Piece {
    size_t shard;
    std::vector<RowRange> ranges;
  };
  void Ask(const wire::Pull& request, size_t shard, std::vector<RowRange> ranges, Instant now,
           Effects* out);
  Status Store(const Piece& piece, const Answer& answer);

  const uint64_t owner_;
  const TableSpecs& specs_;
  Calls& calls_;
  const ClusterView& cluster_;
  const TableIds* ids_ = nullptr;
  const ShardSplit* split_ = nullptr;
  std::map<uint64_t, Piece> asked_;  // By call.
  PulledRows rows_;
};

}  // namespace skybridge::worker
