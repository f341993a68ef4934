// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "ps/memory_budget.h"
#include "ps/requests.h"

namespace skybridge::ps {

inline constexpr size_t kUnfinishedMax = 4096;  // Pushes.

// A push whose chunks are all there. Its bytes stay taken from the budget; the owner gives them
// back.
struct AssembledPush {
  PushRows rows;
  std::vector<uint32_t> crcs;  // By chunk.
  uint64_t bytes = 0;
};

// Puts chunks of pushes together (docs/protocol.md, G4). Unfinished pushes live only in memory,
// within a budget. A chunk of a later attempt drops what earlier attempts left of the push, since
// the two may differ. Pure state; a repeated chunk changes nothing.
class ChunkAssembler {
 public:
  // Chunks wait in `budget`, which outlives this.
  explicit ChunkAssembler(MemoryBudget& budget) : budget_(budget) {}
  ~ChunkAssembler() { Clear(); }
  ChunkAssembler(const ChunkAssembler&) = delete;
  ChunkAssembler& operator=(const ChunkAssembler&) = delete;

  // The whole push if no chunk is missing now; nothing if others are.
  // Errors: kInvalidArgument    chunk numbers that cannot be, or ids or rates of chunks that do not
  //                             go on where the ones before ended; the push is dropped.
  //         kNondeterminism     the chunk was there with other bytes.
  //         kFenced             a later attempt has begun to send the push.
  //         kResourceExhausted  the budget, or kUnfinishedMax; the chunk is not kept.
  Result<std::optional<AssembledPush>> Add(PushRequest request);

  // Takes back a push that could not be kept: the next repeat of any of its chunks hands it out.
  void PutBack(StreamId stream, uint64_t sequence, Attempt attempt, AssembledPush push);

  // Forgets the unfinished pushes of one stream, or all.
  void Drop(StreamId stream);
  void Clear();
  size_t unfinished() const { return unfinished_.size(); }
  uint64_t bytes() const;

 private:
  using Name = std::pair<StreamId, uint64_t>;
  struct Unfinished {
    Attempt attempt{};
    std::vector<std::optional<PushRows>> chunks;
    std::vector<uint32_t> crcs;
    uint64_t bytes = 0;
    std::optional<AssembledPush> whole;  // Put back; then there are no chunks.
  };
  using Pushes = std::map<Name, Unfinished>;
  Pushes::iterator Forget(Pushes::iterator push);

  MemoryBudget& budget_;
  Pushes unfinished_;
};

}  // namespace skybridge::ps
