// SPDX-License-Identifier: Apache-2.0
#include "ps/slot_source.h"

#include <algorithm>
#include <utility>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

// Of what pushes may take: they must find room while a move is open.
constexpr uint64_t kChangedShare = 4;

std::string Name(SlotRange slots) {
  return "slots " + std::to_string(slots.begin) + " to " + std::to_string(slots.end);
}

}  // namespace

void SlotSource::End() {
  shard_.rows().Watch(nullptr);
  changed_.reset();
  if (move_) shard_.in_flight().Give(move_->piece_bytes);
  move_.reset();
}

Status SlotSource::Begin(SlotRange slots, uint64_t reader) {
  const SlotRange own = shard_.own().slots;
  if (slots.begin >= slots.end || slots.begin < own.begin || slots.end > own.end) {
    return Status(StatusCode::kFailedPrecondition, Name(slots) + " are not all of this shard");
  }
  SKY_RETURN_IF_ERROR(shard_.Doubt(slots));
  changed_ = std::make_unique<ChangedRows>(slots, shard_.rows().tables().size(), shard_.in_flight(),
                                           shard_.in_flight().limit() / kChangedShare);
  shard_.rows().Watch(changed_.get());
  move_ = Move{.slots = slots, .reader = reader};
  return Status();
}

Result<const SlotPiece*> SlotSource::Read(SlotRange slots, uint64_t piece, uint64_t reader) {
  if (!move_ && piece == 1) SKY_RETURN_IF_ERROR(Begin(slots, reader));
  const bool mine = move_ && move_->slots == slots && move_->reader == reader;
  if (!mine || piece < move_->piece.piece || piece > move_->piece.piece + 1) {
    return Status(StatusCode::kFailedPrecondition,
                  "piece " + std::to_string(piece) + " of " + Name(slots) + " is not to be had");
  }
  if (piece == move_->piece.piece) return &move_->piece;
  SKY_ASSIGN_OR_RETURN(SlotPiece next, Next());
  const uint64_t bytes =
      next.rows.records.size() + next.rows.ids.size() * sizeof(RowId) + next.state.size();
  shard_.in_flight().Give(std::exchange(move_->piece_bytes, 0));
  // What it has was copied or taken from the list: it cannot be given back.
  if (!shard_.in_flight().TryTake(bytes)) {
    return Status(StatusCode::kOutOfRange,
                  "no room for " + std::to_string(bytes) + " bytes of " + Name(slots));
  }
  move_->piece_bytes = bytes;
  move_->piece = std::move(next);
  return &move_->piece;
}

Result<SlotPiece> SlotSource::Next() {
  if (changed_->overflown()) {
    return Status(StatusCode::kOutOfRange,
                  Name(move_->slots) + ": too many rows change while they are copied");
  }
  SlotPiece piece{.piece = move_->piece.piece + 1, .rows = {}};
  const auto add = [&](TableId table, RowId id, std::string_view record) {
    piece.rows.table = table;
    piece.rows.ids.push_back(id);
    piece.rows.records.insert(piece.rows.records.end(), record.begin(), record.end());
  };
  SKY_ASSIGN_OR_RETURN(piece.copied,
                       shard_.rows().ContinueCopy(move_->slots, piece_bytes_, &move_->cursor, add));
  if (piece.copied && piece.rows.ids.empty()) SKY_RETURN_IF_ERROR(AddChanged(&piece));
  piece.changed_bytes = ChangedBytes();
  if (piece.copied && piece.rows.ids.empty() && shard_.frozen()) {
    piece.last = true;
    piece.state = EncodeImage(shard_.journal().Image());
  }
  return piece;
}

Status SlotSource::AddChanged(SlotPiece* piece) {
  const std::vector<size_t> record_bytes = RecordBytes(shard_.rows().tables());
  const size_t widest = *std::ranges::max_element(record_bytes);
  const size_t count = std::clamp<size_t>(piece_bytes_ / widest, 1, shard_.rows().block_rows());
  SlotRows& out = piece->rows;
  out.ids = changed_->Take(count, &out.table);
  if (out.ids.empty()) return Status();
  SKY_ASSIGN_OR_RETURN(const auto rows, shard_.rows().Fetch(out.table, out.ids));
  const size_t bytes = record_bytes[Number(out.table)];
  for (const RowNumber row : rows) {
    CHECK_NE(row, kNoRow) << "a row that changed is not there";
    const char* record = shard_.rows().record(out.table, row);
    out.records.insert(out.records.end(), record, record + bytes);
  }
  return Status();
}

uint64_t SlotSource::ChangedBytes() const {
  const std::vector<size_t> record_bytes = RecordBytes(shard_.rows().tables());
  uint64_t sum = 0;
  for (size_t t = 0; t < record_bytes.size(); ++t) {
    sum += changed_->rows(TableId(static_cast<uint32_t>(t))) * record_bytes[t];
  }
  return sum;
}

bool SlotSource::Freeze(SlotRange slots) {
  if (!move_ || move_->slots != slots) return false;
  shard_.WantFreeze();
  return true;
}

}  // namespace skybridge::ps
