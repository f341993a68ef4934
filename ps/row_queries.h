// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/hash.h"
#include "common/ids.h"
#include "common/shard_map.h"
#include "common/status.h"
#include "ps/requests.h"
#include "ps/tiered_rows.h"

namespace skybridge::ps {

// Reads over the rows of a shard, in the layouts of messages. Errors of all: those of the store.

// Bytes that ReadRows answers with.
uint64_t ReplyBytes(const TableSpecs& tables, const PullRequest& pull);
// For each part: values f32[n, dim], then counts u32[n] if it asks for them. A row that was never
// pushed has its first value and the count 0. The pull was checked.
Result<std::string> ReadRows(TieredRows& rows, const PullRequest& pull);

// A page of one table in store order: by slot, then id.
struct ScanPage {
  uint32_t rows = 0;
  std::string bytes;  // ids u64[rows], values f32[rows, dim], counts u32[rows].
  bool done = false;  // Nothing comes after it.
};
// Rows of these slots that exist, after row `after` or from the start. Others may be on their way
// here, or from here.
Result<ScanPage> ScanRows(TieredRows& rows, SlotRange slots, TableId table,
                          std::optional<RowId> after, uint32_t rows_max);

// A number that two shards, or sums over shards, share iff they hold the same rows: the sum, modulo
// 2^64, of xxh3 over (table, id, record), leaving out log positions.
struct TableSum {
  uint64_t hash = 0;
  uint64_t rows = 0;
  bool operator==(const TableSum&) const = default;
};
// Of the rows of these slots, by table.
Result<std::vector<TableSum>> HashTables(TieredRows& rows, SlotRange slots = {0, kSlotCount});

}  // namespace skybridge::ps
