// SPDX-License-Identifier: Apache-2.0
#include "ps/row_queries.h"

#include <algorithm>
#include <cstring>
#include <span>

#include <glog/logging.h>

#include "common/bytes.h"
#include "common/hash.h"

namespace skybridge::ps {
namespace {

constexpr size_t kPrefetchAhead = 8;

// Copies weights [n, dim] and counts [n] of one part to where the reply has them.
class PartReader {
 public:
  PartReader(TieredRows& rows, const PullPart& part, char* values, char* counts)
      : rows_(rows),
        part_(part),
        layout_(rows.layout(part.table)),
        values_(values),
        counts_(counts) {}

  Status Run() {
    const std::span<const RowId> ids(part_.ids);
    for (size_t begin = 0; begin < ids.size(); begin += rows_.block_rows()) {
      const auto block = ids.subspan(begin, std::min(rows_.block_rows(), ids.size() - begin));
      SKY_ASSIGN_OR_RETURN(const auto numbers, rows_.Fetch(part_.table, block));
      for (size_t i = 0; i < numbers.size(); ++i) {
        if (i + kPrefetchAhead < numbers.size()) Prefetch(numbers[i + kPrefetchAhead]);
        Copy(block[i], numbers[i]);
      }
    }
    return Status();
  }

 private:
  void Prefetch(RowNumber row) {
    if (row == kNoRow) return;
    const char* record = rows_.record(part_.table, row);
    const size_t bytes = std::min<size_t>(sizeof(RowHeader) + layout_.dim * sizeof(float), 1024);
    for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(record + at);
  }

  void Copy(RowId id, RowNumber row) {
    const size_t bytes = layout_.dim * sizeof(float);
    uint32_t count = 0;
    if (row != kNoRow) {
      const char* record = rows_.record(part_.table, row);
      count = layout_.header(record).count;
      if (bytes > 0) std::memcpy(values_, layout_.weights(record).data(), bytes);
    } else if (bytes > 0) {
      // Replies are byte strings: rows in them need not be aligned.
      first_.resize(layout_.dim);
      rows_.FirstValueOf(part_.table, id, first_);
      std::memcpy(values_, first_.data(), bytes);
    }
    values_ += bytes;
    if (!part_.counts) return;
    std::memcpy(counts_, &count, sizeof(count));
    counts_ += sizeof(count);
  }

  TieredRows& rows_;
  const PullPart& part_;
  const RowLayout& layout_;
  char* values_;
  char* counts_;
  std::vector<float> first_;
};

uint64_t ValueBytes(const TableSpecs& tables, const PullPart& part) {
  return part.ids.size() * tables[Number(part.table)].dim * sizeof(float);
}

uint64_t CountBytes(const PullPart& part) {
  return part.counts ? part.ids.size() * sizeof(uint32_t) : 0;
}

}  // namespace

uint64_t ReplyBytes(const TableSpecs& tables, const PullRequest& pull) {
  uint64_t bytes = 0;
  for (const PullPart& part : pull.parts) bytes += ValueBytes(tables, part) + CountBytes(part);
  return bytes;
}

Result<std::string> ReadRows(TieredRows& rows, const PullRequest& pull) {
  std::string reply(ReplyBytes(rows.tables(), pull), '\0');
  char* at = reply.data();
  for (const PullPart& part : pull.parts) {
    char* counts = at + ValueBytes(rows.tables(), part);
    SKY_RETURN_IF_ERROR(PartReader(rows, part, at, counts).Run());
    at = counts + CountBytes(part);
  }
  CHECK_EQ(at, reply.data() + reply.size());
  return reply;
}

Result<ScanPage> ScanRows(TieredRows& rows, SlotRange slots, TableId table,
                          std::optional<RowId> after, uint32_t rows_max) {
  const RowLayout& layout = rows.layout(table);
  env::RowKey from{.slot = Slot(static_cast<uint16_t>(slots.begin)), .id = {}};
  if (after) from = {SlotOf(table, *after), *after};
  ScanPage page{.done = true};
  std::string values, counts;
  const auto visit = [&](env::RowKey key, std::string_view record) {
    if (after && key == from) return true;
    if (Number(key.slot) >= slots.end) return false;
    if (page.rows == rows_max) {
      page.done = false;
      return false;
    }
    ++page.rows;
    CHECK_EQ(record.size(), layout.bytes);
    AppendRaw<RowId>(page.bytes, std::span(&key.id, 1));
    values.append(record.substr(sizeof(RowHeader), layout.dim * sizeof(float)));
    counts.append(record.substr(offsetof(RowHeader, count), sizeof(uint32_t)));
    return true;
  };
  SKY_RETURN_IF_ERROR(rows.Scan(table, from, visit));
  page.bytes += values;
  page.bytes += counts;
  return page;
}

Result<std::vector<TableSum>> HashTables(TieredRows& rows, SlotRange slots) {
  std::vector<TableSum> sums(rows.tables().size());
  std::string content;
  for (uint32_t t = 0; t < sums.size(); ++t) {
    const auto add = [&](RowId id, std::string_view record) {
      const uint32_t slot = Number(SlotOf(TableId(t), id));
      if (slot < slots.begin || slot >= slots.end) return;
      constexpr RowHeader kNoLsn;
      content.clear();
      AppendRaw<uint32_t>(content, std::span(&t, 1));
      AppendRaw<RowId>(content, std::span(&id, 1));
      AppendRaw<uint64_t>(content, std::span(&kNoLsn.lsn, 1));
      content.append(record.substr(sizeof(kNoLsn.lsn)));
      sums[t].hash += HashBytes(content);
      ++sums[t].rows;
    };
    SKY_RETURN_IF_ERROR(rows.ForEach(TableId(t), add));
  }
  return sums;
}

}  // namespace skybridge::ps
