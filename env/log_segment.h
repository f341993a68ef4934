// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "common/status.h"
#include "env/disk.h"
#include "env/redo_log.h"

namespace skybridge::env {

// What a segment of a SegmentedLog says of the log. The checksum is of what stands before it.
struct LogMark {
  uint64_t nonce = 0;
  uint64_t first_lsn = 0;  // Of the segment's first record.
  uint64_t synced_lsn = 0;
  uint64_t oldest_lsn = 0;
  uint32_t crc = 0;
  uint32_t zero = 0;
};

// One file of a SegmentedLog, which says when and why it does what. Its format:
//
//   segment  header, mark, mark, each in a sector (512 bytes) of its own | records, one after the
//            other | whatever lay there before
//   header   magic u64 | format u32 | 0 u32 | store id u64 | nonce u64 | first lsn u64 |
//            oldest lsn u64 | crc32c u32 | 0 u32
//   mark     nonce u64 | first lsn u64 | synced lsn u64 | oldest lsn u64 | crc32c u32 | 0 u32
//   record   crc32c u32 | length u32 | lsn u64 | nonce u64 | type u8 | payload [length]
//
// The first lsn of a header is 0 if it was written before that was known: then the marks tell, or
// the first record. The header of a segment is written once for each nonce.
class LogSegment {
 public:
  using Visit = std::function<Status(const RedoRecord&)>;

  static constexpr uint64_t kSectorBytes = 512;
  static constexpr uint64_t kRecordsAt = 3 * kSectorBytes;
  static constexpr uint64_t kRecordHeaderBytes = 25;

  LogSegment(std::string path, std::shared_ptr<DiskFile> file)
      : path_(std::move(path)), file_(std::move(file)) {}
  // What is there. Its nonce is 0 if it was never used, or its header is torn; else its first lsn
  // is 0 if it has neither marks nor a first record.
  // Errors: kFailedPrecondition  of another store or format; those of `disk`.
  static Result<LogSegment> Open(Disk& disk, const std::string& path, uint64_t store_id);

  const std::string& path() const { return path_; }
  const std::shared_ptr<DiskFile>& file() const { return file_; }
  uint64_t bytes() const { return file_->bytes(); }
  uint64_t nonce() const { return nonce_; }
  uint64_t first_lsn() const { return first_lsn_; }
  // The same segment, read by another thread.
  LogSegment With(std::shared_ptr<DiskFile> file) const;
  // For a segment that was made ready, once it is known.
  void set_first_lsn(uint64_t lsn) { first_lsn_ = lsn; }

  Status WriteHeader(uint64_t store_id, uint64_t nonce, uint64_t first_lsn, uint64_t oldest_lsn);
  Status WriteMark(size_t place, uint64_t synced_lsn, uint64_t oldest_lsn);
  // The newest whole mark, and its place; its header is one from before the first record, which
  // leaves `place` as it is.
  Result<LogMark> NewestMark(size_t* place) const;

  // A record at `offset`, with `padding` zeros behind it.
  Status WriteRecord(uint64_t offset, uint64_t lsn, uint8_t type, uint64_t length,
                     std::span<const std::string_view> pieces, uint64_t padding) const;
  // Makes that there is no record at `offset`.
  Status WipeRecord(uint64_t offset) const;
  // Reads records from the front, up to `last`, and shows those from `from` on to `visit`, if there
  // is one. Returns where the next one goes; `next_lsn`: its number.
  Result<uint64_t> Scan(uint64_t last, uint64_t from, const Visit* visit, uint64_t* next_lsn) const;
  // Wipes whole records of this nonce behind `end`, where record `next_lsn` goes. The caller syncs
  // before anything is appended.
  Status WipeTail(uint64_t end, uint64_t next_lsn) const;
  // Of a segment without a header. Errors: kDataLoss if it holds a record from `oldest_lsn` on.
  Status CheckNotNeeded(uint64_t oldest_lsn) const;

 private:
  Status ReadHeader(uint64_t store_id);

  std::string path_;
  std::shared_ptr<DiskFile> file_;  // Shared with a sync that is under way.
  uint64_t nonce_ = 0;
  uint64_t first_lsn_ = 0;
  uint64_t header_first_lsn_ = 0;
  uint64_t oldest_lsn_ = 0;  // first() of the log when the header was written.
};

}  // namespace skybridge::env
