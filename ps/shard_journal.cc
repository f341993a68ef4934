// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_journal.h"

#include <utility>
#include <variant>

#include <glog/logging.h>

namespace skybridge::ps {
namespace {

// A full log is not helped by an image for each repeat of a push.
constexpr uint64_t kRefusalsPerImage = 64;

}  // namespace

ShardJournal::ShardJournal(ShardOptions options, env::RowStore& store, env::RedoLog& log)
    : options_(std::move(options)),
      store_(store),
      log_(log),
      state_(options_.rows, options_.in_flight_bytes_max, store, log),
      image_due_(options_.image_log_bytes) {}

Status ShardJournal::Noted(Status status) {
  if (failure_.ok()) failure_ = status;
  return status;
}

// ---------------------------------------------------------------- log

Status ShardJournal::Keep(ShardRecord& record) {
  if (!failure().ok()) return failure();
  const EncodedRecord encoded = Encode(record);
  const auto lsn = log_.Append(encoded.type, encoded.pieces());
  if (!lsn && lsn.error().code() != StatusCode::kResourceExhausted) return Noted(lsn.error());
  if (!lsn) {
    // An image frees log (S8).
    if (refused_by_log_++ % kRefusalsPerImage == 0 && log_bytes_ > 0) (void)WantImage();
    return lsn.error();
  }
  log_bytes_ += encoded.bytes();
  return Noted(state_.Apply(*lsn, std::move(record)));
}

Status ShardJournal::Recover() {
  SKY_RETURN_IF_ERROR(Noted(state_.rows.Recover()));
  const auto note = store_.Note(ShardImage::kNoteName);
  if (!note) return Noted(note.error());
  ShardImage image;
  if (!note->empty()) {
    auto decoded = DecodeImage(*note);
    if (!decoded) return Noted(decoded.error());
    image = *std::move(decoded);
    state_.Restore(image);
  }
  if (log_.first() > image.redo) {
    return Noted(Status(StatusCode::kDataLoss,
                        "the log begins at position " + std::to_string(log_.first()) +
                            ", but the rows need it from " + std::to_string(image.redo)));
  }
  SKY_RETURN_IF_ERROR(Noted(log_.Read(image.redo, [&](const env::RedoRecord& kept) {
    return Replay(kept, image.begin)
        .WithContext("position " + std::to_string(kept.lsn) + " of the log");
  })));
  return Noted(state_.commit.CheckComplete());
}

Status ShardJournal::Replay(const env::RedoRecord& kept, uint64_t begin) {
  SKY_ASSIGN_OR_RETURN(ShardRecord record,
                       DecodeRecord(kept.type, kept.payload, options_.rows.tables));
  if (const auto* push = std::get_if<PushAccepted>(&record)) {
    if (kept.lsn < begin && !state_.commit.Awaits(push->rank, kept.lsn)) return Status();
    // It fitted then.
    if (!state_.in_flight.TryTake(push->push.bytes)) {
      return Status(StatusCode::kResourceExhausted,
                    "a push of " + std::to_string(push->push.bytes) + " bytes does not fit into " +
                        std::to_string(state_.in_flight.limit()) + " any more");
    }
    if (kept.lsn < begin) {
      state_.commit.Refill(push->rank, std::get<PushAccepted>(std::move(record)).push);
      return Status();
    }
  }
  if (kept.lsn < begin) return Status();
  log_bytes_ += kept.payload.size();
  return state_.Apply(kept.lsn, std::move(record));
}

// ---------------------------------------------------------------- images

std::unique_ptr<PieceTask> ShardJournal::ContinueImage() {
  if (!failure().ok() || piece_under_way_) return nullptr;
  if (!image_) {
    if (log_bytes_ < image_due_ && !image_wanted_) return nullptr;
    image_wanted_ = false;
    const ShardImage image = state_.Image(log_.last() + 1);
    image_ = OpenImage{.redo = image.redo, .note = EncodeImage(image), .log_bytes = log_bytes_};
    log_bytes_ = 0;
    state_.rows.BeginImage();
  }
  const env::StoreNote notes[] = {{ShardImage::kNoteName, image_->note}};
  auto piece = state_.rows.NextPiece(notes);
  piece_under_way_ = piece != nullptr;
  return piece;
}

bool ShardJournal::TakePiece(const Task& task) {
  const auto* piece = dynamic_cast<const PieceTask*>(&task);
  if (piece == nullptr) return false;
  piece_under_way_ = false;
  if (!failure().ok()) return true;
  const env::StoreNote notes[] = {{ShardImage::kNoteName, image_->note}};
  const Result<bool> whole = state_.rows.TakePiece(*piece, notes);
  if (!whole && whole.error().code() == StatusCode::kResourceExhausted) {
    GiveUpImage(whole.error());
  } else if (Noted(whole.status()).ok() && *whole) {
    EndImage();
  }
  return true;
}

void ShardJournal::EndImage() {
  image_redo_ = image_->redo;
  image_due_ = options_.image_log_bytes;
  ++images_;
  image_.reset();
  (void)Noted(log_.Release(image_redo_));
}

// The disk is full. What is to be written stays in memory and in the log.
void ShardJournal::GiveUpImage(const Status& why) {
  LOG(WARNING) << "rows wait for room: " << why;
  log_bytes_ += image_->log_bytes;
  image_due_ = log_bytes_ + options_.image_log_bytes / 16;
  ++images_given_up_;
  image_.reset();
}

uint64_t ShardJournal::WantImage() {
  image_wanted_ = !image_;
  return images_ + 1;
}

}  // namespace skybridge::ps
