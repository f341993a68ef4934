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
  std::string owner;                 // One line: whose rows these are. Kept in the folder.
  uint64_t new_store_id = 0;         // What a new store is named by, for good.
  std::vector<size_t> record_bytes;  // By TableId: bytes of one record.
  uint64_t block_cache_bytes = 32 << 20;
  bool verify = false;  // Read back what is ingested; for tests.
};

// A RowStore on RocksDB: one column family per table, key = slot (2 bytes) | id (8 bytes), both
// big-endian, so the store's order is that of RowKey.
//
// Rows and notes arrive by sorted ingest alone: one SST file per table, and one for the notes, are
// staged, and all of them handed over at once, which RocksDB makes atomic over families and
// durable. No memtable, no WAL.
//
// Errors of all calls, naming the folder: kResourceExhausted if the disk is full, kDataLoss if
// bytes are damaged or a record has another size than its table's, kUnavailable for other failures
// of the disk, kInvalidArgument for a table that does not exist.
class RocksDbRowStore : public RowStore {
 public:
  // Opens what this owner left in the folder, or makes a new store in one that is absent or empty.
  // Errors: kFailedPrecondition if the folder holds anything else or is another owner's (names
  // both), or if a living process uses it; kDataLoss if a store was made there, and is gone.
  static Result<std::unique_ptr<RocksDbRowStore>> Open(RocksDbRowStoreOptions options);
  // Opens the files of an image, which lie in FOLDER/db, as a new store of this owner.
  // Errors: kFailedPrecondition if the folder is a store already; kDataLoss if files are missing.
  static Result<std::unique_ptr<RocksDbRowStore>> Adopt(RocksDbRowStoreOptions options);
  ~RocksDbRowStore() override;

  // What the store was named by when it was made.
  uint64_t store_id() const;

  Result<std::unique_ptr<StagedRows>> Stage(std::span<const RowRun> runs,
                                            std::span<const StoreNote> notes) override;
  Status Take(std::unique_ptr<StagedRows> staged) override;
  // By a file with a range tombstone for each table; compaction takes the rows away.
  Status Drop(SlotRange slots, std::span<const StoreNote> notes) override;
  Result<std::string> Note(std::string_view name) override;
  Status Read(TableId table, std::span<const RowKey> keys, std::span<char> records,
              std::span<uint8_t> found) override;
  Status Scan(TableId table, RowKey from,
              const std::function<bool(RowKey, std::string_view)>& visit) override;
  // Hard links to RocksDB's files, and copies of its small ones, in a folder below images/; the
  // files ingested since, until they weigh as much (ImageChain): up to three times the store's
  // bytes are on the disk then. They go when there is no room for rows.
  Result<std::unique_ptr<StoreImage>> Freeze() override;

 private:
  struct State;  // Keeps RocksDB's headers out of this one.
  explicit RocksDbRowStore(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace skybridge::env
