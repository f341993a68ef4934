// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "common/shard_map.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "env/redo_log.h"
#include "env/row_store.h"
#include "ps/changed_rows.h"
#include "ps/image_piece.h"
#include "ps/memory_budget.h"
#include "ps/row_table.h"
#include "ps/sorted_rows.h"

namespace skybridge::ps {

struct TieredRowsOptions {
  TableSpecs tables;
  uint64_t seed = 0;                          // Of first values.
  uint64_t memory_bytes = uint64_t{1} << 30;  // Slabs, indexes and buffers of all tables.

  // Errors: kInvalidArgument, naming the table or the figures.
  Status Validate() const;
};

// What is noted beside the rows of a store: the log position before which their changes lie, and
// how many there are of each table.
struct RowsNote {
  static constexpr std::string_view kName = "rows";
  // As `end`: the store is being filled, and of no use until that is done.
  static constexpr uint64_t kUnfinished = ~uint64_t{0};

  uint64_t end = 0;
  std::vector<uint64_t> stored;  // By table.

  std::string Encode() const;
  // Errors: kDataLoss if it is not of so many tables.
  static Result<RowsNote> Decode(std::string_view bytes, size_t tables);
};

// All rows of one shard over two tiers: memory, within one budget that the tables share, and a
// RowStore below it. The memory tier is inclusive: a row read from the store stays there too.
//
// A row exists from its first push on; until then its value is FirstValue and nothing is stored.
// When memory is short, rows chosen by CLOCK leave: changed ones of all tables in one sorted
// ingest, others are just forgotten. Eviction changes no value. The budget is never exceeded.
// No row reaches the store before the log that explains it is safe (docs/protocol.md, S3).
//
// One thread. Errors of every call: those of store and log. kResourceExhausted (no room on the
// disk) leaves everything as it was; after others the object must not be used; failure() keeps the
// first.
class TieredRows {
 public:
  static constexpr uint64_t kImageRunBytes = 4 << 20;

  // options.Validate() must be OK; `store` and `log` outlive this.
  TieredRows(TieredRowsOptions options, env::RowStore& store, env::RedoLog& log);

  // Takes up what the store holds from a former life. Call first, once. Tables that fit into memory
  // come there in the order of the disk; of others each row is read when it is asked for.
  // Errors: kDataLoss if the log ends before the rows do, the tables are others, or the store was
  // not filled to its end.
  Status Recover();

  const TableSpecs& tables() const { return options_.tables; }
  const RowLayout& layout(TableId table) const { return TableOf(table).layout(); }
  // The most ids that one call to Fetch or Create takes.
  size_t block_rows() const { return block_rows_; }

  // Brings rows into memory. The numbers are in the order of `ids`, kNoRow for rows that do not
  // exist, and hold, as record() does, until the next call.
  //   ids  [<= block_rows()]  distinct
  Result<std::span<const RowNumber>> Fetch(TableId table, std::span<const RowId> ids);
  // The same; rows that do not exist get their first value.
  Result<std::span<const RowNumber>> Create(TableId table, std::span<const RowId> ids);

  char* record(TableId table, RowNumber row) { return TableOf(table).record(row); }
  // Must follow each change of a record.
  void MarkChanged(TableId table, RowNumber row) {
    TableOf(table).SetDirty(row, true);
    if (watch_ != nullptr) watch_->Note(table, TableOf(table).id(row));
  }

  // The value of a row that does not exist.
  //   weights  [dim]
  void FirstValueOf(TableId table, RowId id, std::span<float> weights) const;

  // Visits rows of one table in store order (slot, then id), from `from` on, until `visit` returns
  // false. Changed rows are written to the store first.
  Status Scan(TableId table, env::RowKey from,
              const std::function<bool(env::RowKey, std::string_view)>& visit);
  // Visits every row once, in no order, wherever it lies.
  Status ForEach(TableId table, const std::function<void(RowId, std::string_view)>& visit);

  // How far a copy of the rows of some slots has come.
  struct CopyCursor {
    size_t table = 0;  // Of this one: first rows that were never stored, downwards, ...
    bool begun = false;
    RowNumber row = 0;
    bool on_disk = false;  // ... then what the store has, upwards.
    env::RowKey key;
  };
  // Hands out some more of the rows of these slots, as they are now, all of one table and about
  // `bytes` of them. True once every row that existed when the copy began was handed out; rows may
  // come twice. Whoever wants what changes meanwhile watches.
  Result<bool> ContinueCopy(SlotRange slots, uint64_t bytes, CopyCursor* cursor,
                            const std::function<void(TableId, RowId, std::string_view)>& add);
  // From now on changes are noted in `watch`, which outlives the watch. Null: no more.
  void Watch(ChangedRows* watch) { watch_ = watch; }

