// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "common/node.h"
#include "common/status.h"

namespace skybridge::env {

// The durable log of one node, which only grows. One thread owns it.
class RecordLog {
 public:
  virtual ~RecordLog() = default;
  // Appends `records`, in this order; they are as durable as the log promises when it returns.
  virtual Status Write(std::span<const Record> records) = 0;
};

// For nodes that have nothing to persist: one that does is a bug.
class NoRecordLog : public RecordLog {
 public:
  Status Write(std::span<const Record> records) override {
    CHECK(records.empty()) << "a node without a log wants " << records.size() << " records kept";
    return Status();
  }
};

}  // namespace skybridge::env
