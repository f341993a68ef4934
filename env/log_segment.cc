// SPDX-License-Identifier: Apache-2.0
#include "env/log_segment.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <glog/logging.h>

#include "common/hash.h"

namespace skybridge::env {
namespace {

constexpr uint64_t kMagic = 0x31474f4c59454b53;  // "SKEYLOG1"
constexpr uint32_t kFormat = 3;
constexpr size_t kLookBytes = 1 << 20;  // Of a segment's tail, read at a time.

// Header and marks lie in sectors of their own: rewriting one cannot tear another.
constexpr uint64_t MarkAt(size_t place) { return (1 + place) * LogSegment::kSectorBytes; }

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
};
static_assert(sizeof(SegmentHeader) == 56);
static_assert(sizeof(LogMark) == 40);

template <typename T>
std::string_view BytesOf(const T& head) {
  return {reinterpret_cast<const char*>(&head), sizeof(head)};
}

template <typename T>
uint32_t ChecksumOf(const T& head) {
  return Crc32c(BytesOf(head).substr(0, offsetof(T, crc)));
}

#pragma pack(push, 1)
struct RecordHeader {
  uint32_t crc = 0;  // Of all that follows.
  uint32_t length = 0;
  uint64_t lsn = 0;
  uint64_t nonce = 0;
  uint8_t type = 0;

