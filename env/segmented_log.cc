// SPDX-License-Identifier: Apache-2.0
#include "env/segmented_log.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "common/hash.h"

namespace skybridge::env {
namespace {

constexpr uint64_t kMagic = 0x31474f4c59454b53;  // "SKEYLOG1"
constexpr uint32_t kFormat = 2;
constexpr std::string_view kSuffix = ".redo";
constexpr size_t kLookBytes = 1 << 20;  // Of a segment's tail, read at a time.
// Header and marks lie in sectors of their own: rewriting one cannot tear another.
constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kRecordsAt = 3 * kSectorBytes;
constexpr uint64_t MarkAt(size_t place) { return (1 + place) * kSectorBytes; }

struct SegmentHeader {
  uint64_t magic = kMagic;
  uint32_t format = kFormat;
  uint32_t zero = 0;
  uint64_t store_id = 0;
  uint64_t nonce = 0;
  uint64_t first_lsn = 0;
  uint64_t oldest_lsn = 0;
  uint32_t crc = 0;
  uint32_t end = 0;

  std::string_view bytes() const { return {reinterpret_cast<const char*>(this), sizeof(*this)}; }
  uint32_t Checksum() const { return Crc32c(bytes().substr(0, offsetof(SegmentHeader, crc))); }
};
static_assert(sizeof(SegmentHeader) == 56);

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

// The record at `offset`, if a whole one of this nonce lies there with a position of first_lsn to
// last_lsn: its header, and its payload.
struct Expected {
  uint64_t nonce;
  uint64_t first_lsn;
  uint64_t last_lsn;
};
Result<bool> ReadRecord(DiskFile& file, uint64_t offset, const Expected& expected,
                        RecordHeader* header, std::string* payload) {
  if (offset + sizeof(RecordHeader) > file.bytes()) return false;
  SKY_RETURN_IF_ERROR(ReadInto(file, offset, *header));
  const uint64_t length = header->length;
  if (header->nonce != expected.nonce || header->lsn < expected.first_lsn ||
      header->lsn > expected.last_lsn || offset + sizeof(RecordHeader) + length > file.bytes()) {
    return false;
  }
  payload->resize(length);
  SKY_RETURN_IF_ERROR(file.ReadAt(offset + sizeof(RecordHeader), *payload));
  return Crc32c(*payload, Crc32c(header->checked())) == header->crc;
}

}  // namespace

struct SegmentedLog::Mark {
  uint64_t nonce = 0;
  uint64_t synced_lsn = 0;
  uint64_t oldest_lsn = 0;
  uint32_t crc = 0;
  uint32_t zero = 0;

