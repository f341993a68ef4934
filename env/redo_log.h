// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "common/node.h"
#include "common/status.h"

namespace skybridge::env {

// One record of a redo log. `payload` is valid during the call that got it.
struct RedoRecord {
  uint64_t lsn = 0;  // Position in the log, dense from 1.
  uint8_t type = 0;  // The owner's business, as is the payload.
  std::string_view payload;
};

// Some records of a log, for another thread while the log goes on. Any thread, one at a time.
class LogTail {
 public:
  virtual ~LogTail() = default;
  // Visits all of them in order; a `visit` that fails ends it with that error.
  // Errors: kDataLoss  one of them is damaged.
  virtual Status Read(const std::function<Status(const RedoRecord&)>& visit) = 0;
};

// Makes records of a log survive a power cut while the log's owner goes on: see RedoLog::StartSync.
class RedoSync : public Task {
 public:
  explicit RedoSync(std::function<Status()> sync) : sync_(std::move(sync)) {}
  void Run() override { status_ = sync_(); }
  const Status& status() const { return status_; }

 private:
  const std::function<Status()> sync_;
  Status status_{StatusCode::kUnavailable, "this sync did not run"};
};

// The durable log of one node, read back once when the node starts again (docs/protocol.md,
// section 7). Synchronous like RowStore, and deterministic under its fake. One thread owns it.
//
// Laws: what Append returned survives the death of this process; what Sync covered survives a power
// cut. After a crash the log holds a prefix of what was appended, at least as long as what was
// promised: a disk may keep a later write and lose an earlier one, but then neither comes back.
// After an error other than kResourceExhausted the log must not be used: what is on disk is then
// unknown, and only reading it again can tell.
class RedoLog {
 public:
  virtual ~RedoLog() = default;

  // Appends one record: `pieces`, one after the other. Returns its position, last() + 1.
  // Errors: kResourceExhausted  the disk is full: nothing was appended, and a later call may go
  //                             well; names the path and the bytes needed. A process that dies
  //                             before the next call may find the record nevertheless.
  //         kInvalidArgument    larger than a segment holds; nothing was appended.
  //         kUnavailable        the disk failed.
  virtual Result<uint64_t> Append(uint8_t type, std::span<const std::string_view> pieces) = 0;

  // Makes all records appended so far survive a power cut.
  virtual Status Sync() = 0;

  // Work that does the same for the records appended so far, on any thread: run it, then hand it to
  // FinishSync. One at a time; a log that ends forgets it.
  virtual std::unique_ptr<RedoSync> StartSync() = 0;
  // Takes note of it: only now synced() grows. Errors: those of Sync.
  virtual Status FinishSync(const RedoSync& sync) = 0;

  // Visits the records from position `from` on, in order; a `visit` that fails ends it with that
  // error. Positions below first() are gone. Whoever goes on with a log reads first what it needs.
  // Errors: kDataLoss  a damaged record, or `from` below first().
  virtual Status Read(uint64_t from, const std::function<Status(const RedoRecord&)>& visit) = 0;

  // The records `from` .. `to`; `to` = `from` - 1: none. While it lives, Release spares all records
  // from `from` on, those after `to` too. It must not outlive the disk.
  // Errors: kDataLoss    `from` is below first().
  //         kOutOfRange  `to` is above last().
  virtual Result<std::unique_ptr<LogTail>> Tail(uint64_t from, uint64_t to) = 0;

  // Records below `lsn` are not needed any more: their room is used again, some time.
  virtual Status Release(uint64_t lsn) = 0;

  virtual uint64_t first() const = 0;   // The oldest record still there; last() + 1 if none is.
  virtual uint64_t last() const = 0;    // The newest record; 0: none yet.
  virtual uint64_t synced() const = 0;  // Records up to here survive a power cut.
};

}  // namespace skybridge::env
