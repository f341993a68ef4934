// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "common/table_spec.h"
#include "worker/calls.h"
#include "worker/shard_split.h"

namespace skybridge::worker {

// What one push carries: by TableId gradients [ids, dim]; for tables of kind kCounts sightings
// [ids]. Tables without ids are left out.
struct PushRows {
  const TableIds* ids = nullptr;
  const std::vector<std::vector<float>>* gradients = nullptr;     // null: none (counts only)
  const std::vector<std::vector<uint32_t>>* sightings = nullptr;  // null: none (gradients only)
};

// One push to all shards: every shard gets it, one without rows an empty one, so that a hole
// always means "not applied" (docs/protocol.md, G2). Repeats carry the same bytes.
class RowWriter {
 public:
  RowWriter(uint64_t owner, const TableSpecs& specs, Calls& calls, const ClusterView& cluster);

  // Begins a push; the one before must be complete. `request` gives name, rank, attempt and rate.
  // Errors: kResourceExhausted if a shard's rows need more than 16 chunks.
  Status Start(const wire::Push& request, const PushRows& rows, const ShardSplit& split,
               Instant now, Effects* out);
  // Takes an answer. True if it was one of this push's. Errors: the shard's refusal.
  Result<bool> Take(const Answer& answer);
  bool complete() const { return asked_.empty(); }
  // The push is given up: its calls were dropped. It may be begun again, under the same name.
  void Cancel() { asked_.clear(); }

 private:
  std::string Encode(const PushRows& rows, const ShardSplit& split, size_t shard,
                     const std::vector<RowRange>& ranges, wire::Push* push) const;

  const uint64_t owner_;
  const TableSpecs& specs_;
  Calls& calls_;
  const ClusterView& cluster_;
  std::map<uint64_t, size_t> asked_;  // Calls without an answer, and their shards.
};

}  // namespace skybridge::worker