  // Sets rows to what they are elsewhere; `lsn` is the log position that explains it. Rows that
  // have reached it stay as they are.
  //   ids      distinct
  //   records  [ids.size(), bytes of the table's records]
  Status Put(TableId table, std::span<const RowId> ids, std::span<const char> records,
             uint64_t lsn);
  // The rows of these slots are no longer here, in memory or on disk.
  Status Drop(SlotRange slots);

  // Begins an image of what has changed until now.
  void BeginImage();
  // The next step of it: of the piece under way, or the first of the next, of at most
  // kImageRunBytes; `notes` go in with the last piece. One at a time: run it, then give it back.
  // Null: many rows were looked at, and none has changed, or the log that explains a piece is not
  // synced yet, which is the caller's to do; call again.
  std::unique_ptr<PieceTask> NextPiece(std::span<const env::StoreNote> notes);
  // Takes back a step that ran. True once all of the image is in the store.
  // Rows that were written while a piece was staged, to make room, may be newer: then the piece is
  // dropped, and written again on this thread. While it enters the store they wait for it.
  Result<bool> TakePiece(const PieceTask& task, std::span<const env::StoreNote> notes);

  // Rows that exist.
  uint64_t rows(TableId table) const { return existing_[Number(table)]; }
  uint64_t memory_bytes() const { return budget_.used(); }
  const Status& failure() const { return failure_; }

 private:
  // One row on its way to the store.
  struct Leaving {
    env::RowKey key;
    RowNumber row;
  };
  Status Load(RowTable& table);
  Result<std::span<const RowNumber>> Bring(TableId table, std::span<const RowId> ids, bool create);
  // Reads the misses of ids_/rows_ from the store: found_ and scratch_, in the order of reading_.
  Status ReadMisses(RowTable& table, std::span<const RowId> ids);
  Status MakeRoom(RowTable& table, size_t count, std::span<const RowId> ids);
  // Removes rows worth about `bytes`; returns how many.
  Result<size_t> Evict(uint64_t bytes);
  Status WriteSorted(std::span<const std::vector<RowNumber>> rows,
                     std::span<const env::StoreNote> notes = {});
  // Copies those that have changed. stored [tables]: grows by those that are not in the store yet.
  void Sort(std::span<const std::vector<RowNumber>> rows, SortedRows* sorted,
            std::vector<uint64_t>* stored);
  Status SyncLog(uint64_t end);
  // Moves the image's place over rows; returns those that have changed, by table. True at its end.
  bool NextChanged(std::vector<std::vector<RowNumber>>* changed);
  Result<bool> WritePiece(std::span<const env::StoreNote> notes);
  Status Settle();
  void NotePiece(const ImagePiece& piece);
  Status WriteChanged(RowTable& table);
  Status Noted(Status status);
  env::RowKey KeyOf(TableId table, RowId id) const { return {SlotOf(table, id), id}; }
  uint64_t CopyFromMemory(SlotRange slots, uint64_t bytes, CopyCursor* cursor,
                          const std::function<void(TableId, RowId, std::string_view)>& add);
  Result<bool> CopyFromStore(SlotRange slots, uint64_t bytes, CopyCursor* cursor,
                             const std::function<void(TableId, RowId, std::string_view)>& add);
  RowTable& TableOf(TableId table) { return *tables_[Number(table)]; }
  const RowTable& TableOf(TableId table) const { return *tables_[Number(table)]; }

  const TieredRowsOptions options_;
  env::RowStore& store_;
  env::RedoLog& log_;
  MemoryBudget budget_;
  size_t block_rows_;
  uint64_t spill_bytes_;  // Of one ingest: records, keys and order. Taken from the budget for good.
  uint64_t piece_bytes_;  // The same of a piece of an image.
  std::vector<std::unique_ptr<RowTable>> tables_;
  std::vector<uint64_t> existing_;  // Rows by table ...
  std::vector<uint64_t> stored_;    // ... and how many of them are on disk.
  uint64_t writes_ = 0;             // Of the store, but for pieces of images.
  Status failure_;
  ChangedRows* watch_ = nullptr;

  // The image being written: rows below `image_row_` of `image_table_`, and the tables after it.
  // Downwards, because a row that takes the place of a removed one comes from above.
  size_t image_table_ = 0;
  RowNumber image_row_ = 0;
  std::shared_ptr<ImagePiece> entering_;  // Staged, and the log that explains it is safe.

  // Buffers of one call; at most block_rows() rows each.
  std::vector<RowNumber> rows_;
  std::vector<Leaving> reading_;  // row: position in ids.
  std::vector<env::RowKey> keys_;
  std::vector<uint8_t> found_;
  std::vector<char> scratch_;
  // Of one ingest; at most spill_bytes_.
  std::vector<Leaving> leaving_;
  SortedRows spill_;
};

}  // namespace skybridge::ps
