// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/shard_map.h"
#include "common/status.h"
#include "ps/changed_rows.h"
#include "ps/shard.h"
#include "ps/shard_record.h"

namespace skybridge::ps {

// A piece of slots on their way to another shard.
struct SlotPiece {
  uint64_t piece = 0;  // From 1.
  SlotRows rows;
  bool copied = false;         // Every row has come once; from here on those that changed.
  uint64_t changed_bytes = 0;  // That have changed since they came.
  bool last = false;           // Nothing changes any more: `state` is the shard's.
  std::string state;           // EncodeImage.
};

// The side of a live move that gives (docs/protocol.md, Live moves): a copy of all rows of the
// slots while they change, then again those that changed, and in the end, when the shard is frozen,
// what was pushed to them. Ends with the next map; a shard that starts again has no move.
//
// A piece that is asked for again is the same; asking for the next says that it has arrived. One
// thread.
class SlotSource {
 public:
  // `shard` outlives it. piece_bytes: of rows in a piece, about.
  SlotSource(Shard& shard, uint64_t piece_bytes) : shard_(shard), piece_bytes_(piece_bytes) {}
  ~SlotSource() { End(); }
  SlotSource(const SlotSource&) = delete;
  SlotSource& operator=(const SlotSource&) = delete;

  // `reader`: the incarnation of the shard that asks. The first piece begins the move.
  // Errors: kFailedPrecondition  another move is open, or the piece is not one of these two;
  //                              slots of another shard.
  //         kOutOfRange          rows change faster than they can be noted: this move leads
  //         nowhere. kResourceExhausted   no room now.
  Result<const SlotPiece*> Read(SlotRange slots, uint64_t piece, uint64_t reader);
  // Lets nothing change any more. False: no such move is open.
  bool Freeze(SlotRange slots);
  // The next map has come.
  void End();

 private:
  struct Move {
    SlotRange slots{0, 0};
    uint64_t reader = 0;
    TieredRows::CopyCursor cursor{};
    SlotPiece piece;
    uint64_t piece_bytes = 0;  // That it takes from the budget.
  };
  Status Begin(SlotRange slots, uint64_t reader);
  Result<SlotPiece> Next();
  Status AddChanged(SlotPiece* piece);
  uint64_t ChangedBytes() const;

  Shard& shard_;
  const uint64_t piece_bytes_;
  std::unique_ptr<ChangedRows> changed_;
  std::optional<Move> move_;
};

}  // namespace skybridge::ps
