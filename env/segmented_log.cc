// SPDX-License-Identifier: Apache-2.0
#include "env/segmented_log.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "common/hash.h"

namespace skybridge::env {
namespace {

constexpr uint64_t kMagic = 0x31474f4c59454b53;  // "SKEYLOG1"
constexpr uint32_t kFormat = 1;
constexpr std::string_view kSuffix = ".redo";
constexpr size_t kLookBytes = 1 << 20;  // Of a segment's tail, read at a time.

struct SegmentHeader {
  uint64_t magic = kMagic;
  uint32_t format = kFormat;
  uint32_t zero = 0;
  uint64_t store_id = 0;
  uint64_t nonce = 0;
  uint64_t first_lsn = 0;
  uint32_t crc = 0;
  uint32_t end = 0;

  std::string_view bytes() const { return {reinterpret_cast<const char*>(this), sizeof(*this)}; }
  uint32_t Checksum() const { return Crc32c(bytes().substr(0, offsetof(SegmentHeader, crc))); }
};
static_assert(sizeof(SegmentHeader) == 48);

#pragma pack(push, 1)
struct RecordHeader {
  uint32_t crc = 0;  // Of all that follows.
  uint32_t length = 0;
  uint64_t lsn = 0;
  uint64_t nonce = 0;
  uint8_t type = 0;