  std::string_view bytes() const { return {reinterpret_cast<const char*>(this), sizeof(*this)}; }
  uint32_t Checksum() const { return Crc32c(bytes().substr(0, offsetof(Mark, crc))); }
};

SegmentedLog::SegmentedLog(Disk& disk, SegmentedLogOptions options)
    : disk_(disk), options_(std::move(options)) {}

Status SegmentedLog::Noted(Status status) {
  if (failure_.ok()) failure_ = status;
  return status;
}

// ---------------------------------------------------------------- opening

Result<std::unique_ptr<SegmentedLog>> SegmentedLog::Open(Disk& disk, SegmentedLogOptions options) {
  CHECK_GT(options.segment_bytes, kRecordsAt + sizeof(RecordHeader));
  CHECK(std::has_single_bit(options.page_bytes)) << options.page_bytes;
  std::unique_ptr<SegmentedLog> log(new SegmentedLog(disk, std::move(options)));
  const std::string name = "open the log in " + log->options_.folder;
  SKY_RETURN_IF_ERROR(log->OpenSegments().WithContext(name));
  SKY_RETURN_IF_ERROR(log->TakeUp().WithContext(name));
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
  if (segment.file->bytes() < kRecordsAt) return segment;  // Died while it was made.
  SKY_RETURN_IF_ERROR(ReadInto(*segment.file, 0, header));
  if (header.magic != kMagic || header.format == 0) return segment;  // Or it is torn.
  if (header.format != kFormat) {
    return Status(
        StatusCode::kFailedPrecondition,
        fmt::format("{} has format {}, this program reads {}", path, header.format, kFormat));
  }
  if (header.crc != header.Checksum()) return segment;
  if (header.store_id != options_.store_id) {
    return Status(StatusCode::kFailedPrecondition,
                  fmt::format("{} belongs to store {:016x}, not {:016x}", path, header.store_id,
                              options_.store_id));
  }
  segment.nonce = header.nonce;
  segment.first_lsn = header.first_lsn;
  segment.oldest_lsn = header.oldest_lsn;
  return segment;
}

Status SegmentedLog::TakeUp() {
  Mark mark;
  if (!used_.empty()) {
    SKY_ASSIGN_OR_RETURN(mark, LastMark());
    next_lsn_ = mark.oldest_lsn;
  }
  for (auto it = spares_.begin(); it != spares_.end();) {
    SKY_RETURN_IF_ERROR(CheckSpare(*it, next_lsn_));
    if (it->file->bytes() >= options_.segment_bytes) {
      ++it;
      continue;
    }
    SKY_RETURN_IF_ERROR(disk_.Remove(it->path));  // Its reservation was interrupted.
    it = spares_.erase(it);
  }
  if (used_.empty()) {
    SKY_RETURN_IF_ERROR(Roll());
    return DropSpares();
  }
  SKY_RETURN_IF_ERROR(DropUnneeded(mark.oldest_lsn));
  SKY_RETURN_IF_ERROR(EndLast(mark.synced_lsn));
  oldest_marked_ = mark.oldest_lsn;
  SKY_RETURN_IF_ERROR(used_.back().file->Sync());
  NoteCovered(Coverage());
  SKY_RETURN_IF_ERROR(WriteMark());
  return DropSpares();
}

// The newest whole mark of the last segment; its header is one from before the first record.
Result<SegmentedLog::Mark> SegmentedLog::LastMark() {
  Segment& segment = used_.back();
  Mark last{.nonce = segment.nonce,
            .synced_lsn = segment.first_lsn - 1,
            .oldest_lsn = segment.oldest_lsn};
  for (const size_t place : {0, 1}) {
    Mark mark;
    SKY_RETURN_IF_ERROR(ReadInto(*segment.file, MarkAt(place), mark));
    if (mark.nonce != segment.nonce || mark.crc != mark.Checksum()) continue;
    if (mark.synced_lsn < last.synced_lsn || mark.oldest_lsn < last.oldest_lsn) continue;
    last = mark;
    mark_synced_ = place;  // It will be, before the next one is written.
  }
  return last;
}

// Segments that were released are spares, whatever is left of them.
Status SegmentedLog::DropUnneeded(uint64_t oldest_lsn) {
  while (used_.size() > 1 && used_.front().first_lsn < oldest_lsn) {
    spares_.push_back(std::move(used_.front()));
    used_.erase(used_.begin());
  }
  if (used_.front().first_lsn == oldest_lsn) return Status();
  return Status(StatusCode::kDataLoss,
                fmt::format("the segment that begins with record {} is missing or its head is "
                            "damaged; the oldest is {}, which begins with record {}",
                            oldest_lsn, used_.front().path, used_.front().first_lsn));
}

// Finds the end of the log. All up to `synced` must be there.
Status SegmentedLog::EndLast(uint64_t synced) {
  Segment& segment = used_.back();
  SKY_ASSIGN_OR_RETURN(end_, Scan(segment, UINT64_MAX, 0, nullptr, &next_lsn_));
  if (next_lsn_ <= synced) {
    return Status(StatusCode::kDataLoss,
                  fmt::format("{} is damaged at byte {}: record {} is none, but the records up to "
                              "{} were synced",
                              segment.path, end_, next_lsn_, synced));
  }
  return WipeTail(segment);
}

Result<uint64_t> SegmentedLog::Scan(Segment& segment, uint64_t last, uint64_t from,
                                    const std::function<Status(const RedoRecord&)>* visit,
                                    uint64_t* next_lsn) {
  uint64_t offset = kRecordsAt;
  uint64_t lsn = segment.first_lsn;
  RecordHeader header;
  std::string payload;
  for (; lsn <= last; ++lsn) {
    const Expected expected{.nonce = segment.nonce, .first_lsn = lsn, .last_lsn = lsn};
    SKY_ASSIGN_OR_RETURN(const bool whole,
                         ReadRecord(*segment.file, offset, expected, &header, &payload));
    if (!whole) break;
    if (visit != nullptr && lsn >= from) {
      SKY_RETURN_IF_ERROR((*visit)({.lsn = lsn, .type = header.type, .payload = payload}));
    }
    offset += sizeof(RecordHeader) + payload.size();
  }
  *next_lsn = lsn;
  return offset;
}

// Looks for the nonce at any offset behind the end, then for a whole record around it. The caller
// syncs before anything is appended.
Status SegmentedLog::WipeTail(Segment& segment) {
  const std::string_view nonce(reinterpret_cast<const char*>(&segment.nonce), sizeof(uint64_t));
  constexpr size_t kNonceAt = offsetof(RecordHeader, nonce);
  const uint64_t size = segment.file->bytes();
  const Expected later{.nonce = segment.nonce,
                       .first_lsn = next_lsn_,
                       .last_lsn = next_lsn_ + (size - end_) / sizeof(RecordHeader)};
  const std::string zeros(sizeof(RecordHeader), '\0');
  const std::string_view wiped[] = {zeros};
  std::string look;
  std::string payload;
  for (uint64_t at = end_; at < size; at += kLookBytes) {
    look.resize(std::min<uint64_t>(size - at, kLookBytes + sizeof(RecordHeader)));
    SKY_RETURN_IF_ERROR(segment.file->ReadAt(at, look));
    for (size_t hit = look.find(nonce); hit != look.npos; hit = look.find(nonce, hit + 1)) {
      if (at + hit < end_ + kNonceAt) continue;
      RecordHeader header;
      const uint64_t offset = at + hit - kNonceAt;
      SKY_ASSIGN_OR_RETURN(const bool whole,
                           ReadRecord(*segment.file, offset, later, &header, &payload));
      if (!whole) continue;
      LOG(WARNING) << segment.path << ": record " << header.lsn << " at byte " << offset
                   << " was not synced, and record " << next_lsn_ << " before it is lost";
      SKY_RETURN_IF_ERROR(segment.file->WriteAt(offset, wiped));
    }
  }
  return Status();
}

// A segment without a header must not hold what is needed.
Status SegmentedLog::CheckSpare(Segment& segment, uint64_t oldest_lsn) const {
  RecordHeader header;
  if (kRecordsAt + sizeof(header) > segment.file->bytes()) return Status();
  SKY_RETURN_IF_ERROR(ReadInto(*segment.file, kRecordsAt, header));
  const Expected needed{.nonce = header.nonce, .first_lsn = oldest_lsn, .last_lsn = UINT64_MAX};
  std::string payload;
  SKY_ASSIGN_OR_RETURN(const bool whole,
                       ReadRecord(*segment.file, kRecordsAt, needed, &header, &payload));
  if (!whole || header.nonce == 0) return Status();
  return Status(StatusCode::kDataLoss,
                fmt::format("the head of {} is damaged: it holds record {}, and the log begins "
                            "with record {}",
                            segment.path, header.lsn, oldest_lsn));
}

// ---------------------------------------------------------------- writing

Result<uint64_t> SegmentedLog::Append(uint8_t type, std::span<const std::string_view> pieces) {
  if (!failure_.ok()) return failure_;
  uint64_t length = 0;
  for (const std::string_view piece : pieces) length += piece.size();
  const uint64_t bytes = sizeof(RecordHeader) + length;
  if (kRecordsAt + bytes > options_.segment_bytes) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("append {} bytes to the log in {}: a segment holds {}", length,
                              options_.folder, options_.segment_bytes));
  }
  // The file's own size: it may have been made under other options.
  if (end_ + bytes > used_.back().file->bytes()) SKY_RETURN_IF_ERROR(Roll());
  Segment& segment = used_.back();
  RecordHeader header{.length = static_cast<uint32_t>(length),
                      .lsn = next_lsn_,
                      .nonce = segment.nonce,
                      .type = type};
  header.crc = Crc32c(header.checked());
  for (const std::string_view piece : pieces) header.crc = Crc32c(piece, header.crc);
  std::vector<std::string_view> all = {header.bytes()};
  all.insert(all.end(), pieces.begin(), pieces.end());
  const std::string rest(RestOfPage(end_ + bytes), '\0');
  all.push_back(rest);
  if (Status written = segment.file->WriteAt(end_, all); !written.ok()) {
    if (written.code() != StatusCode::kResourceExhausted) return Noted(written);
    SKY_RETURN_IF_ERROR(Unwrite());
    return written;
  }
  end_ += bytes;
  return next_lsn_++;
}

