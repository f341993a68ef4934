// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "common/status.h"
#include "env/redo_log.h"

namespace skybridge::ps {

// Bytes in pieces, for whoever takes them.
using ByteSink = std::function<Status(std::string_view)>;

// Records of a shard's log, dense, without a gap.
struct TailRange {
  uint64_t first = 1;
  uint64_t last = 0;  // first - 1: none.
  bool operator==(const TailRange&) const = default;
};

// A stretch of a log as one object of a checkpoint:
//
//   tail    magic u64 | format u32 | crc32c u32 of the range | first lsn u64 | last lsn u64 |
//           records, one after the other, and nothing behind them
//   record  crc32c u32 of all that follows | length u32 | lsn u64 | type u8 | payload [length]
//
// Writes the records of `tail`, which has `range`.
// Errors: kDataLoss if they are others; those of tail and sink.
Status WriteTail(env::LogTail& tail, const TailRange& range, const ByteSink& sink);

// Such an object as the log it came from, to be read alone. Nothing of it is kept in memory but one
// record at a time: each Read takes the bytes from their source again.
class TailLog : public env::RedoLog {
 public:
  // Hands over all bytes of the object in order; called by each Read.
  using Source = std::function<Status(const ByteSink&)>;

  // `range` is what the checkpoint says that it has.
  TailLog(const TailRange& range, Source source) : range_(range), source_(std::move(source)) {}

  // Errors also: kFailedPrecondition if the format is another program's; kDataLoss if the object
  // has other records, is cut short, or goes on behind them; those of the source.
  Status Read(uint64_t from, const std::function<Status(const env::RedoRecord&)>& visit) override;

  uint64_t first() const override { return range_.first; }
  uint64_t last() const override { return range_.last; }
  uint64_t synced() const override { return range_.last; }

  // There is nothing to make safe, and nothing to free.
  Status Sync() override { return Status(); }
  std::unique_ptr<env::RedoSync> StartSync() override {
    return std::make_unique<env::RedoSync>([] { return Status(); });
  }
  Status FinishSync(const env::RedoSync& sync) override { return sync.status(); }
  Status Release(uint64_t) override { return Status(); }
  // Errors: kFailedPrecondition: it is only read.
  Result<uint64_t> Append(uint8_t type, std::span<const std::string_view> pieces) override;
  Result<std::unique_ptr<env::LogTail>> Tail(uint64_t from, uint64_t to) override;

 private:
  const TailRange range_;
  const Source source_;
};

}  // namespace skybridge::ps