  std::string_view bytes() const { return {reinterpret_cast<const char*>(this), sizeof(*this)}; }
  std::string_view checked() const { return bytes().substr(sizeof(crc)); }
};
#pragma pack(pop)
static_assert(sizeof(RecordHeader) == 25);

template <typename T>
Status ReadInto(DiskFile& file, uint64_t offset, T& value) {
  return file.ReadAt(offset, {reinterpret_cast<char*>(&value), sizeof(value)});
}

// The record at `offset`, if a whole one lies there: its header, and its payload.
Result<bool> ReadRecord(DiskFile& file, uint64_t offset, RecordHeader* header,
                        std::string* payload) {
  if (offset + sizeof(RecordHeader) > file.bytes()) return false;
  SKY_RETURN_IF_ERROR(ReadInto(file, offset, *header));
  const uint64_t length = header->length;
  if (header->nonce == 0 || offset + sizeof(RecordHeader) + length > file.bytes()) return false;
  payload->resize(length);
  SKY_RETURN_IF_ERROR(file.ReadAt(offset + sizeof(RecordHeader), *payload));
  return Crc32c(*payload, Crc32c(header->checked())) == header->crc;
}

}  // namespace

SegmentedLog::SegmentedLog(Disk& disk, SegmentedLogOptions options)
    : disk_(disk), options_(std::move(options)) {}

Status SegmentedLog::Noted(Status status) {
  if (failure_.ok()) failure_ = status;
  return status;
}

// ---------------------------------------------------------------- opening

Result<std::unique_ptr<SegmentedLog>> SegmentedLog::Open(Disk& disk, SegmentedLogOptions options) {
  CHECK_GT(options.segment_bytes, sizeof(SegmentHeader) + sizeof(RecordHeader));
  std::unique_ptr<SegmentedLog> log(new SegmentedLog(disk, std::move(options)));
  const std::string name = "open the log in " + log->options_.folder;
  SKY_RETURN_IF_ERROR(log->OpenSegments().WithContext(name));
  SKY_RETURN_IF_ERROR(log->ScanAll().WithContext(name));
  if (log->used_.empty()) {
    SKY_RETURN_IF_ERROR(log->Roll().WithContext(name));
  } else {
    SKY_RETURN_IF_ERROR(log->used_.back().file->Sync().WithContext(name));
  }
  log->synced_ = log->last();
  return log;
}

Status SegmentedLog::OpenSegments() {
  SKY_ASSIGN_OR_RETURN(const auto names, disk_.List(options_.folder));
  for (const std::string& name : names) {
    if (!name.ends_with(kSuffix)) continue;
    uint64_t number = 0;
    const char* end = name.data() + name.size() - kSuffix.size();
    const auto parsed = std::from_chars(name.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end) continue;  // Not one of ours.
    next_file_ = std::max(next_file_, number + 1);
    SKY_ASSIGN_OR_RETURN(Segment segment, OpenSegment(options_.folder + "/" + name));
    next_nonce_ = std::max(next_nonce_, segment.nonce + 1);
    (segment.nonce == 0 ? spares_ : used_).push_back(std::move(segment));
  }
  std::ranges::sort(used_, {}, &Segment::nonce);
  return Status();
}

Result<SegmentedLog::Segment> SegmentedLog::OpenSegment(const std::string& path) {
  Segment segment{.path = path};
  SKY_ASSIGN_OR_RETURN(segment.file, disk_.Open(path));
  SegmentHeader header;
  if (segment.file->bytes() < sizeof(header)) return segment;  // Died while it was made.
  SKY_RETURN_IF_ERROR(ReadInto(*segment.file, 0, header));
  if (header.magic != kMagic || header.crc != header.Checksum()) return segment;
  if (header.format != kFormat) {
    return Status(
        StatusCode::kFailedPrecondition,
        fmt::format("{} has format {}, this program reads {}", path, header.format, kFormat));
  }
  if (header.store_id != options_.store_id) {
    return Status(StatusCode::kFailedPrecondition,
                  fmt::format("{} belongs to store {:016x}, not {:016x}", path, header.store_id,
                              options_.store_id));
  }
  segment.nonce = header.nonce;
  segment.first_lsn = header.first_lsn;
  return segment;
}

Status SegmentedLog::ScanAll() {
  if (!used_.empty()) next_lsn_ = used_.front().first_lsn;
  for (size_t i = 0; i < used_.size(); ++i) {
    Segment& segment = used_[i];
    if (segment.first_lsn != next_lsn_) {
      return Status(StatusCode::kDataLoss,
                    fmt::format("{} begins with record {}, but the one before ends with {}",
                                segment.path, segment.first_lsn, next_lsn_ - 1));
    }
    SKY_RETURN_IF_ERROR(Scan(segment, segment.first_lsn, nullptr, &next_lsn_));
    SKY_RETURN_IF_ERROR(CheckTail(segment, next_lsn_));
  }
  for (Segment& spare : spares_) SKY_RETURN_IF_ERROR(CheckSpare(spare));
  // Too small to be used: its reservation was interrupted.
  for (auto it = spares_.begin(); it != spares_.end();) {
    if (it->file->bytes() >= options_.segment_bytes) {
      ++it;
      continue;
    }
    SKY_RETURN_IF_ERROR(disk_.Remove(it->path));
    it = spares_.erase(it);
  }
  return Status();
}

Status SegmentedLog::Scan(Segment& segment, uint64_t from,
                          const std::function<Status(const RedoRecord&)>* visit,
                          uint64_t* next_lsn) {
  uint64_t offset = sizeof(SegmentHeader);
  uint64_t lsn = segment.first_lsn;
  RecordHeader header;
  std::string payload;
  while (true) {
    SKY_ASSIGN_OR_RETURN(const bool whole, ReadRecord(*segment.file, offset, &header, &payload));
    if (!whole || header.nonce != segment.nonce || header.lsn != lsn) break;
    if (visit != nullptr && lsn >= from) {
      SKY_RETURN_IF_ERROR((*visit)({.lsn = lsn, .type = header.type, .payload = payload}));
    }
    offset += sizeof(RecordHeader) + payload.size();
    ++lsn;
  }
  segment.end = offset;
  *next_lsn = lsn;
  return Status();
}

// Looks for the nonce at any offset, then for a whole record around it.
Status SegmentedLog::CheckTail(Segment& segment, uint64_t next_lsn) {
  const std::string_view nonce(reinterpret_cast<const char*>(&segment.nonce), sizeof(uint64_t));
  constexpr size_t kNonceAt = offsetof(RecordHeader, nonce);
  std::string look;
  std::string payload;
  for (uint64_t at = segment.end; at < segment.file->bytes(); at += kLookBytes) {
    const uint64_t left = segment.file->bytes() - at;
    look.resize(std::min<uint64_t>(left, kLookBytes + sizeof(RecordHeader)));
    SKY_RETURN_IF_ERROR(segment.file->ReadAt(at, look));
    for (size_t hit = look.find(nonce); hit != look.npos; hit = look.find(nonce, hit + 1)) {
      if (at + hit < segment.end + kNonceAt) continue;
      RecordHeader header;
      const uint64_t offset = at + hit - kNonceAt;
      SKY_ASSIGN_OR_RETURN(const bool whole, ReadRecord(*segment.file, offset, &header, &payload));
      if (!whole || header.nonce != segment.nonce || header.lsn < next_lsn) continue;
      return Status(StatusCode::kDataLoss,
                    fmt::format("{} is damaged at byte {}: record {} is none, but record {} "
                                "follows at byte {}",
                                segment.path, segment.end, next_lsn, header.lsn, offset));
    }
  }
  return Status();
}

// A segment without a header must not hold what comes next.
Status SegmentedLog::CheckSpare(Segment& segment) const {
  RecordHeader header;
  std::string payload;
  SKY_ASSIGN_OR_RETURN(const bool whole,
                       ReadRecord(*segment.file, sizeof(SegmentHeader), &header, &payload));
  if (!whole || header.lsn < next_lsn_) return Status();
  return Status(StatusCode::kDataLoss,
                fmt::format("the head of {} is damaged: it holds record {}, and the log ends with "
                            "{} without it",
                            segment.path, header.lsn, next_lsn_ - 1));
}

// ---------------------------------------------------------------- writing

Result<uint64_t> SegmentedLog::Append(uint8_t type, std::span<const std::string_view> pieces) {
  if (!failure_.ok()) return failure_;
  uint64_t length = 0;
  for (const std::string_view piece : pieces) length += piece.size();
  const uint64_t bytes = sizeof(RecordHeader) + length;
  if (sizeof(SegmentHeader) + bytes > options_.segment_bytes) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("append {} bytes to the log in {}: a segment holds {}", length,
                              options_.folder, options_.segment_bytes));
  }
  if (used_.back().end + bytes > options_.segment_bytes) SKY_RETURN_IF_ERROR(Roll());
  Segment& segment = used_.back();
  RecordHeader header{.length = static_cast<uint32_t>(length),
                      .lsn = next_lsn_,
                      .nonce = segment.nonce,
                      .type = type};
  header.crc = Crc32c(header.checked());
  for (const std::string_view piece : pieces) header.crc = Crc32c(piece, header.crc);
  std::vector<std::string_view> all = {header.bytes()};
  all.insert(all.end(), pieces.begin(), pieces.end());
  if (Status written = segment.file->WriteAt(segment.end, all); !written.ok()) {
    return written.code() == StatusCode::kResourceExhausted ? written : Noted(written);
  }
  segment.end += bytes;
  return next_lsn_++;
}

