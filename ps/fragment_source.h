// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/shard_map.h"
#include "common/status.h"
#include "env/redo_log.h"
#include "env/row_store.h"
#include "proto/checkpoint.pb.h"
#include "ps/shard.h"

namespace skybridge::ps {

// One shard of a checkpoint as it was at the cut: its frozen store, with the tail of its log
// replayed on it. One thread.
class FragmentSource {
 public:
  // Replays the tail.
  //   options  as the shard had them; memory may be less, the seed is the fragment's
  //   store    with the fragment's files; it is written to
  //   tail     read-only, [fragment.redo, fragment.cut]
  // Errors: kInvalidArgument if the tables are others, naming both; kDataLoss if store and tail are
  // not what the fragment says; those of Shard::Recover.
  static Result<std::unique_ptr<FragmentSource>> Open(const checkpoint::Fragment& fragment,
                                                      ShardOptions options,
                                                      std::unique_ptr<env::RowStore> store,
                                                      std::unique_ptr<env::RedoLog> tail);

  SlotRange slots() const { return slots_; }
  // The state at the cut.
  ShardImage image() const { return shard_->journal().Image(); }
  // Rows of all tables.
  uint64_t rows() const;

  // Visits the rows of a table in these slots, ascending by key; a `visit` that fails ends it with
  // that error. Errors: those of the store.
  Status Scan(TableId table, SlotRange slots,
              const std::function<Status(env::RowKey, std::string_view)>& visit);

 private:
  FragmentSource(SlotRange slots, ShardOptions options, std::unique_ptr<env::RowStore> store,
                 std::unique_ptr<env::RedoLog> tail);

  const SlotRange slots_;
  const std::unique_ptr<env::RowStore> store_;
  const std::unique_ptr<env::RedoLog> tail_;
  const std::unique_ptr<Shard> shard_;
};

}  // namespace skybridge::ps