// A record that was refused may be there as a whole, if there was no room for its zeros only; the
// next one would take its place, and a power cut could bring it back. Without room for this either
// it stays until then.
Status SegmentedLog::Unwrite() {
  const std::string zeros(sizeof(RecordHeader), '\0');
  const std::string_view pieces[] = {zeros};
  Status wiped = used_.back().file->WriteAt(end_, pieces);
  return wiped.code() == StatusCode::kResourceExhausted ? Status() : Noted(std::move(wiped));
}

uint64_t SegmentedLog::RestOfPage(uint64_t end) const {
  const uint64_t rest = (0 - end) % options_.page_bytes;
  return std::min(rest, used_.back().file->bytes() - end);
}

// The segment before is safe before the next one holds a record, so a gap is never at its end; and
// what is released before its segment is written over.
Status SegmentedLog::Roll() {
  if (!used_.empty()) {
    SKY_RETURN_IF_ERROR(Release(released_));  // What a tail kept may be free by now.
    SKY_RETURN_IF_ERROR(Settle());
  }
  SKY_ASSIGN_OR_RETURN(Segment segment, TakeSpare());
  SegmentHeader header{.store_id = options_.store_id,
                       .nonce = next_nonce_++,
                       .first_lsn = next_lsn_,
                       .oldest_lsn = used_.empty() ? next_lsn_ : first()};
  header.crc = header.Checksum();
  const std::string_view pieces[] = {header.bytes()};
  if (Status written = segment.file->WriteAt(0, pieces); !written.ok()) {
    if (written.code() != StatusCode::kResourceExhausted) return Noted(written);
    // Tried again with the next record, whatever its size: the header may be there after all.
    spares_.insert(spares_.begin(), std::move(segment));
    if (!used_.empty()) end_ = used_.back().file->bytes();
    return written;
  }
  SKY_RETURN_IF_ERROR(Noted(segment.file->Sync()));
  segment.nonce = header.nonce;
  segment.first_lsn = next_lsn_;
  segment.oldest_lsn = header.oldest_lsn;
  used_.push_back(std::move(segment));
  end_ = kRecordsAt;
  synced_ = last();
  oldest_synced_ = header.oldest_lsn;
  oldest_marked_ = header.oldest_lsn;
  mark_synced_ = 1;
  mark_written_ = false;
  in_flight_.reset();
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
  return DropSpares();
}

