// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/shard_map.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "env/row_store.h"
#include "ps/shard_record.h"

namespace skybridge::ps {

struct ShardBuilderOptions {
  TableSpecs tables;
  uint64_t run_bytes = 64 << 20;  // Of rows that wait to be written in one run.
};

// Fills an empty store with the rows and the state from which a shard with an empty log goes on
// (docs/protocol.md, Restore). The store is no shard's until Finish returned OK: Shard::Recover
// refuses what is left of a builder that came to no end.
//
// Errors of all calls: those of the store, after which the builder must not be used.
class ShardBuilder {
 public:
  // `store` outlives this.
  ShardBuilder(ShardBuilderOptions options, SlotRange slots, env::RowStore& store);

  // Call first. Errors: kFailedPrecondition if the store holds rows of somebody.
  Status Begin();

  // Adds a row; within a table they ascend by key. Its stamp is not taken: no record of the new log
  // has changed it.
  // Errors: kDataLoss, naming table and row, if it does not ascend, its slot is another shard's or
  // not that of its id, or its size is not that of the table's rows.
  Status AddRow(TableId table, env::RowKey key, std::string_view record);
  // Writes what waits, so that it takes no room.
  Status Flush();

  // Writes what waits, and the state with it. image: at the beginning of an empty log.
  Status Finish(const ShardImage& image);

 private:
  Status Check(TableId table, env::RowKey key, std::string_view record) const;
  Status Write(std::span<const env::StoreNote> notes);

  const ShardBuilderOptions options_;
  const SlotRange slots_;
  env::RowStore& store_;
  std::vector<size_t> record_bytes_;              // By table, like these two.
  std::vector<uint64_t> stored_;                  // Rows added.
  std::vector<std::optional<env::RowKey>> last_;  // The last row added.
  // The run that waits.
  TableId table_{};
  std::vector<env::RowKey> keys_;
  std::vector<char> records_;
};

}  // namespace skybridge::ps
