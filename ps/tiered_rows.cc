// SPDX-License-Identifier: Apache-2.0
#include "ps/tiered_rows.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include <glog/logging.h>

#include "common/bytes.h"
#include "common/first_value.h"
#include "common/hash.h"
#include "ps/row_optimizer.h"

namespace skybridge::ps {
namespace {

constexpr size_t kBlockRowsMax = 1024;
constexpr uint64_t kSpillBytesMax = 64 << 20;
constexpr uint64_t kSegmentBytesMax = 2 << 20;
// Beside its record, what a row costs while it is written (order, key, victim) or read.
constexpr uint64_t kPassingBytes = 64;
// The budget must hold this many of the widest rows, so that each share of it holds a few.
constexpr uint64_t kWidestRowsMin = 128;
constexpr uint64_t kTableBytesMin = 4096;
constexpr size_t kImageLookMax = 1 << 20;  // Rows that one piece of an image looks at.

uint64_t WidestRow(const TableSpecs& tables) {
  uint64_t widest = 0;
  for (const size_t bytes : RecordBytes(tables)) widest = std::max<uint64_t>(widest, bytes);
  return widest + kPassingBytes;
}

}  // namespace

Status TieredRowsOptions::Validate() const {
  for (const TableSpec& spec : tables) {
    const bool counts = spec.kind == TableKind::kCounts;
    if (counts != (spec.dim == 0) || (spec.kind == TableKind::kDense && spec.dim != kDenseBlock)) {
      return Status(StatusCode::kInvalidArgument, "table " + spec.name + ": its rows cannot have " +
                                                      std::to_string(spec.dim) + " numbers");
    }
    SKY_RETURN_IF_ERROR(ValidateOptimizer(spec.optimizer).WithContext("table " + spec.name));
  }
  const uint64_t least = kWidestRowsMin * WidestRow(tables) + kTableBytesMin * tables.size();
  if (memory_bytes < least) {
    return Status(StatusCode::kInvalidArgument,
                  "shard memory of " + std::to_string(memory_bytes) + " bytes is too small for " +
                      std::to_string(tables.size()) + " tables with rows of up to " +
                      std::to_string(WidestRow(tables)) + " bytes: give at least " +
                      std::to_string(least));
  }
  return Status();
}

std::string RowsNote::Encode() const {
  std::string bytes;
  AppendRaw<uint64_t>(bytes, std::span(&end, 1));
  AppendRaw<uint64_t>(bytes, stored);
  return bytes;
}

Result<RowsNote> RowsNote::Decode(std::string_view bytes, size_t tables) {
  RawReader reader(bytes);
  std::vector<uint64_t> end;
  std::vector<uint64_t> stored;
  if (!reader.Read(1, end) || !reader.Read(tables, stored) || reader.remaining() > 0) {
    return Status(StatusCode::kDataLoss,
                  "the rows on disk are those of other tables: their note has " +
                      std::to_string(bytes.size()) + " bytes");
  }
  return RowsNote{.end = end[0], .stored = std::move(stored)};
}

TieredRows::TieredRows(TieredRowsOptions options, env::RowStore& store, env::RedoLog& log)
    : options_(std::move(options)), store_(store), log_(log), budget_(options_.memory_bytes) {
  const Status valid = options_.Validate();
  CHECK(valid.ok()) << valid;
  const uint64_t widest = WidestRow(options_.tables);
  block_rows_ = std::clamp<uint64_t>(options_.memory_bytes / 16 / widest, 1, kBlockRowsMax);
  spill_bytes_ = std::clamp(options_.memory_bytes / 8, widest, kSpillBytesMax);
  piece_bytes_ = std::min(spill_bytes_, kImageRunBytes);
  // The last share is for lists of rows that leave unwritten.
  CHECK(budget_.TryTake(block_rows_ * widest + spill_bytes_ + piece_bytes_ +
                        options_.memory_bytes / 32));
  const uint64_t segment_bytes = std::min(options_.memory_bytes / 64, kSegmentBytesMax);
  for (size_t t = 0; t < options_.tables.size(); ++t) {
    tables_.push_back(std::make_unique<RowTable>(TableId(static_cast<uint32_t>(t)),
                                                 options_.tables[t], budget_,
                                                 RowTableOptions{.segment_bytes = segment_bytes}));
  }
  existing_.assign(tables_.size(), 0);
  stored_.assign(tables_.size(), 0);
}

Status TieredRows::Recover() {
  SKY_ASSIGN_OR_RETURN(const std::string bytes, store_.Note(RowsNote::kName));
  if (bytes.empty()) return Status();
  SKY_ASSIGN_OR_RETURN(const RowsNote note, RowsNote::Decode(bytes, tables_.size()));
  if (note.end == RowsNote::kUnfinished) {
    return Status(StatusCode::kDataLoss,
                  "the rows on disk come from a restore that did not end: restore again into an "
                  "empty folder");
  }
  if (note.end > log_.last()) {
    return Status(StatusCode::kDataLoss, "the rows on disk stand at position " +
                                             std::to_string(note.end) +
                                             " of the log, which ends at " +
                                             std::to_string(log_.last()) + ": its end is lost");
  }
  stored_ = note.stored;
  existing_ = note.stored;
  for (const auto& table : tables_) SKY_RETURN_IF_ERROR(Load(*table));
  return Status();
}

Status TieredRows::Load(RowTable& table) {
  const uint64_t stored = stored_[Number(table.table())];
  if (stored == 0) return Status();
  if (!table.TryReserve(stored)) {
    table.Remove({});  // Gives back what it got.
    return Status();
  }
  const auto visit = [&](env::RowKey key, std::string_view bytes) {
    if (table.rows() == stored) return false;
    const RowNumber row = table.Insert(key.id);
    std::memcpy(table.record(row), bytes.data(), bytes.size());
    table.SetStored(row);
    return true;
  };
  return Noted(store_.Scan(table.table(), env::RowKey{}, visit));
}

Result<std::span<const RowNumber>> TieredRows::Fetch(TableId table, std::span<const RowId> ids) {
  return Bring(table, ids, false);
}

Result<std::span<const RowNumber>> TieredRows::Create(TableId table, std::span<const RowId> ids) {
  return Bring(table, ids, true);
}

Result<std::span<const RowNumber>> TieredRows::Bring(TableId table_id, std::span<const RowId> ids,
                                                     bool create) {
  CHECK_LE(ids.size(), block_rows_);
  RowTable& table = TableOf(table_id);
  rows_.resize(ids.size());
  table.Find(ids, rows_);
  if (std::ranges::find(rows_, kNoRow) == rows_.end()) return std::span<const RowNumber>(rows_);

  SKY_RETURN_IF_ERROR(ReadMisses(table, ids));
  const auto found = static_cast<size_t>(std::ranges::count(found_, uint8_t{1}));
  const size_t entering = create ? reading_.size() : found;
  if (!table.TryReserve(entering)) SKY_RETURN_IF_ERROR(MakeRoom(table, entering, ids));

  const RowLayout& layout = table.layout();
  for (size_t i = 0; i < reading_.size(); ++i) {
    if (!found_[i] && !create) continue;
    const RowId id = reading_[i].key.id;
    const RowNumber row = table.Insert(id);
    rows_[reading_[i].row] = row;
    char* record = table.record(row);
    if (found_[i]) {
      std::memcpy(record, scratch_.data() + i * layout.bytes, layout.bytes);
      table.SetStored(row);
      continue;
    }
    std::memset(record, 0, layout.bytes);
    FirstValueOf(table_id, id, layout.weights(record));
    table.SetDirty(row, true);
    ++existing_[Number(table_id)];
  }
  return std::span<const RowNumber>(rows_);
}

Status TieredRows::ReadMisses(RowTable& table, std::span<const RowId> ids) {
  reading_.clear();
  for (size_t i = 0; i < ids.size(); ++i) {
    if (rows_[i] != kNoRow) continue;
    reading_.push_back({KeyOf(table.table(), ids[i]), static_cast<RowNumber>(i)});
  }
  found_.assign(reading_.size(), 0);
  if (stored_[Number(table.table())] == 0) return Status();
  std::ranges::sort(reading_, {}, &Leaving::key);
  keys_.clear();
  for (const Leaving& miss : reading_) keys_.push_back(miss.key);
  scratch_.resize(keys_.size() * table.layout().bytes);
  return Noted(store_.Read(table.table(), keys_, scratch_, found_));
}

Status TieredRows::MakeRoom(RowTable& table, size_t count, std::span<const RowId> ids) {
  for (const RowNumber row : rows_) {
    if (row != kNoRow) table.SetPinned(row, true);
  }
  Status status;
  // A sixteenth at a time makes long runs; more only if that was not enough.
  do {
    const auto removed = Evict(std::max(budget_.limit() / 16, count * table.row_bytes()));
    status = removed.status();
    if (!status.ok() || table.TryReserve(count)) break;
    if (*removed == 0) {
      status = Status(StatusCode::kResourceExhausted,
                      "shard memory: no room for " + std::to_string(count) + " rows of " +
                          std::to_string(table.row_bytes()) + " bytes in " +
                          std::to_string(budget_.limit()) + ", " + std::to_string(budget_.used()) +
                          " in use; raise shard_memory_bytes");
    }
  } while (status.ok());
  table.Find(ids, rows_);  // Eviction has moved rows.
  for (const RowNumber row : rows_) {
    if (row != kNoRow) table.SetPinned(row, false);
  }
  return status;
}

Result<size_t> TieredRows::Evict(uint64_t bytes) {
  uint64_t slabs = 1;
  for (const auto& table : tables_) slabs += table->bytes();
  std::vector<std::vector<RowNumber>> victims(tables_.size());
  uint64_t room = spill_bytes_;
  for (size_t t = 0; t < tables_.size(); ++t) {
    RowTable& table = *tables_[t];
    // Every table gives its share of what it holds.
    const double share = static_cast<double>(table.bytes()) / static_cast<double>(slabs);
    const auto wanted = static_cast<uint64_t>(static_cast<double>(bytes) * share) + 1;
    const uint64_t cost = table.layout().bytes + kPassingBytes;
    table.ChooseVictims(wanted, room / cost, &victims[t]);
    room -= cost * static_cast<uint64_t>(std::ranges::count_if(
                       victims[t], [&](RowNumber row) { return table.dirty(row); }));
  }
  SKY_RETURN_IF_ERROR(WriteSorted(victims));
  size_t removed = 0;
  for (size_t t = 0; t < tables_.size(); ++t) {
    tables_[t]->Remove(victims[t]);
    removed += victims[t].size();
  }
  return removed;
}

void TieredRows::Sort(std::span<const std::vector<RowNumber>> rows, SortedRows* sorted,
                      std::vector<uint64_t>* stored) {
  sorted->Clear();
  for (size_t t = 0; t < rows.size(); ++t) {
    RowTable& table = *tables_[t];
    leaving_.clear();
    for (const RowNumber row : rows[t]) {
      if (table.dirty(row)) leaving_.push_back({KeyOf(table.table(), table.id(row)), row});
    }
    if (leaving_.empty()) continue;
    std::ranges::sort(leaving_, {}, &Leaving::key);
    sorted->parts.push_back({.table = table.table(),
                             .begin = sorted->keys.size(),
                             .count = leaving_.size(),
                             .record_begin = sorted->records.size(),
                             .record_bytes = table.layout().bytes});
    for (const Leaving& row : leaving_) {
      sorted->keys.push_back(row.key);
      const char* record = table.record(row.row);
      (*stored)[t] += table.stored(row.row) ? 0 : 1;
      sorted->records.insert(sorted->records.end(), record, record + table.layout().bytes);
    }
  }
}

// No row reaches the store before the log up to `end`, which explains it.
Status TieredRows::SyncLog(uint64_t end) {
  return log_.synced() < end ? Noted(log_.Sync()) : Status();
}

Status TieredRows::WriteSorted(std::span<const std::vector<RowNumber>> rows,
                               std::span<const env::StoreNote> notes) {
  SKY_RETURN_IF_ERROR(Settle());
  spill_.records.reserve(spill_bytes_);  // Once; growing by doubling would pass the budget.
  std::vector<uint64_t> stored = stored_;
  Sort(rows, &spill_, &stored);
  CHECK_LE(spill_.records.size(), spill_bytes_);
  if (spill_.keys.empty() && notes.empty()) return Status();
  SKY_RETURN_IF_ERROR(SyncLog(log_.last()));
  const std::string own = RowsNote{.end = log_.last(), .stored = stored}.Encode();
  std::vector<env::StoreNote> all(notes.begin(), notes.end());
  all.push_back({RowsNote::kName, own});
  ++writes_;
  SKY_RETURN_IF_ERROR(Noted(store_.Ingest(spill_.Runs(), all)));
  stored_ = std::move(stored);
  for (size_t t = 0; t < rows.size(); ++t) {
    for (const RowNumber row : rows[t]) {
      if (tables_[t]->dirty(row)) tables_[t]->SetStored(row);
    }
  }
  return Status();
}

// ---------------------------------------------------------------- images

void TieredRows::BeginImage() {
  image_table_ = 0;
  image_row_ = static_cast<RowNumber>(tables_[0]->rows());
}

bool TieredRows::NextChanged(std::vector<std::vector<RowNumber>>* changed) {
  changed->resize(tables_.size());
  uint64_t room = piece_bytes_;
  size_t looked = 0;
  while (image_table_ < tables_.size()) {
    RowTable& table = *tables_[image_table_];
    const uint64_t cost = table.layout().bytes + kPassingBytes;
    image_row_ = std::min(image_row_, static_cast<RowNumber>(table.rows()));
    for (; image_row_ > 0 && room >= cost && looked < kImageLookMax; ++looked) {
      if (!table.dirty(--image_row_)) continue;
      (*changed)[image_table_].push_back(image_row_);
      room -= cost;
    }
    if (image_row_ > 0) break;
    if (++image_table_ < tables_.size()) {
      image_row_ = static_cast<RowNumber>(tables_[image_table_]->rows());
    }
  }
  return image_table_ == tables_.size();
}

std::unique_ptr<PieceTask> TieredRows::NextPiece(std::span<const env::StoreNote> notes) {
  if (entering_) {
    if (log_.synced() < entering_->end) return nullptr;
    return std::make_unique<PieceTask>(entering_, PieceTask::Step::kEnter);
  }
  auto piece = std::make_shared<ImagePiece>(store_);
  piece->begin_table = image_table_;
  piece->begin_row = image_row_;
  std::vector<std::vector<RowNumber>> changed;
  piece->whole = NextChanged(&changed);
  piece->stored = stored_;
  piece->rows.records.reserve(piece_bytes_);
  Sort(changed, &piece->rows, &piece->stored);
  if (piece->rows.keys.empty() && !piece->whole) return nullptr;
  piece->writes = writes_;
  piece->end = log_.last();
  if (piece->whole) {
    for (const env::StoreNote& note : notes) piece->notes.emplace_back(note.name, note.value);
  }
  piece->notes.emplace_back(RowsNote::kName,
                            RowsNote{.end = piece->end, .stored = piece->stored}.Encode());
  return std::make_unique<PieceTask>(std::move(piece), PieceTask::Step::kStage);
}

Result<bool> TieredRows::TakePiece(const PieceTask& task, std::span<const env::StoreNote> notes) {
  ImagePiece& piece = *task.piece;
  if (task.step == PieceTask::Step::kEnter) {
    CHECK_EQ(entering_, task.piece);
    const Status entered = Settle();
    entering_.reset();
    SKY_RETURN_IF_ERROR(entered);
    return piece.whole;
  }
  SKY_RETURN_IF_ERROR(Noted(piece.status));
  if (piece.writes != writes_) {
    image_table_ = piece.begin_table;
    image_row_ = piece.begin_row;
    return WritePiece(notes);
  }
  entering_ = task.piece;
  return false;
}

// What enters the store is there before anything else is written to it.
Status TieredRows::Settle() {
  if (!entering_ || entering_->noted) return Status();
  SKY_RETURN_IF_ERROR(SyncLog(entering_->end));
  SKY_RETURN_IF_ERROR(Noted(entering_->Enter()));
  NotePiece(*entering_);
  entering_->noted = true;
  return Status();
}

// Rows that have changed since are in the store as they were.
void TieredRows::NotePiece(const ImagePiece& piece) {
  stored_ = piece.stored;
  for (const SortedRows::Part& part : piece.rows.parts) {
    RowTable& table = TableOf(part.table);
    for (size_t i = 0; i < part.count; ++i) {
      const RowNumber row = table.Peek(piece.rows.keys[part.begin + i].id);
      CHECK_NE(row, kNoRow) << "changed rows leave memory by a write";
      table.SetStored(row);
      const char* record = table.record(row);
      if (std::memcmp(record, piece.rows.record(part, i), part.record_bytes) == 0) {
        table.SetDirty(row, false);
      }
    }
  }
}

// The next piece, on this thread.
Result<bool> TieredRows::WritePiece(std::span<const env::StoreNote> notes) {
  std::vector<std::vector<RowNumber>> changed;
  const bool whole = NextChanged(&changed);
  SKY_RETURN_IF_ERROR(WriteSorted(changed, whole ? notes : std::span<const env::StoreNote>()));
  for (size_t t = 0; t < tables_.size(); ++t) {
    for (const RowNumber row : changed[t]) tables_[t]->SetDirty(row, false);
  }
  return whole;
}

Status TieredRows::WriteChanged(RowTable& table) {
  const size_t batch = spill_bytes_ / (table.layout().bytes + kPassingBytes);
  std::vector<std::vector<RowNumber>> changed(tables_.size());
  std::vector<RowNumber>& rows = changed[Number(table.table())];
  for (RowNumber row = 0; row < table.rows();) {
    rows.clear();
    for (; row < table.rows() && rows.size() < batch; ++row) {
      if (table.dirty(row)) rows.push_back(row);
    }
    SKY_RETURN_IF_ERROR(WriteSorted(changed));
    for (const RowNumber written : rows) table.SetDirty(written, false);
  }
  return Status();
}

Status TieredRows::Noted(Status status) {
  if (failure_.ok() && status.code() != StatusCode::kResourceExhausted) failure_ = status;
  return status;
}

void TieredRows::FirstValueOf(TableId table, RowId id, std::span<float> weights) const {
  FirstValue(options_.tables[Number(table)], table, options_.seed, id, weights);
}

Status TieredRows::Scan(TableId table, env::RowKey from,
                        const std::function<bool(env::RowKey, std::string_view)>& visit) {
  SKY_RETURN_IF_ERROR(WriteChanged(TableOf(table)));
  return Noted(store_.Scan(table, from, visit));
}

Status TieredRows::ForEach(TableId table_id,
                           const std::function<void(RowId, std::string_view)>& visit) {
  RowTable& table = TableOf(table_id);
  const size_t bytes = table.layout().bytes;
  for (RowNumber row = 0; row < table.rows(); ++row) {
    visit(table.id(row), std::string_view(table.record(row), bytes));
  }
  if (stored_[Number(table_id)] == 0) return Status();
  const auto on_disk = [&](env::RowKey key, std::string_view record) {
    if (!table.Contains(key.id)) visit(key.id, record);
    return true;
  };
  return Noted(store_.Scan(table_id, env::RowKey{}, on_disk));
}

// ---------------------------------------------------------------- slots

namespace {

bool IsIn(SlotRange slots, TableId table, RowId id) {
  const uint32_t slot = Number(SlotOf(table, id));
  return slot >= slots.begin && slot < slots.end;
}

}  // namespace

// Rows on disk come later, also those that get there meanwhile. A row that takes the place of an
// evicted one comes from above, where it was handed out.
uint64_t TieredRows::CopyFromMemory(
    SlotRange slots, uint64_t bytes, CopyCursor* cursor,
    const std::function<void(TableId, RowId, std::string_view)>& add) {
  RowTable& table = *tables_[cursor->table];
  const size_t row_bytes = table.layout().bytes;
  uint64_t copied = 0;
  if (!cursor->begun) cursor->row = static_cast<RowNumber>(table.rows());
  cursor->begun = true;
  cursor->row = std::min(cursor->row, static_cast<RowNumber>(table.rows()));
  for (size_t looked = 0; cursor->row > 0 && copied < bytes && looked < kImageLookMax; ++looked) {
    const RowNumber row = --cursor->row;
    if (table.stored(row) || !IsIn(slots, table.table(), table.id(row))) continue;
    add(table.table(), table.id(row), {table.record(row), row_bytes});
    copied += row_bytes;
  }
  if (cursor->row == 0) {
    cursor->on_disk = true;
    cursor->key = {.slot = Slot(static_cast<uint16_t>(slots.begin)), .id = {}};
  }
  return copied;
}

// True at the end of the table.
Result<bool> TieredRows::CopyFromStore(
    SlotRange slots, uint64_t bytes, CopyCursor* cursor,
    const std::function<void(TableId, RowId, std::string_view)>& add) {
  RowTable& table = *tables_[cursor->table];
  const size_t row_bytes = table.layout().bytes;
  if (stored_[cursor->table] == 0) return true;
  uint64_t copied = 0;
  bool whole = true;
  const auto visit = [&](env::RowKey key, std::string_view record) {
    if (Number(key.slot) >= slots.end) return false;
    if (copied >= bytes) {
      cursor->key = key;
      whole = false;
      return false;
    }
    const RowNumber row = table.Peek(key.id);
    add(table.table(), key.id,
        row == kNoRow ? record : std::string_view(table.record(row), row_bytes));
    copied += row_bytes;
    return true;
  };
  SKY_RETURN_IF_ERROR(Noted(store_.Scan(table.table(), cursor->key, visit)));
  return whole;
}

Result<bool> TieredRows::ContinueCopy(
    SlotRange slots, uint64_t bytes, CopyCursor* cursor,
    const std::function<void(TableId, RowId, std::string_view)>& add) {
  if (cursor->table == tables_.size()) return true;
  const uint64_t copied = cursor->on_disk ? 0 : CopyFromMemory(slots, bytes, cursor, add);
  if (!cursor->on_disk || copied >= bytes) return false;
  SKY_ASSIGN_OR_RETURN(const bool whole, CopyFromStore(slots, bytes - copied, cursor, add));
  if (whole) *cursor = {.table = cursor->table + 1, .key = {}};
  return cursor->table == tables_.size();
}

Status TieredRows::Put(TableId table, std::span<const RowId> ids, std::span<const char> records,
                       uint64_t lsn) {
  const RowLayout& row_layout = layout(table);
  CHECK_EQ(records.size(), ids.size() * row_layout.bytes);
  for (size_t begin = 0; begin < ids.size(); begin += block_rows_) {
    const auto block = ids.subspan(begin, std::min(block_rows_, ids.size() - begin));
    SKY_ASSIGN_OR_RETURN(const auto numbers, Create(table, block));
    for (size_t i = 0; i < numbers.size(); ++i) {
      char* own = record(table, numbers[i]);
      if (row_layout.header(own).lsn >= lsn) continue;
      std::memcpy(own, records.data() + (begin + i) * row_layout.bytes, row_layout.bytes);
      row_layout.header(own).lsn = lsn;
      MarkChanged(table, numbers[i]);
    }
  }
  return Status();
}

Status TieredRows::Drop(SlotRange slots) {
  SKY_RETURN_IF_ERROR(Settle());
  const env::RowKey from{.slot = Slot(static_cast<uint16_t>(slots.begin)), .id = {}};
  const std::vector<uint64_t> stored_before = stored_;
  std::vector<std::vector<RowNumber>> leaving(tables_.size());
  std::vector<uint64_t> gone(tables_.size());
  for (size_t t = 0; t < tables_.size(); ++t) {
    const RowTable& table = *tables_[t];
    for (RowNumber row = 0; row < table.rows(); ++row) {
      if (!IsIn(slots, table.table(), table.id(row))) continue;
      leaving[t].push_back(row);
      gone[t] += table.stored(row) ? 0 : 1;
    }
    if (stored_[t] == 0) continue;
    const auto count = [&](env::RowKey key, std::string_view) {
      if (Number(key.slot) >= slots.end) return false;
      --stored_[t];
      ++gone[t];
      return true;
    };
    SKY_RETURN_IF_ERROR(Noted(store_.Scan(table.table(), from, count)));
  }
  ++writes_;
  if (stored_ != stored_before) {
    SKY_RETURN_IF_ERROR(SyncLog(log_.last()));
    const std::string note = RowsNote{.end = log_.last(), .stored = stored_}.Encode();
    const env::StoreNote notes[] = {{RowsNote::kName, note}};
    if (const Status dropped = Noted(store_.Drop(slots, notes)); !dropped.ok()) {
      stored_ = stored_before;
      return dropped;
    }
  }
  for (size_t t = 0; t < tables_.size(); ++t) {
    tables_[t]->Remove(leaving[t]);
    existing_[t] -= gone[t];
  }
  return Status();
}

}  // namespace skybridge::ps
