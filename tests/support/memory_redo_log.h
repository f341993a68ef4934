// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/redo_log.h"

namespace skybridge::support {

// A RedoLog in memory. It outlives the nodes that write it, as a disk does; fails when told to.
class MemoryRedoLog : public env::RedoLog {
 public:
  Result<uint64_t> Append(uint8_t type, std::span<const std::string_view> pieces) override {
    if (!failure.ok()) return failure;
    size_t size = sizeof(Entry);
    for (const std::string_view piece : pieces) size += piece.size();
    if (held_ + size > capacity) SKY_RETURN_IF_ERROR(Release(released_));  // Tails may be gone.
    if (held_ + size > capacity) {
      ++refused;
      return Status(StatusCode::kResourceExhausted,
                    "the log is full: " + std::to_string(size) + " bytes more are needed");
    }
    held_ += size;
    Entry entry{.type = type, .payload = {}};
    entry.payload.reserve(size - sizeof(Entry));
    for (const std::string_view piece : pieces) entry.payload += piece;
    bytes += sizeof(Entry) + entry.payload.capacity();
    entries_.push_back(std::move(entry));
    return last();
  }

  Status Sync() override {
    if (!failure.ok()) return failure;
    synced_ = last();
    return Status();
  }

  std::unique_ptr<env::RedoSync> StartSync() override {
    started_ = last();
    return std::make_unique<env::RedoSync>([] { return Status(); });
  }
  Status FinishSync(const env::RedoSync& sync) override {
    if (!failure.ok()) return failure;
    SKY_RETURN_IF_ERROR(sync.status());
    synced_ = std::max(synced_, std::min(started_, last()));
    return Status();
  }

  Status Read(uint64_t from, const std::function<Status(const env::RedoRecord&)>& visit) override {
    if (!failure.ok()) return failure;
    if (from < first_) return Status(StatusCode::kDataLoss, "record " + std::to_string(from));
    for (uint64_t lsn = from; lsn <= last(); ++lsn) {
      const Entry& entry = entries_[lsn - first_];
      SKY_RETURN_IF_ERROR(visit({.lsn = lsn, .type = entry.type, .payload = entry.payload}));
    }
    return Status();
  }

  Result<std::unique_ptr<env::LogTail>> Tail(uint64_t from, uint64_t to) override {
    if (!failure.ok()) return failure;
    if (from < first_) return Status(StatusCode::kDataLoss, "record " + std::to_string(from));
    if (to > last() || to + 1 < from) {
      return Status(StatusCode::kOutOfRange, "record " + std::to_string(to));
    }
    auto tail = std::make_unique<CopiedTail>(from);
    for (uint64_t lsn = from; lsn <= to; ++lsn) tail->entries.push_back(entries_[lsn - first_]);
    tails_.push_back(tail->from);
    return std::unique_ptr<env::LogTail>(std::move(tail));
  }

  // Unlike a log in segments, takes effect at once.
  Status Release(uint64_t lsn) override {
    if (!failure.ok()) return failure;
    released_ = std::max(released_, lsn);
    for (const auto& tail : tails_) {
      if (const auto from = tail.lock()) lsn = std::min(lsn, *from);
    }
    while (first_ < std::min(lsn, last() + 1)) {
      held_ -= sizeof(Entry) + entries_.front().payload.size();
      entries_.pop_front();
      ++first_;
    }
    return Status();
  }

  uint64_t first() const override { return first_; }
  uint64_t last() const override { return first_ + entries_.size() - 1; }
  uint64_t synced() const override { return synced_; }

  // The last records are gone, as a power cut would have it.
  void Truncate(uint64_t last_kept) {
    while (last() > last_kept) {
      held_ -= sizeof(Entry) + entries_.back().payload.size();
      entries_.pop_back();
    }
    synced_ = std::min(synced_, last());
  }

  Status failure;      // Every call fails with it while it is set.
  uint64_t bytes = 0;  // Of memory that all appended records took.
  // Records that are still there have at most so many bytes: then the disk is full.
  uint64_t capacity = std::numeric_limits<uint64_t>::max();
  uint64_t refused = 0;  // Appends, for lack of room.

 private:
  struct Entry {
    uint8_t type;
    std::string payload;
  };
  class CopiedTail : public env::LogTail {
   public:
    explicit CopiedTail(uint64_t first) : from(std::make_shared<const uint64_t>(first)) {}
    Status Read(const std::function<Status(const env::RedoRecord&)>& visit) override {
      uint64_t lsn = *from;
      for (const Entry& entry : entries) {
        SKY_RETURN_IF_ERROR(visit({.lsn = lsn++, .type = entry.type, .payload = entry.payload}));
      }
      return Status();
    }
    const std::shared_ptr<const uint64_t> from;
    std::vector<Entry> entries;
  };
  std::deque<Entry> entries_;
  std::vector<std::weak_ptr<const uint64_t>> tails_;
  uint64_t held_ = 0;      // Bytes of entries_.
  uint64_t released_ = 0;  // What nobody needs but tails.
  uint64_t first_ = 1;
  uint64_t synced_ = 0;
  uint64_t started_ = 0;  // What the started sync covers.
};

}  // namespace skybridge::support
