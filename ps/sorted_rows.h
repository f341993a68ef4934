// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "common/ids.h"
#include "env/row_store.h"

namespace skybridge::ps {

// Copies of rows of some tables, each ascending by key, on their way to a store.
struct SortedRows {
  struct Part {
    TableId table{};
    size_t begin = 0;  // In `keys`.
    size_t count = 0;
    size_t record_begin = 0;  // In `records`.
    size_t record_bytes = 0;  // Of one.
  };
  std::vector<env::RowKey> keys;
  std::vector<char> records;
  std::vector<Part> parts;

  void Clear() {
    keys.clear();
    records.clear();
    parts.clear();
  }
  const char* record(const Part& part, size_t i) const {
    return records.data() + part.record_begin + i * part.record_bytes;
  }
  // Views of this.
  std::vector<env::RowRun> Runs() const {
    std::vector<env::RowRun> runs;
    for (const Part& part : parts) {
      runs.push_back(
          {part.table, std::span(keys).subspan(part.begin, part.count),
           std::span(records).subspan(part.record_begin, part.count * part.record_bytes)});
    }
    return runs;
  }
};

}  // namespace skybridge::ps
