// SPDX-License-Identifier: Apache-2.0
#include "ps/log_tail.h"

#include <cstring>
#include <string>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

constexpr uint64_t kMagic = 0x4c49415459454b53;  // "SKEYTAIL"
constexpr uint32_t kFormat = 1;
constexpr size_t kPieceBytes = 1 << 20;  // Small records leave together.
constexpr uint32_t kRecordBytesMax = 1u << 30;

template <typename T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

struct TailHeader {
  uint64_t magic = kMagic;
  uint32_t format = kFormat;
  uint32_t crc = 0;
  TailRange range;

  uint32_t Checksum() const { return Crc32c(BytesOf(range)); }
};
static_assert(sizeof(TailHeader) == 32);

#pragma pack(push, 1)
struct RecordHeader {
  uint32_t crc = 0;
  uint32_t length = 0;
  uint64_t lsn = 0;
  uint8_t type = 0;

  uint32_t Checksum(std::string_view payload) const {
    return Crc32c(payload, Crc32c(BytesOf(*this).substr(sizeof(crc))));
  }
};
#pragma pack(pop)
static_assert(sizeof(RecordHeader) == 17);

std::string Name(const TailRange& range) {
  return "the tail of the log, records " + std::to_string(range.first) + " to " +
         std::to_string(range.last);
}

// Cuts the bytes of a tail into its records as they come.
class TailParser {
 public:
  TailParser(const TailRange& range, uint64_t from,
             const std::function<Status(const env::RedoRecord&)>& visit)
      : range_(range), from_(from), visit_(visit), next_(range.first) {}

  Status Take(std::string_view piece) {
    held_ += piece;
    std::string_view left = held_;
    while (true) {
      const size_t before = left.size();
      SKY_RETURN_IF_ERROR(header_read_ ? TakeRecord(left) : TakeHeader(left));
      if (left.size() == before) break;
    }
    held_.erase(0, held_.size() - left.size());
    return Status();
  }

  Status End() const {
    if (header_read_ && next_ == range_.last + 1 && held_.empty()) return Status();
    return Lost(!header_read_ || next_ <= range_.last
                    ? "it ends before record " + std::to_string(next_)
                    : "it goes on behind its last record");
  }

 private:
  Status Lost(const std::string& what) const {
    return Status(StatusCode::kDataLoss, Name(range_) + ": " + what);
  }

  Status TakeHeader(std::string_view& left) {
    TailHeader header;
    if (left.size() < sizeof(header)) return Status();
    std::memcpy(&header, left.data(), sizeof(header));
    if (header.magic != kMagic) return Lost("this is no tail of a log");
    if (header.format != kFormat) {
      return Status(StatusCode::kFailedPrecondition,
                    Name(range_) + " has format " + std::to_string(header.format) +
                        ", this program reads " + std::to_string(kFormat));
    }
    if (header.crc != header.Checksum()) return Lost("its head is damaged");
    if (header.range != range_) return Lost("the object is " + Name(header.range));
    left.remove_prefix(sizeof(header));
    header_read_ = true;
    return Status();
  }

  Status TakeRecord(std::string_view& left) {
    RecordHeader header;
    if (next_ > range_.last || left.size() < sizeof(header)) return Status();
    std::memcpy(&header, left.data(), sizeof(header));
    // Before its checksum can be known: a wrong length must not make us wait for all bytes.
    if (header.lsn != next_ || header.length > kRecordBytesMax) {
      return Lost("record " + std::to_string(next_) + " is damaged");
    }
    if (left.size() - sizeof(header) < header.length) return Status();
    const std::string_view payload = left.substr(sizeof(header), header.length);
    if (header.Checksum(payload) != header.crc) {
      return Lost("record " + std::to_string(next_) + " is damaged");
    }
    if (next_ >= from_) {
      SKY_RETURN_IF_ERROR(visit_({.lsn = next_, .type = header.type, .payload = payload}));
    }
    ++next_;
    left.remove_prefix(sizeof(header) + header.length);
    return Status();
  }

  const TailRange& range_;
  const uint64_t from_;
  const std::function<Status(const env::RedoRecord&)>& visit_;
  uint64_t next_;
  bool header_read_ = false;
  std::string held_;  // Not whole yet.
};

}  // namespace

Status WriteTail(env::LogTail& tail, const TailRange& range, const ByteSink& sink) {
  TailHeader header{.range = range};
  header.crc = header.Checksum();
  std::string piece(BytesOf(header));
  uint64_t next = range.first;
  const auto other = [&](const std::string& what) {
    return Status(StatusCode::kDataLoss, "write " + Name(range) + ": the log " + what +
                                             " instead of record " + std::to_string(next));
  };
  const auto write = [&](const env::RedoRecord& record) -> Status {
    if (record.lsn != next || record.lsn > range.last) {
      return other("has record " + std::to_string(record.lsn));
    }
    ++next;
    RecordHeader head{.length = static_cast<uint32_t>(record.payload.size()),
                      .lsn = record.lsn,
                      .type = record.type};
    head.crc = head.Checksum(record.payload);
    piece += BytesOf(head);
    piece += record.payload;
    if (piece.size() < kPieceBytes) return Status();
    const Status sunk = sink(piece);
    piece.clear();
    return sunk;
  };
  SKY_RETURN_IF_ERROR(tail.Read(write));
  if (next != range.last + 1) return other("ends");
  return piece.empty() ? Status() : sink(piece);
}

Status TailLog::Read(uint64_t from, const std::function<Status(const env::RedoRecord&)>& visit) {
  if (from < range_.first) {
    return Status(StatusCode::kDataLoss,
                  Name(range_) + ": record " + std::to_string(from) + " is asked for");
  }
  TailParser parser(range_, from, visit);
  SKY_RETURN_IF_ERROR(source_([&](std::string_view piece) { return parser.Take(piece); }));
  return parser.End();
}

Result<uint64_t> TailLog::Append(uint8_t, std::span<const std::string_view>) {
  return Status(StatusCode::kFailedPrecondition, Name(range_) + " is only read");
}

Result<std::unique_ptr<env::LogTail>> TailLog::Tail(uint64_t, uint64_t) {
  return Status(StatusCode::kFailedPrecondition, Name(range_) + " is only read");
}

}  // namespace skybridge::ps
