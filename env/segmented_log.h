// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "env/disk.h"
#include "env/redo_log.h"

namespace skybridge::env {

struct SegmentedLogOptions {
  std::string folder;                 // Of this log alone.
  uint64_t store_id = 0;              // Whose log it is; that of another is refused.
  uint64_t segment_bytes = 80 << 20;  // One file; a record must fit: the largest push does.
  size_t spares_max = 2;              // Segments kept for use again; more are deleted.
};

// A RedoLog in files of one size, which are reserved at once, written from front to back, and used
// again when what they hold is not needed any more (docs/protocol.md, section 7).
//
//   segment  magic u64 | format u32 | 0 u32 | store id u64 | nonce u64 | first lsn u64 |
//            crc32c u32 | 0 u32 | records, one after the other | whatever lay there before
//   record   crc32c u32 | length u32 | lsn u64 | nonce u64 | type u8 | payload [length]
//
// A segment gets a new nonce each time it is used, above all that this log ever gave (the segment
// in use has the highest and is never deleted), so a record that an earlier use left behind is told
// from one of this use. lsn runs dense through all segments. The log ends at the first bytes that
// are no record of this nonce and the next lsn. If any record of this nonce lies beyond them, or
// the next segment does not go on there, the damage is in the middle: kDataLoss. So at a torn end
// no whole record is left behind it, and new ones may be written over it.
class SegmentedLog : public RedoLog {
 public:
  // Opens what is in the folder, or begins a log. `disk` outlives it.
  // Errors: kDataLoss            damage in the middle; names file and offset.
  //         kFailedPrecondition  the log of another store; names both.
  static Result<std::unique_ptr<SegmentedLog>> Open(Disk& disk, SegmentedLogOptions options);

  Result<uint64_t> Append(uint8_t type, std::span<const std::string_view> pieces) override;
  Status Sync() override;
  Status Read(uint64_t from, const std::function<Status(const RedoRecord&)>& visit) override;
  Result<std::unique_ptr<LogTail>> Tail(uint64_t from, uint64_t to) override;
  Status Release(uint64_t lsn) override;
  uint64_t first() const override;
  uint64_t last() const override { return next_lsn_ - 1; }
  uint64_t synced() const override { return synced_; }

 private:
  struct Segment {
    std::string path;
    std::unique_ptr<DiskFile> file;
    uint64_t nonce = 0;      // 0: never used.
    uint64_t first_lsn = 0;  // Of its first record, there yet or not.
    uint64_t end = 0;        // Where the next record goes.
  };

  SegmentedLog(Disk& disk, SegmentedLogOptions options);
  Status OpenSegments();
  Result<Segment> OpenSegment(const std::string& path);
  Status ScanAll();
  class OpenTail;
  // Reads a segment's records from its front; sets its end. `visit` may be null.
  static Status Scan(Segment& segment, uint64_t from,
                     const std::function<Status(const RedoRecord&)>* visit, uint64_t* next_lsn);
  Status CheckTail(Segment& segment, uint64_t next_lsn);
  Status CheckSpare(Segment& segment) const;
  Status Roll();
  Result<Segment> TakeSpare();
  Status Noted(Status status);

  Disk& disk_;
  const SegmentedLogOptions options_;
  std::vector<Segment> used_;    // Ascending; the last is being written.
  std::vector<Segment> spares_;  // In the order in which they are used again.
  // What living tails need: each shares its first record with this list, from whatever thread it
  // dies on.
  std::vector<std::weak_ptr<const uint64_t>> tails_;
  uint64_t released_ = 0;  // By the owner; tails may still need some of it.
  uint64_t next_lsn_ = 1;
  uint64_t next_nonce_ = 1;
  uint64_t next_file_ = 1;
  uint64_t synced_ = 0;
  Status failure_;
};

}  // namespace skybridge::env