Status SegmentedLog::Sync() {
  if (!failure_.ok()) return failure_;
  if (synced_ == last()) return Status();
  SKY_RETURN_IF_ERROR(Noted(used_.back().file->Sync()));
  synced_ = last();
  return Status();
}

// The segment before is safe before the next one holds a record, so a hole is never at its end.
Status SegmentedLog::Roll() {
  if (!used_.empty()) {
    SKY_RETURN_IF_ERROR(Sync());
    SKY_RETURN_IF_ERROR(Release(released_));  // What a tail kept may be free by now.
  }
  SKY_ASSIGN_OR_RETURN(Segment segment, TakeSpare());
  SegmentHeader header{
      .store_id = options_.store_id, .nonce = next_nonce_++, .first_lsn = next_lsn_};
  header.crc = header.Checksum();
  const std::string_view pieces[] = {header.bytes()};
  if (Status written = segment.file->WriteAt(0, pieces); !written.ok()) {
    if (written.code() != StatusCode::kResourceExhausted) return Noted(written);
    // Tried again with the next record; in front, so that the use of segments leaves no gap.
    spares_.insert(spares_.begin(), std::move(segment));
    return written;
  }
  SKY_RETURN_IF_ERROR(Noted(segment.file->Sync()));
  segment.nonce = header.nonce;
  segment.first_lsn = next_lsn_;
  segment.end = sizeof(header);
  used_.push_back(std::move(segment));
  return Status();
}

Result<SegmentedLog::Segment> SegmentedLog::TakeSpare() {
  if (!spares_.empty()) {
    Segment segment = std::move(spares_.front());
    spares_.erase(spares_.begin());
    return segment;
  }
  Segment segment{.path = fmt::format("{}/{:08}{}", options_.folder, next_file_, kSuffix)};
  SKY_ASSIGN_OR_RETURN(segment.file, disk_.Create(segment.path, options_.segment_bytes));
  ++next_file_;
  return segment;
}

Status SegmentedLog::Release(uint64_t lsn) {
  if (!failure_.ok()) return failure_;
  released_ = std::max(released_, lsn);
  lsn = released_;
  for (auto tail = tails_.begin(); tail != tails_.end();) {
    const std::shared_ptr<const uint64_t> from = tail->lock();
    if (from) lsn = std::min(lsn, *from);
    tail = from ? tail + 1 : tails_.erase(tail);
  }
  while (used_.size() > 1 && used_[1].first_lsn <= lsn) {
    spares_.push_back(std::move(used_.front()));
    used_.erase(used_.begin());
  }
  // The oldest first, so that what is left has no gap.
  while (spares_.size() > options_.spares_max) {
    SKY_RETURN_IF_ERROR(Noted(disk_.Remove(spares_.front().path)));
    spares_.erase(spares_.begin());
  }
  return Status();
}

