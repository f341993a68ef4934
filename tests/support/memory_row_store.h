// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <glog/logging.h>

#include "env/row_store.h"

namespace skybridge::support {

// A RowStore in memory: an ordered map per table. Checks what callers promise (ascending keys,
// sizes that fit), counts what they do, and fails when told to.
class MemoryRowStore : public env::RowStore {
 public:
  // record_bytes[table]: bytes of one record.
  explicit MemoryRowStore(std::vector<size_t> record_bytes)
      : record_bytes_(std::move(record_bytes)), tables_(record_bytes_.size()) {}

  Status Ingest(std::span<const env::RowRun> runs, std::span<const env::StoreNote> notes) override {
    if (!failure.ok()) return failure;
    ++ingests;
    for (const env::StoreNote& note : notes) notes_[std::string(note.name)] = note.value;
    for (const env::RowRun& run : runs) {
      const size_t bytes = BytesOf(run.table);
      CHECK_EQ(run.records.size(), run.keys.size() * bytes);
      CheckAscending(run.keys);
      for (size_t i = 0; i < run.keys.size(); ++i) {
        tables_[Number(run.table)][run.keys[i]].assign(run.records.data() + i * bytes, bytes);
        ++rows_ingested;
      }
    }
    return Status();
  }

  Result<std::string> Note(std::string_view name) override {
    if (!failure.ok()) return failure;
    const auto it = notes_.find(std::string(name));
    return it == notes_.end() ? std::string() : it->second;
  }

  Status Read(TableId table, std::span<const env::RowKey> keys, std::span<char> records,
              std::span<uint8_t> found) override {
    if (!failure.ok()) return failure;
    const size_t bytes = BytesOf(table);
    CHECK_EQ(records.size(), keys.size() * bytes);
    CHECK_EQ(found.size(), keys.size());
    CheckAscending(keys);
    ++reads;
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto it = tables_[Number(table)].find(keys[i]);
      found[i] = it != tables_[Number(table)].end();
      if (found[i]) std::memcpy(records.data() + i * bytes, it->second.data(), bytes);
    }
    return Status();
  }

  Status Scan(TableId table, env::RowKey from,
              const std::function<bool(env::RowKey, std::string_view)>& visit) override {
    if (!failure.ok()) return failure;
    BytesOf(table);
    const auto& rows = tables_[Number(table)];
    for (auto it = rows.lower_bound(from); it != rows.end(); ++it) {
      if (!visit(it->first, it->second)) break;
    }
    return Status();
  }

  size_t rows(TableId table) const { return tables_[Number(table)].size(); }

  Status failure;  // Every call fails with it while it is set.
  uint64_t ingests = 0;
  uint64_t rows_ingested = 0;
  uint64_t reads = 0;

 private:
  size_t BytesOf(TableId table) const {
    CHECK_LT(Number(table), record_bytes_.size());
    return record_bytes_[Number(table)];
  }
  static void CheckAscending(std::span<const env::RowKey> keys) {
    for (size_t i = 1; i < keys.size(); ++i) CHECK(keys[i - 1] < keys[i]) << "key " << i;
  }

  const std::vector<size_t> record_bytes_;
  std::vector<std::map<env::RowKey, std::string>> tables_;
  std::map<std::string, std::string> notes_;
};

}  // namespace skybridge::support
