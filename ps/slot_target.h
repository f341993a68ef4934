// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "common/ids.h"
#include "common/shard_map.h"
#include "common/status.h"
#include "common/time.h"
#include "ps/shard.h"
#include "ps/slot_source.h"

namespace skybridge::ps {

// What a shard is to take, and from whom.
struct SlotOrder {
  MapVersion map{};
  SlotRange slots{0, 0};
  std::string endpoint;
  uint64_t incarnation = 0;
  bool whole = false;  // This shard is in no map yet.
  bool operator==(const SlotOrder&) const = default;
};

// As wire.MoveReply.
struct MoveAnswer {
  enum class State { kNoMove, kCopying, kReady, kInstalled, kFailed };
  State state = State::kNoMove;
  Status failure;
  uint64_t rows = 0;
};

// The side of a live move that takes: reads the slots piece by piece and keeps what comes in its
// log, like everything else that it has; nobody sees it before the next map, which ends the move.
// In memory alone but for that: a shard that starts again has no move. One thread.
class SlotTarget {
 public:
  static constexpr Duration kRepeat = std::chrono::milliseconds(500);  // Without an answer.
  static constexpr Duration kPoll = std::chrono::milliseconds(2);      // With nothing new in it.
  static constexpr uint64_t kReadyBytes = 8 << 20;  // That may be left when the other freezes.

  // `shard` outlives it.
  explicit SlotTarget(Shard& shard) : shard_(shard) {}

  // Begins the move, or says how it stands. An order of another map than the shard's is no move.
  MoveAnswer Take(const SlotOrder& order);
  MoveAnswer Install(MapVersion map) const;

  // The piece to ask for now; again after kRepeat.
  std::optional<uint64_t> Due(Instant now);
  void TakePiece(SlotPiece piece, Instant now);
  void Refused(uint64_t piece, const Status& why, Instant now);
  // The next map has come.
  void End() { order_.reset(); }

  const std::optional<SlotOrder>& order() const { return order_; }

 private:
  MoveAnswer Answer() const;
  Status Keep(SlotPiece piece);
  // Whether what came would take more of the log than training can spare: it waits for an image.
  bool LogWaits();
  void Fail(const Status& why);

  Shard& shard_;
  std::optional<SlotOrder> order_;
  uint64_t piece_ = 0;  // That is asked for.
  Instant due_at_;
  MoveAnswer::State state_ = MoveAnswer::State::kNoMove;
  Status failure_;
  uint64_t rows_ = 0;
  // Of rows that came since the log could let go of what came before them: where they begin.
  uint64_t batch_bytes_ = 0;
  uint64_t batch_lsn_ = 0;
  uint64_t image_wanted_ = 0;
};

}  // namespace skybridge::ps
