// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "env/disk.h"
#include "env/log_segment.h"
#include "env/redo_log.h"

namespace skybridge::env {

struct SegmentedLogOptions {
  std::string folder;                 // Of this log alone.
  uint64_t store_id = 0;              // Whose log it is; that of another is refused.
  uint64_t segment_bytes = 80 << 20;  // One file; a record must fit: the largest push does.
  size_t spares_max = 2;              // Segments kept for use again; more are deleted.
  uint64_t page_bytes = 4096;         // Writes end at multiples of it; a power of two.
  bool begun = false;                 // It was there before: a folder without one has lost it.
};

// A RedoLog in files of one size, which are reserved at once, written from front to back, and used
// again when what they hold is not needed any more (docs/protocol.md, section 7). Their format is
// LogSegment's.
//
// A segment gets a new nonce each time it is used, above all whose bytes may still lie in a file,
// so a record that an earlier use left behind is told from one of this use. lsn runs dense through
// all segments. All segments but the last two are synced as a whole, so only these can have a torn
// end.
//
// The log ends at the first bytes of the last segment, or of the one before it, that are no record
// of its nonce and the next lsn. A power cut may leave whole records behind such a gap; they are no
// part of the log, and are wiped out, or deleted with their segment, before it goes on, so that
// they never follow new ones. Whether it was a power cut or damage the newest mark tells: written
// after each sync, it says up to where nothing can be missing, and which segment is the oldest. A
// gap below that is kDataLoss. Marks take turns, so that one whole one is always there.
//
// The owner does not wait for the disk when a segment is full: a sync beside him makes the next one
// ready, out of those that are used again, and makes the one before safe; if there is none to use
// again, it reserves one. He waits when it has not done so yet.
//
// Zeros fill the rest of a record's last page, until the next record takes their place. A segment
// in use again is mostly not in memory, and of a page that is not written as a whole the system
// first reads the rest from the disk, while the log's owner waits.
class SegmentedLog : public RedoLog {
 public:
  // Opens what is in the folder, or begins a log. Reads only the last segment; the others are
  // checked by Read. `disk` outlives it, and what StartSync gave.
  // Errors: kDataLoss            synced records or segments are missing; names file and offset;
  //                              or all of it is.
  //         kFailedPrecondition  the log of another store; names both.
  static Result<std::unique_ptr<SegmentedLog>> Open(Disk& disk, SegmentedLogOptions options);

  Result<uint64_t> Append(uint8_t type, std::span<const std::string_view> pieces) override;
  Status Sync() override;
  std::unique_ptr<RedoSync> StartSync() override;
  Status FinishSync(const RedoSync& sync) override;
  Status Read(uint64_t from, const std::function<Status(const RedoRecord&)>& visit) override;
  Result<std::unique_ptr<LogTail>> Tail(uint64_t from, uint64_t to) override;
  Status Release(uint64_t lsn) override;
  uint64_t first() const override;
  uint64_t last() const override { return next_lsn_ - 1; }
  uint64_t synced() const override { return synced_; }

 private:
  // What a sync that was started covers.
  struct Covered {
    uint64_t last = 0;
    uint64_t oldest = 0;
    bool mark = false;
    std::shared_ptr<DiskFile> before;
    bool next = false;  // The segment that is made ready.
  };

  // A file that is made beside the owner.
  struct Reservation {
    std::string path;
    Result<std::unique_ptr<DiskFile>> file = Status(StatusCode::kUnavailable, "not made yet");
  };

  SegmentedLog(Disk& disk, SegmentedLogOptions options);
  // Returns those that an earlier life made ready and did not use.
  Result<std::vector<LogSegment>> OpenSegments();
  class OpenTail;
  Status TakeUp(const std::vector<LogSegment>& unused);
  Result<LogMark> NewestMark();
  Status CheckSpares(uint64_t oldest_lsn);
  Status DropUnneeded(uint64_t oldest_lsn);
  Status DropBehindGap(uint64_t synced);
  Status EndLast(uint64_t synced);
  Status RefuseGap(const LogSegment& segment, uint64_t end, uint64_t next, uint64_t synced) const;
  Status Unwrite();
  uint64_t RestOfPage(uint64_t end) const;
  Status Roll();
  Status MakeNext(uint64_t first_lsn);
  bool MayMakeNext() const;
  bool WantsSpare() const;
  Status TakeReserved();
  Result<LogSegment> TakeSpare();
  std::string NewPath();
  Status DropSpares();
  // What first() is now survives a power cut, as do all records.
  Status Settle();
  Status SyncFiles();
  std::vector<std::shared_ptr<DiskFile>> UnsyncedFiles() const;
  Status WriteMark();
  Covered Coverage() const;
  void NoteCovered(const Covered& covered);
  Status Noted(Status status);

  Disk& disk_;
  const SegmentedLogOptions options_;
  std::vector<LogSegment> used_;    // Ascending; the last is being written.
  std::vector<LogSegment> spares_;  // In the order in which they are used again.
  std::optional<LogSegment> next_;  // Comes after the last: its header is written ...
  bool next_synced_ = false;        // ... and survives a power cut.
  // Of the segment before the last, until it is synced as a whole; then, and before, synced() is
  // below last().
  std::shared_ptr<DiskFile> before_;
  std::shared_ptr<Reservation> reservation_;  // By a started sync.
  // What living tails need: each shares its first record with this list, from whatever thread it
  // dies on.
  std::vector<std::weak_ptr<const uint64_t>> tails_;
  uint64_t released_ = 0;  // By the owner; tails may still need some of it.
  uint64_t next_lsn_ = 1;
  uint64_t next_nonce_ = 1;
  uint64_t next_file_ = 1;
  uint64_t end_ = 0;  // In the last segment: where the next record goes.

  uint64_t synced_ = 0;
  uint64_t oldest_synced_ = 0;        // first() as a power cut would leave it.
  uint64_t oldest_marked_ = 0;        // first() in the mark written last.
  size_t mark_synced_ = 1;            // The place of the mark that a power cut would leave ...
  bool mark_written_ = false;         // ... and whether the other place was written since.
  std::optional<Covered> in_flight_;  // By a started sync; none once a Sync covered it too.
  Status failure_;
};

}  // namespace skybridge::env
