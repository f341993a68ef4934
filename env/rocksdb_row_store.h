// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "env/row_store.h"

namespace skybridge::env {

struct RocksDbRowStoreOptions {
  std::string folder;                // Of this shard alone; created if absent.
  std::vector<size_t> record_bytes;  // By TableId: bytes of one record.
  uint64_t block_cache_bytes = 32 << 20;
  bool verify = false;  // Read back what is ingested; for tests.
};

// A RowStore on RocksDB: one column family per table, key = slot (2 bytes) | id (8 bytes), both
// big-endian, so the store's order is that of RowKey.
//
// Rows arrive by sorted ingest alone: an Ingest writes one SST file per table and hands all of them
// over at once, which RocksDB makes atomic over families and durable. No memtable, no WAL.
//
// Errors of all calls, naming the folder: kResourceExhausted if the disk is full, kDataLoss if
// bytes are damaged or a record has another size than its table's, kUnavailable for other failures
// of the disk, kInvalidArgument for a table that does not exist.
class RocksDbRowStore : public RowStore {
 public:
  // A store without rows. The folder must be absent, empty, or left over from a store like this
  // one; such leftovers are deleted.
  // Errors: kFailedPrecondition if the folder holds anything else, or if a living process uses it.
  static Result<std::unique_ptr<RocksDbRowStore>> Create(RocksDbRowStoreOptions options);
  ~RocksDbRowStore() override;

  Status Ingest(std::span<const RowRun> runs) override;
  Status Read(TableId table, std::span<const RowKey> keys, std::span<char> records,
              std::span<uint8_t> found) override;
  Status Scan(TableId table, RowKey from,
              const std::function<bool(RowKey, std::string_view)>& visit) override;

 private:
  struct State;  // Keeps RocksDB's headers out of this one.
  explicit RocksDbRowStore(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace skybridge::env
