// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "common/node.h"
#include "env/record_log.h"
#include "env/redo_log.h"

namespace skybridge::env {

// A RecordLog whose records survive a power cut, for a node that writes few: the scheduler.
class DurableRecordLog : public RecordLog {
 public:
  // `log` outlives it.
  explicit DurableRecordLog(RedoLog& log) : log_(log) {}

  Status Write(std::span<const Record> records) override {
    for (const Record& record : records) {
      const std::string_view pieces[] = {record.bytes};
      SKY_RETURN_IF_ERROR(log_.Append(0, pieces).status());
    }
    return log_.Sync();
  }

 private:
  RedoLog& log_;
};

// What was written to such a log, in order.
inline Result<std::vector<Record>> ReadRecords(RedoLog& log) {
  std::vector<Record> records;
  SKY_RETURN_IF_ERROR(log.Read(1, [&](const RedoRecord& record) {
    records.push_back({std::string(record.payload)});
    return Status();
  }));
  return records;
}

}  // namespace skybridge::env