// Those that are too many, or too small: made under other options.
Status SegmentedLog::DropSpares() {
  size_t kept = 0;
  for (auto it = spares_.begin(); it != spares_.end();) {
    if (it->file->bytes() >= options_.segment_bytes && kept < options_.spares_max) {
      ++kept;
      ++it;
      continue;
    }
    SKY_RETURN_IF_ERROR(Settle());
    SKY_RETURN_IF_ERROR(Noted(disk_.Remove(it->path)));
    it = spares_.erase(it);
  }
  return Status();
}

// ---------------------------------------------------------------- syncing

SegmentedLog::Covered SegmentedLog::Coverage() const {
  return {.last = last(), .oldest = oldest_marked_, .mark = mark_written_};
}

void SegmentedLog::NoteCovered(const Covered& covered) {
  synced_ = std::max(synced_, covered.last);
  oldest_synced_ = std::max(oldest_synced_, covered.oldest);
  if (!covered.mark) return;
  mark_synced_ = 1 - mark_synced_;
  mark_written_ = false;
}

Status SegmentedLog::Sync() {
  if (!failure_.ok()) return failure_;
  if (synced_ == last()) return Status();
  SKY_RETURN_IF_ERROR(Noted(used_.back().file->Sync()));
  in_flight_.reset();
  NoteCovered(Coverage());
  return WriteMark();
}