// ---------------------------------------------------------------- reading

uint64_t SegmentedLog::first() const { return used_.front().first_lsn; }

Status SegmentedLog::Read(uint64_t from, const std::function<Status(const RedoRecord&)>& visit) {
  if (!failure_.ok()) return failure_;
  if (from < first()) {
    return Status(StatusCode::kDataLoss,
                  fmt::format("read record {} of the log in {}: it begins with {}", from,
                              options_.folder, first()));
  }
  for (size_t i = 0; i < used_.size(); ++i) {
    const uint64_t end_lsn = i + 1 < used_.size() ? used_[i + 1].first_lsn : next_lsn_;
    if (end_lsn <= from) continue;
    uint64_t seen = 0;
    const uint64_t end = used_[i].end;
    SKY_RETURN_IF_ERROR(Scan(used_[i], from, &visit, &seen));
    if (seen == end_lsn && used_[i].end == end) continue;
    return Status(StatusCode::kDataLoss,
                  fmt::format("{} held the records up to {} and now ends with {}", used_[i].path,
                              end_lsn - 1, seen - 1));
  }
  return Status();
}

// ---------------------------------------------------------------- tails

// Has files of its own: those of the log belong to its thread.
class SegmentedLog::OpenTail : public LogTail {
 public:
  OpenTail(uint64_t from, uint64_t to)
      : from_(std::make_shared<const uint64_t>(from)), to_(to), next_(from) {}

  std::weak_ptr<const uint64_t> from() const { return from_; }
  void Add(Segment segment) { segments_.push_back(std::move(segment)); }

  Status Read(const std::function<Status(const RedoRecord&)>& visit) override {
    next_ = *from_;
    // Behind the last record the log may be writing.
    const Status past_end(StatusCode::kOutOfRange, "the tail ends here");
    const std::function<Status(const RedoRecord&)> checked = [&](const RedoRecord& record) {
      if (record.lsn > to_) return past_end;
      if (record.lsn != next_) return Damaged();
      next_ = record.lsn + 1;
      return visit(record);
    };
    for (Segment& segment : segments_) {
      uint64_t end_lsn = 0;
      const Status read = Scan(segment, next_, &checked, &end_lsn);
      if (read == past_end && next_ > to_) break;
      SKY_RETURN_IF_ERROR(read);
      if (next_ > to_) break;
    }
    return next_ > to_ ? Status() : Damaged();
  }

 private:
  Status Damaged() const {
    return Status(
        StatusCode::kDataLoss,
        fmt::format("record {} of the log is damaged; the records {} to {} were read in {} "
                    "to {}",
                    next_, *from_, to_, segments_.front().path, segments_.back().path));
  }

  const std::shared_ptr<const uint64_t> from_;  // Shared: see tails_.
  const uint64_t to_;
  uint64_t next_;
  std::vector<Segment> segments_;
};

Result<std::unique_ptr<LogTail>> SegmentedLog::Tail(uint64_t from, uint64_t to) {
  if (!failure_.ok()) return failure_;
  if (from < first()) {
    return Status(StatusCode::kDataLoss,
                  fmt::format("read record {} of the log in {}: it begins with {}", from,
                              options_.folder, first()));
  }
  if (to > last() || to + 1 < from) {
    return Status(StatusCode::kOutOfRange,
                  fmt::format("read records {} to {} of the log in {}: it ends with {}", from, to,
                              options_.folder, last()));
  }
  auto tail = std::make_unique<OpenTail>(from, to);
  for (size_t i = 0; i < used_.size(); ++i) {
    const uint64_t end_lsn = i + 1 < used_.size() ? used_[i + 1].first_lsn : next_lsn_;
    if (end_lsn <= from || used_[i].first_lsn > to) continue;
    Segment segment{.path = used_[i].path};
    SKY_ASSIGN_OR_RETURN(segment.file, disk_.Open(segment.path));
    segment.nonce = used_[i].nonce;
    segment.first_lsn = used_[i].first_lsn;
    tail->Add(std::move(segment));
  }
  tails_.push_back(tail->from());
  return std::unique_ptr<LogTail>(std::move(tail));
}

}  // namespace skybridge::env
