// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/table_spec.h"
#include "common/time.h"
#include "proto/wire.pb.h"
#include "ps/shard.h"
#include "ps/slot_source.h"
#include "ps/slot_target.h"
#include "ps/trainer_adapter.h"

namespace skybridge::ps {

// A question to another shard.
struct ShardQuestion {
  std::string endpoint;
  uint64_t incarnation = 0;
  wire::Header header;
};

// A shard's part in live moves (docs/protocol.md, Live moves), as messages: what the scheduler
// asks, and the talk of the two shards. One thread.
class SlotMoves {
 public:
  // `shard` outlives it. piece_bytes: of rows in a message, about.
  SlotMoves(const TableSpecs& tables, uint64_t piece_bytes, Shard& shard)
      : record_bytes_(RecordBytes(tables)),
        shard_(shard),
        source_(shard, piece_bytes),
        target_(shard) {}

  // Answers a question of the scheduler; false: it is about something else.
  bool Serve(const wire::Header& question, wire::Header* reply);
  // Answers another shard's question, once that is known to be meant for this process.
  void ServeRead(const wire::Header& question, Served* out);

  // What to ask the shard that has the slots.
  std::optional<ShardQuestion> Due(Instant now);
  // An answer from there, or what may be one.
  void TakeAnswer(const std::string& peer, const wire::Header& answer, std::string_view payload,
                  Instant now);

  // Takes the next map; every move ends with it. Errors: those of Shard::TakeMap.
  Status TakeMap(const OwnSlots& own, Instant now);
  // Notes since when this shard stands still.
  void Observe(Instant now);

 private:
  Result<SlotPiece> Decode(const wire::SlotPiece& message, std::string_view payload) const;

  const std::vector<size_t> record_bytes_;  // By table.
  Shard& shard_;
  SlotSource source_;
  SlotTarget target_;
  std::optional<Instant> frozen_at_;
};

}  // namespace skybridge::ps