Status SegmentedLog::Settle() {
  if (synced_ == last() && oldest_synced_ == first()) return Status();
  SKY_RETURN_IF_ERROR(WriteMark());
  SKY_RETURN_IF_ERROR(Noted(used_.back().file->Sync()));
  in_flight_.reset();
  NoteCovered(Coverage());
  if (oldest_synced_ == first()) return Status();
  return Status(
      StatusCode::kResourceExhausted,
      fmt::format("no room for a mark in {}; free space on that disk", used_.back().path));
}

std::unique_ptr<RedoSync> SegmentedLog::StartSync() {
  in_flight_ = Coverage();
  return std::make_unique<RedoSync>([file = used_.back().file] { return file->Sync(); });
}

Status SegmentedLog::FinishSync(const RedoSync& sync) {
  if (!failure_.ok()) return failure_;
  SKY_RETURN_IF_ERROR(Noted(sync.status()));
  if (!in_flight_) return Status();
  NoteCovered(*in_flight_);
  in_flight_.reset();
  return WriteMark();
}

// In the place of the mark before the last one that was synced. On some file systems even that may
// find no room; then the one before still holds.
Status SegmentedLog::WriteMark() {
  Segment& segment = used_.back();
  Mark mark{.nonce = segment.nonce, .synced_lsn = synced_, .oldest_lsn = first()};
  mark.crc = mark.Checksum();
  const std::string_view pieces[] = {mark.bytes()};
  Status written = segment.file->WriteAt(MarkAt(1 - mark_synced_), pieces);
  mark_written_ = written.ok();
  if (written.code() == StatusCode::kResourceExhausted) return Status();
  if (written.ok()) oldest_marked_ = first();
  return Noted(std::move(written));
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
    SKY_ASSIGN_OR_RETURN(const uint64_t end, Scan(used_[i], end_lsn - 1, from, &visit, &seen));
    if (seen == end_lsn) continue;
    return Status(StatusCode::kDataLoss,
                  fmt::format("{} is damaged at byte {}: record {} is none, but the segment holds "
                              "those up to {}",
                              used_[i].path, end, seen, end_lsn - 1));
  }
  return Status();
}

// ---------------------------------------------------------------- tails

// Has files of its own: those of the log belong to its thread.
class SegmentedLog::OpenTail : public LogTail {
 public:
  OpenTail(uint64_t from, uint64_t to) : from_(std::make_shared<const uint64_t>(from)), to_(to) {}

  std::weak_ptr<const uint64_t> from() const { return from_; }
  // `last`: of the segment's records that it needs.
  void Add(Segment segment, uint64_t last) { parts_.push_back({std::move(segment), last}); }

  Status Read(const std::function<Status(const RedoRecord&)>& visit) override {
    for (Part& part : parts_) {
      uint64_t next = 0;
      SKY_RETURN_IF_ERROR(Scan(part.segment, part.last, *from_, &visit, &next).status());
      if (next > part.last) continue;
      return Status(StatusCode::kDataLoss,
                    fmt::format("{} is damaged: record {} is none; the records {} to {} were read",
                                part.segment.path, next, *from_, to_));
    }
    return Status();
  }

 private:
  struct Part {
    Segment segment;
    uint64_t last;
  };
  const std::shared_ptr<const uint64_t> from_;  // Shared: see tails_.
  const uint64_t to_;
  std::vector<Part> parts_;
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
    tail->Add(std::move(segment), std::min(end_lsn - 1, to));
  }
  tails_.push_back(tail->from());
  return std::unique_ptr<LogTail>(std::move(tail));
}

}  // namespace skybridge::env
