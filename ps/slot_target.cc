// SPDX-License-Identifier: Apache-2.0
#include "ps/slot_target.h"

#include <utility>

#include <glog/logging.h>

namespace skybridge::ps {

using State = MoveAnswer::State;

namespace {

constexpr uint64_t kBatchShare = 8;  // Of the log between two images.

}  // namespace

MoveAnswer SlotTarget::Answer() const {
  return {.state = state_, .failure = failure_, .rows = rows_};
}

MoveAnswer SlotTarget::Take(const SlotOrder& order) {
  if (order.map != shard_.own().version) return {};
  if (order_) return *order_ == order ? Answer() : MoveAnswer{};
  order_ = order;
  piece_ = 1;
  due_at_ = Instant{};
  state_ = State::kCopying;
  failure_ = Status();
  rows_ = 0;
  batch_bytes_ = 0;
  image_wanted_ = 0;
  // One that this process's former self began ended with it.
  if (Status begun = shard_.Doubt(order.slots); !begun.ok()) Fail(begun);
  return Answer();
}

MoveAnswer SlotTarget::Install(MapVersion map) const {
  return order_ && order_->map == map ? Answer() : MoveAnswer{};
}

std::optional<uint64_t> SlotTarget::Due(Instant now) {
  const bool reads = state_ == State::kCopying || state_ == State::kReady;
  if (!order_ || !reads || now < due_at_ || LogWaits()) return std::nullopt;
  due_at_ = now + kRepeat;
  return piece_;
}

void SlotTarget::TakePiece(SlotPiece piece, Instant now) {
  const bool reads = state_ == State::kCopying || state_ == State::kReady;
  if (!order_ || !reads || piece.piece != piece_) return;  // A repeat.
  const bool idle = piece.copied && piece.rows.ids.empty();
  const bool ready = piece.copied && piece.changed_bytes <= kReadyBytes;
  const bool last = piece.last;
  rows_ += piece.rows.ids.size();
  if (Status kept = Keep(std::move(piece)); !kept.ok()) return Fail(kept);
  ++piece_;
  due_at_ = idle ? now + kPoll : now;
  if (ready) state_ = State::kReady;
  if (last) state_ = State::kInstalled;
}

bool SlotTarget::LogWaits() {
  if (batch_bytes_ <= shard_.journal().image_log_bytes() / kBatchShare) return false;
  if (shard_.journal().image_redo() > batch_lsn_) {
    batch_bytes_ = 0;
    return false;
  }
  if (shard_.journal().images() >= image_wanted_) image_wanted_ = shard_.journal().WantImage();
  return true;
}

Status SlotTarget::Keep(SlotPiece piece) {
  if (batch_bytes_ == 0) batch_lsn_ = shard_.journal().next_lsn();
  batch_bytes_ += piece.rows.records.size() + piece.rows.ids.size() * sizeof(RowId);
  if (!piece.rows.ids.empty()) SKY_RETURN_IF_ERROR(shard_.TakeRows(std::move(piece.rows)));
  if (!piece.last) return Status();
  SKY_ASSIGN_OR_RETURN(ShardImage state, DecodeImage(piece.state));
  return shard_.TakeState(order_->whole, std::move(state));
}

void SlotTarget::Refused(uint64_t piece, const Status& why, Instant now) {
  // A late repeat of a question asks for what is no longer to be had.
  if (!order_ || piece != piece_ || state_ == State::kInstalled) return;
  if (!TimeMends(why.code())) return Fail(why);
  due_at_ = now + kRepeat / 8;
}

void SlotTarget::Fail(const Status& why) {
  LOG(WARNING) << "slots " << order_->slots.begin << " to " << order_->slots.end << " from "
               << order_->endpoint << ": " << why;
  state_ = State::kFailed;
  failure_ = why;
}

}  // namespace skybridge::ps
