// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_builder.h"

#include <cstring>
#include <string>
#include <utility>

#include <glog/logging.h>

#include "common/hash.h"
#include "ps/row_record.h"
#include "ps/tiered_rows.h"

namespace skybridge::ps {

ShardBuilder::ShardBuilder(ShardBuilderOptions options, SlotRange slots, env::RowStore& store)
    : options_(std::move(options)),
      slots_(slots),
      store_(store),
      record_bytes_(RecordBytes(options_.tables)),
      stored_(record_bytes_.size(), 0),
      last_(record_bytes_.size()) {}

Status ShardBuilder::Begin() {
  SKY_ASSIGN_OR_RETURN(const std::string rows, store_.Note(RowsNote::kName));
  if (!rows.empty()) {
    return Status(StatusCode::kFailedPrecondition,
                  "restore into a store that holds rows: name an empty folder");
  }
  const std::string mark = RowsNote{.end = RowsNote::kUnfinished, .stored = stored_}.Encode();
  const env::StoreNote notes[] = {{RowsNote::kName, mark}};
  return store_.Ingest({}, notes);
}

Status ShardBuilder::Check(TableId table, env::RowKey key, std::string_view record) const {
  const auto damaged = [&](const std::string& what) {
    const std::string name = Number(table) < options_.tables.size()
                                 ? options_.tables[Number(table)].name
                                 : std::to_string(Number(table));
    return Status(StatusCode::kDataLoss,
                  "table " + name + ", row " + std::to_string(Number(key.id)) + ": " + what);
  };
  if (Number(table) >= record_bytes_.size()) return damaged("there is no such table");
  if (record.size() != record_bytes_[Number(table)]) {
    return damaged(std::to_string(record.size()) + " bytes instead of " +
                   std::to_string(record_bytes_[Number(table)]));
  }
  const uint32_t slot = Number(key.slot);
  if (key.slot != SlotOf(table, key.id) || slot < slots_.begin || slot >= slots_.end) {
    return damaged("it lies in slot " + std::to_string(slot) + ", where it does not belong");
  }
  if (last_[Number(table)] >= key) return damaged("it does not follow the row before it");
  return Status();
}

Status ShardBuilder::AddRow(TableId table, env::RowKey key, std::string_view record) {
  SKY_RETURN_IF_ERROR(Check(table, key, record));
  const uint64_t bytes = sizeof(key) + record.size();
  const uint64_t waiting = keys_.size() * sizeof(key) + records_.size();
  if (table != table_ || waiting + bytes > options_.run_bytes) SKY_RETURN_IF_ERROR(Flush());
  table_ = table;
  if (keys_.empty()) {  // Once for the run; growing by doubling would pass its limit.
    const uint64_t rows = options_.run_bytes / bytes + 1;
    keys_.reserve(rows);
    records_.reserve(rows * record.size());
  }
  keys_.push_back(key);
  records_.insert(records_.end(), record.begin(), record.end());
  RowHeader header;
  char* copy = records_.data() + records_.size() - record.size();
  std::memcpy(&header, copy, sizeof(header));
  header.lsn = 0;
  std::memcpy(copy, &header, sizeof(header));
  last_[Number(table)] = key;
  ++stored_[Number(table)];
  return Status();
}

Status ShardBuilder::Flush() {
  if (keys_.empty()) return Status();
  SKY_RETURN_IF_ERROR(Write({}));
  std::vector<env::RowKey>().swap(keys_);
  std::vector<char>().swap(records_);
  return Status();
}

Status ShardBuilder::Write(std::span<const env::StoreNote> notes) {
  const env::RowRun run{.table = table_, .keys = keys_, .records = records_};
  return store_.Ingest(std::span(&run, keys_.empty() ? 0 : 1), notes);
}

Status ShardBuilder::Finish(const ShardImage& image) {
  CHECK_EQ(image.begin, 1u) << "the log of a shard that was restored is empty";
  const std::string rows = RowsNote{.end = 0, .stored = stored_}.Encode();
  const std::string state = EncodeImage(image);
  const env::StoreNote notes[] = {{RowsNote::kName, rows}, {ShardImage::kNoteName, state}};
  return Write(notes);
}

}  // namespace skybridge::ps
