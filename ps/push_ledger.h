// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/status.h"

namespace skybridge::ps {

struct PushLedgerOptions {
  size_t streams_open_max = 4096;
  size_t streams_closed_max = 1 << 20;
};

// What a successor needs to know of a stream.
struct StreamProgress {
  uint64_t next = 0;              // All sequences below were applied.
  std::vector<uint64_t> applied;  // Applied ones above `next`, ascending.
  bool operator==(const StreamProgress&) const = default;
};

// Which pushes of the phase were applied, outside lockstep (docs/protocol.md, section 3).
//
// In memory, per stream: the first sequence not applied, and a window above it. Pure state; every
// call may be repeated.
class PushLedger {
 public:
  static constexpr uint64_t kWindow = 1024;

  explicit PushLedger(PushLedgerOptions options = {}) : options_(options) {}

  // True if the push is new: apply it, then Mark it. False if it was applied. An attempt above all
  // before it fences those.
  // Errors: kFenced             a later attempt holds the stream; detail: that attempt.
  //         kOutOfRange         kWindow or more above the first one not applied.
  //         kResourceExhausted  too many streams.
  Result<bool> IsNew(StreamId stream, uint64_t sequence, Attempt attempt);
  // The push was applied; IsNew must just have said that it is new.
  void Mark(StreamId stream, uint64_t sequence);

  // Fences lower attempts of the stream. Errors: kFenced, kResourceExhausted as IsNew.
  Result<StreamProgress> Query(StreamId stream, Attempt attempt);

  // No more pushes: the stream has `count`, all of which must have been applied. Whether that is
  // new; false: the stream was closed before.
  // Errors: kDataLoss if they were not: a push was lost. kResourceExhausted: too many streams.
  Result<bool> MayClose(StreamId stream, uint64_t count) const;
  // Closes it. Errors: as MayClose.
  Status Close(StreamId stream, uint64_t count);

  // Forgets everything: a new phase begins.
  void Clear();

  // One open stream at rest.
  struct StreamState {
    StreamId stream{};
    StreamProgress progress;
    Attempt attempt{};
    bool operator==(const StreamState&) const = default;
  };
  struct Snapshot {
    std::vector<StreamState> open;
    std::vector<std::pair<StreamId, uint64_t>> closed;  // With their counts.
    bool operator==(const Snapshot&) const = default;
  };
  Snapshot Take() const;
  void Restore(const Snapshot& snapshot);

  size_t streams_open() const { return open_.size(); }
  bool operator==(const PushLedger& other) const {
    return open_ == other.open_ && closed_ == other.closed_;
  }

 private:
  struct Stream {
    uint64_t next = 0;
    std::bitset<kWindow> window;  // Bit i: sequence next + i was applied; bit 0 is never set.
    Attempt attempt{};
    bool operator==(const Stream&) const = default;
  };
  Result<Stream*> Find(StreamId stream, Attempt attempt);
  static StreamProgress ProgressOf(const Stream& stream);

  PushLedgerOptions options_;
  std::map<StreamId, Stream> open_;
  std::map<StreamId, uint64_t> closed_;  // Their counts.
};

}  // namespace skybridge::ps
