// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <glog/logging.h>

namespace skybridge::ps {

// Bytes that several owners share and together never exceed. One thread.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t limit) : limit_(limit) {}

  // False, and nothing taken, if `bytes` more would exceed the limit.
  [[nodiscard]] bool TryTake(uint64_t bytes) {
    if (bytes > limit_ - used_) return false;
    used_ += bytes;
    return true;
  }
  void Give(uint64_t bytes) {
    CHECK_LE(bytes, used_);
    used_ -= bytes;
  }

  uint64_t limit() const { return limit_; }
  uint64_t used() const { return used_; }

 private:
  const uint64_t limit_;
  uint64_t used_ = 0;
};

}  // namespace skybridge::ps