  std::string_view checked() const { return BytesOf(*this).substr(sizeof(crc)); }
};
#pragma pack(pop)
static_assert(sizeof(RecordHeader) == LogSegment::kRecordHeaderBytes);

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

// ---------------------------------------------------------------- header and marks

Result<LogSegment> LogSegment::Open(Disk& disk, const std::string& path, uint64_t store_id) {
  SKY_ASSIGN_OR_RETURN(auto file, disk.Open(path));
  LogSegment segment(path, std::move(file));
  SKY_RETURN_IF_ERROR(segment.ReadHeader(store_id));
  if (segment.nonce_ == 0 || segment.first_lsn_ != 0) return segment;
  size_t place = 0;
  SKY_ASSIGN_OR_RETURN(const LogMark mark, segment.NewestMark(&place));
  segment.first_lsn_ = mark.first_lsn;
  if (mark.first_lsn != 0) return segment;
  RecordHeader header;
  std::string payload;
  const Expected any{.nonce = segment.nonce_, .first_lsn = 1, .last_lsn = UINT64_MAX};
  SKY_ASSIGN_OR_RETURN(const bool whole,
                       ReadRecord(*segment.file_, kRecordsAt, any, &header, &payload));
  if (whole) segment.first_lsn_ = header.lsn;
  return segment;
}

LogSegment LogSegment::With(std::shared_ptr<DiskFile> file) const {
  LogSegment segment = *this;
  segment.file_ = std::move(file);
  return segment;
}

Status LogSegment::ReadHeader(uint64_t store_id) {
  SegmentHeader header;
  if (bytes() < kRecordsAt) return {};  // Died while it was made.
  SKY_RETURN_IF_ERROR(ReadInto(*file_, 0, header));
  if (header.magic != kMagic || header.format == 0) return {};  // Or it is torn.
  if (header.format != kFormat) {
    return {StatusCode::kFailedPrecondition,
            fmt::format("{} has format {}, this program reads {}", path_, header.format, kFormat)};
  }
  if (header.crc != ChecksumOf(header)) return {};
  if (header.store_id != store_id) {
    return {StatusCode::kFailedPrecondition, fmt::format("{} belongs to store {:016x}, not {:016x}",
                                                         path_, header.store_id, store_id)};
  }
  nonce_ = header.nonce;
  first_lsn_ = header_first_lsn_ = header.first_lsn;
  oldest_lsn_ = header.oldest_lsn;
  return {};
}

Status LogSegment::WriteHeader(uint64_t store_id, uint64_t nonce, uint64_t first_lsn,
                               uint64_t oldest_lsn) {
  SegmentHeader header{
      .store_id = store_id, .nonce = nonce, .first_lsn = first_lsn, .oldest_lsn = oldest_lsn};
  header.crc = ChecksumOf(header);
  const std::string_view pieces[] = {BytesOf(header)};
  SKY_RETURN_IF_ERROR(file_->WriteAt(0, pieces));
  nonce_ = nonce;
  first_lsn_ = header_first_lsn_ = first_lsn;
  oldest_lsn_ = oldest_lsn;
  return {};
}

Status LogSegment::WriteMark(size_t place, uint64_t synced_lsn, uint64_t oldest_lsn) {
  LogMark mark{
      .nonce = nonce_, .first_lsn = first_lsn_, .synced_lsn = synced_lsn, .oldest_lsn = oldest_lsn};
  mark.crc = ChecksumOf(mark);
  const std::string_view pieces[] = {BytesOf(mark)};
  return file_->WriteAt(MarkAt(place), pieces);
}

Result<LogMark> LogSegment::NewestMark(size_t* place) const {
  // What was before a segment that was not made ready is synced.
  LogMark newest{.nonce = nonce_,
                 .first_lsn = header_first_lsn_,
                 .synced_lsn = std::max<uint64_t>(header_first_lsn_, 1) - 1,
                 .oldest_lsn = oldest_lsn_};
  for (const size_t at : {0, 1}) {
    LogMark mark;
    SKY_RETURN_IF_ERROR(ReadInto(*file_, MarkAt(at), mark));
    if (mark.nonce != nonce_ || mark.crc != ChecksumOf(mark)) continue;
    if (mark.synced_lsn < newest.synced_lsn || mark.oldest_lsn < newest.oldest_lsn) continue;
    newest = mark;
    *place = at;
  }
  return newest;
}

// ---------------------------------------------------------------- records

Status LogSegment::WriteRecord(uint64_t offset, uint64_t lsn, uint8_t type, uint64_t length,
                               std::span<const std::string_view> pieces, uint64_t padding) const {
  RecordHeader header{
      .length = static_cast<uint32_t>(length), .lsn = lsn, .nonce = nonce_, .type = type};
  header.crc = Crc32c(header.checked());
  for (const std::string_view piece : pieces) header.crc = Crc32c(piece, header.crc);
  std::vector<std::string_view> all = {BytesOf(header)};
  all.insert(all.end(), pieces.begin(), pieces.end());
  const std::string rest(padding, '\0');
  all.push_back(rest);
  return file_->WriteAt(offset, all);
}

Status LogSegment::WipeRecord(uint64_t offset) const {
  const std::string zeros(sizeof(RecordHeader), '\0');
  const std::string_view pieces[] = {zeros};
  return file_->WriteAt(offset, pieces);
}

Result<uint64_t> LogSegment::Scan(uint64_t last, uint64_t from, const Visit* visit,
                                  uint64_t* next_lsn) const {
  uint64_t offset = kRecordsAt;
  uint64_t lsn = first_lsn_;
  RecordHeader header;
  std::string payload;
  for (; lsn <= last; ++lsn) {
    const Expected expected{.nonce = nonce_, .first_lsn = lsn, .last_lsn = lsn};
    SKY_ASSIGN_OR_RETURN(const bool whole, ReadRecord(*file_, offset, expected, &header, &payload));
    if (!whole) break;
    if (visit != nullptr && lsn >= from) {
      SKY_RETURN_IF_ERROR((*visit)({.lsn = lsn, .type = header.type, .payload = payload}));
    }
    offset += sizeof(RecordHeader) + payload.size();
  }
  *next_lsn = lsn;
  return offset;
}

// Looks for the nonce at any offset behind the end, then for a whole record around it.
Status LogSegment::WipeTail(uint64_t end, uint64_t next_lsn) const {
  const std::string_view nonce(reinterpret_cast<const char*>(&nonce_), sizeof(uint64_t));
  constexpr size_t kNonceAt = offsetof(RecordHeader, nonce);
  const Expected later{.nonce = nonce_,
                       .first_lsn = next_lsn,
                       .last_lsn = next_lsn + (bytes() - end) / sizeof(RecordHeader)};
  std::string look;
  std::string payload;
  for (uint64_t at = end; at < bytes(); at += kLookBytes) {
    look.resize(std::min<uint64_t>(bytes() - at, kLookBytes + sizeof(RecordHeader)));
    SKY_RETURN_IF_ERROR(file_->ReadAt(at, look));
    for (size_t hit = look.find(nonce); hit != look.npos; hit = look.find(nonce, hit + 1)) {
      if (at + hit < end + kNonceAt) continue;
      RecordHeader header;
      const uint64_t offset = at + hit - kNonceAt;
      SKY_ASSIGN_OR_RETURN(const bool whole, ReadRecord(*file_, offset, later, &header, &payload));
      if (!whole) continue;
      LOG(WARNING) << path_ << ": record " << header.lsn << " at byte " << offset
                   << " was not synced, and record " << next_lsn << " before it is lost";
      SKY_RETURN_IF_ERROR(WipeRecord(offset));
    }
  }
  return {};
}

Status LogSegment::CheckNotNeeded(uint64_t oldest_lsn) const {
  RecordHeader header;
  if (kRecordsAt + sizeof(header) > bytes()) return {};
  SKY_RETURN_IF_ERROR(ReadInto(*file_, kRecordsAt, header));
  const Expected needed{.nonce = header.nonce, .first_lsn = oldest_lsn, .last_lsn = UINT64_MAX};
  std::string payload;
  SKY_ASSIGN_OR_RETURN(const bool whole, ReadRecord(*file_, kRecordsAt, needed, &header, &payload));
  if (!whole || header.nonce == 0) return {};
  return {StatusCode::kDataLoss,
          fmt::format("the head of {} is damaged: it holds record {}, and the log begins "
                      "with record {}",
                      path_, header.lsn, oldest_lsn)};
}

}  // namespace skybridge::env
