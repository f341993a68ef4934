// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/shard_map.h"
#include "common/status.h"

namespace skybridge::env {

// Where a row lies on disk; its order is the order of the store, so a slot range is a key range.
struct RowKey {
  Slot slot{};
  RowId id{};
  auto operator<=>(const RowKey&) const = default;
};

// Rows of one table, ascending by key, to be written together. records: [keys.size() * bytes per
// record of the table], one after the other.
struct RowRun {
  TableId table{};
  std::span<const RowKey> keys;
  std::span<const char> records;
};

// A small named value kept with the rows.
struct StoreNote {
  std::string_view name;
  std::string_view value;
};

// One file of a frozen store.
struct ImageFile {
  std::string name;
  uint64_t bytes = 0;
  // A file of this name in a later image of the same store has the same bytes.
  bool lasting = false;
};

// A store as it was when it was frozen: files from which it can be opened again. It costs no copy,
// and goes when this is destroyed. It may outlive the store. Any thread, one at a time.
class StoreImage {
 public:
  virtual ~StoreImage() = default;
  virtual const std::vector<ImageFile>& files() const = 0;
  // The bytes of a file in pieces; a `sink` that fails ends it with that error.
  // Errors: kNotFound, naming the file; those of the store.
  virtual Status Read(const std::string& name,
                      const std::function<Status(std::string_view)>& sink) = 0;
};

// Rows and notes that are written, but not part of their store yet. What is dropped instead of
// being taken leaves nothing behind.
class StagedRows {
 public:
  virtual ~StagedRows() = default;
};

// The disk tier of one shard: fixed-size records by (table, key), and a few notes. One thread owns
// it.
class RowStore {
 public:
  virtual ~RowStore() = default;

  // Adds or replaces all rows of all runs and all notes, or nothing at all, whatever dies on the
  // way: durable when it returns. The same as the two steps below.
  Status Ingest(std::span<const RowRun> runs, std::span<const StoreNote> notes) {
    SKY_ASSIGN_OR_RETURN(std::unique_ptr<StagedRows> staged, Stage(runs, notes));
    return Take(std::move(staged));
  }
  // Writes them beside the store, which stays as it is. Any thread, also while the owner's calls
  // something else; the store must outlive the call and what it returns.
  virtual Result<std::unique_ptr<StagedRows>> Stage(std::span<const RowRun> runs,
                                                    std::span<const StoreNote> notes) = 0;
  // Makes them part of it, in the order of these calls. Any thread, as long as the owner writes
  // nothing meanwhile.
  virtual Status Take(std::unique_ptr<StagedRows> staged) = 0;

  // Removes all rows of all tables in these slots and writes the notes, or does nothing at all, as
  // Ingest.
  virtual Status Drop(SlotRange slots, std::span<const StoreNote> notes) = 0;

  // A note as it was last written; empty if it never was.
  virtual Result<std::string> Note(std::string_view name) = 0;

  // Reads rows. keys: ascending. records [keys.size() * record bytes]; found [keys.size()].
  virtual Status Read(TableId table, std::span<const RowKey> keys, std::span<char> records,
                      std::span<uint8_t> found) = 0;

  // Visits rows of one table in key order, from `from` on, until `visit` returns false.
  virtual Status Scan(TableId table, RowKey from,
                      const std::function<bool(RowKey, std::string_view)>& visit) = 0;

  // The store as it is now, for reading while it goes on. Any thread, also while the owner's calls
  // something else: what is written meanwhile is in it or not. A store that is opened anew forgets
  // the images of its former life. An error leaves the store as it was.
  virtual Result<std::unique_ptr<StoreImage>> Freeze() = 0;
};

// Staged rows that become part of their store once, by whichever thread comes first. Any thread.
class PendingRows {
 public:
  // `store` outlives it.
  PendingRows(RowStore& store, std::unique_ptr<StagedRows> staged)
      : store_(store), staged_(std::move(staged)) {}
  // What Take returned, also for those who come later; they wait for it.
  Status Enter() {
    const std::lock_guard lock(mutex_);
    if (!entered_) entered_ = store_.Take(std::move(staged_));
    return *entered_;
  }

 private:
  RowStore& store_;
  std::unique_ptr<StagedRows> staged_;
  std::mutex mutex_;
  std::optional<Status> entered_;
};

}  // namespace skybridge::env
