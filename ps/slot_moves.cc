// SPDX-License-Identifier: Apache-2.0
#include "ps/slot_moves.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "common/bytes.h"
#include "proto/envelope.h"
#include "ps/row_record.h"

namespace skybridge::ps {
namespace {

wire::MoveReply Encode(uint32_t map, const MoveAnswer& answer) {
  wire::MoveReply reply;
  reply.set_map_version(map);
  switch (answer.state) {
    case MoveAnswer::State::kNoMove: reply.set_state(wire::MoveReply::NO_MOVE); break;
    case MoveAnswer::State::kCopying: reply.set_state(wire::MoveReply::COPYING); break;
    case MoveAnswer::State::kReady: reply.set_state(wire::MoveReply::READY); break;
    case MoveAnswer::State::kInstalled: reply.set_state(wire::MoveReply::INSTALLED); break;
    case MoveAnswer::State::kFailed: reply.set_state(wire::MoveReply::FAILED); break;
  }
  if (!answer.failure.ok()) reply.set_failure(answer.failure.ToString());
  reply.set_rows(answer.rows);
  return reply;
}

// What a question to another shard is known by. Both moves of the same slots between the same two
// processes number their pieces from 1, and an answer may be late.
constexpr int kPieceBits = 32;
uint64_t RequestOf(MapVersion map, uint64_t piece) {
  return static_cast<uint64_t>(Number(map)) << kPieceBits | piece;
}

}  // namespace

// ---------------------------------------------------------------- scheduler

bool SlotMoves::Serve(const wire::Header& question, wire::Header* reply) {
  wire::MoveReply& answer = *reply->mutable_move_reply();
  switch (question.body_case()) {
    case wire::Header::kTakeSlots: {
      const wire::TakeSlots& take = question.take_slots();
      const SlotOrder order{.map = MapVersion(take.map_version()),
                            .slots = {take.slot_begin(), take.slot_end()},
                            .endpoint = take.source_endpoint(),
                            .incarnation = take.source_incarnation(),
                            .whole = take.whole()};
      answer = Encode(take.map_version(), target_.Take(order));
      return true;
    }
    case wire::Header::kInstallSlots: {
      const uint32_t map = question.install_slots().map_version();
      answer = Encode(map, target_.Install(MapVersion(map)));
      return true;
    }
    case wire::Header::kFreezeSlots: {
      const wire::FreezeSlots& freeze = question.freeze_slots();
      answer.set_map_version(freeze.map_version());
      // A question from before this map must not stop what nobody would start again.
      if (MapVersion(freeze.map_version()) != shard_.own().version ||
          !source_.Freeze({freeze.slot_begin(), freeze.slot_end()})) {
        answer.set_state(wire::MoveReply::NO_MOVE);
        return true;
      }
      answer.set_state(shard_.frozen() ? wire::MoveReply::FROZEN : wire::MoveReply::FREEZING);
      return true;
    }
    default: reply->clear_move_reply(); return false;
  }
}

// ---------------------------------------------------------------- from shard to shard

void SlotMoves::ServeRead(const wire::Header& question, Served* out) {
  const wire::ReadSlots& read = question.read_slots();
  if (const MapVersion own = shard_.own().version; MapVersion(read.map_version()) != own) {
    const bool earlier = MapVersion(read.map_version()) < own;
    out->status = Status(earlier ? StatusCode::kFailedPrecondition : StatusCode::kNotReady,
                         fmt::format("this shard has map {}, the move began under map {}",
                                     Number(own), read.map_version()));
    return;
  }
  const auto piece = source_.Read({read.slot_begin(), read.slot_end()}, read.piece(),
                                  question.identity().sender_incarnation());
  if (!piece) {
    out->status = piece.error();
    return;
  }
  const SlotPiece& from = **piece;
  wire::SlotPiece& reply = *out->reply.mutable_slot_piece();
  reply.set_piece(from.piece);
  reply.set_table(Number(from.rows.table));
  reply.set_rows(static_cast<uint32_t>(from.rows.ids.size()));
  reply.set_record_bytes(static_cast<uint32_t>(record_bytes_[Number(from.rows.table)]));
  reply.set_copied(from.copied);
  reply.set_changed_bytes(from.changed_bytes);
  reply.set_last(from.last);
  AppendRaw<RowId>(out->payload, from.rows.ids);
  out->payload.append(from.rows.records.data(), from.rows.records.size());
  out->payload += from.state;
  if (out->payload.size() <= wire::kFrameBytesMax) return;
  out->status = Status(StatusCode::kOutOfRange,
                       fmt::format("a piece of {} bytes does not fit a message: too many streams "
                                   "of pushes",
                                   out->payload.size()));
}

Result<SlotPiece> SlotMoves::Decode(const wire::SlotPiece& message,
                                    std::string_view payload) const {
  const auto odd = [] {
    return Status(StatusCode::kInternal, "a piece of slots has a shape that was not asked for");
  };
  SlotPiece piece{.piece = message.piece(),
                  .rows = {.table = TableId(message.table())},
                  .copied = message.copied(),
                  .changed_bytes = message.changed_bytes(),
                  .last = message.last()};
  if (message.table() >= record_bytes_.size()) return odd();
  const size_t bytes = record_bytes_[message.table()];
  RawReader reader(payload);
  if (message.record_bytes() != bytes || !reader.Read(message.rows(), piece.rows.ids) ||
      !reader.Read(message.rows() * bytes, piece.rows.records)) {
    return odd();
  }
  piece.state = payload.substr(payload.size() - reader.remaining());
  if (piece.last == piece.state.empty()) return odd();
  return piece;
}

std::optional<ShardQuestion> SlotMoves::Due(Instant now) {
  const auto piece = target_.Due(now);
  if (!piece) return std::nullopt;
  const SlotOrder& order = *target_.order();
  ShardQuestion question{
      .endpoint = order.endpoint, .incarnation = order.incarnation, .header = {}};
  wire::ReadSlots& read = *question.header.mutable_read_slots();
  read.set_slot_begin(order.slots.begin);
  read.set_slot_end(order.slots.end);
  read.set_piece(*piece);
  read.set_map_version(Number(order.map));
  question.header.set_request(RequestOf(order.map, *piece));
  return question;
}

void SlotMoves::TakeAnswer(const std::string& peer, const wire::Header& answer,
                           std::string_view payload, Instant now) {
  const auto& order = target_.order();
  if (!order || peer != order->endpoint ||
      answer.identity().sender_incarnation() != order->incarnation ||
      answer.request() >> kPieceBits != Number(order->map)) {
    return;
  }
  const uint64_t asked = answer.request() - RequestOf(order->map, 0);
  if (answer.has_error()) return target_.Refused(asked, wire::ToStatus(answer.error()), now);
  auto piece = Decode(answer.slot_piece(), payload);
  if (!piece) return target_.Refused(asked, piece.error(), now);
  target_.TakePiece(*std::move(piece), now);
}

// ---------------------------------------------------------------- the map

void SlotMoves::Observe(Instant now) {
  if (!frozen_at_ && shard_.frozen()) frozen_at_ = now;
}

Status SlotMoves::TakeMap(const OwnSlots& own, Instant now) {
  const SlotRange before = shard_.own().slots;
  SKY_RETURN_IF_ERROR(shard_.TakeMap(own));
  source_.End();
  target_.End();
  if (frozen_at_) {
    LOG(INFO) << fmt::format(
        "slots {} to {} became {} to {} under map {}; this shard stood still for {:.1f} ms",
        before.begin, before.end, own.slots.begin, own.slots.end, Number(own.version),
        ToSeconds(now - *frozen_at_) * 1e3);
  }
  frozen_at_.reset();
  return Status();
}

}  // namespace skybridge::ps
