// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "common/object_store.h"
#include "ps/shard_node.h"
#include "tests/sim/fused_disk.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::sim {

// What survives the deaths of one shard.
struct ShardDisk {
  explicit ShardDisk(std::vector<size_t> record_bytes) : store(std::move(record_bytes)) {}

  support::MemoryRowStore store;
  support::MemoryRedoLog log;
  Fuse fuse;
  const ps::ShardNode* node = nullptr;  // Who has it open.
  FusedRowStore fused_store{store, fuse};
  FusedRedoLog fused_log{log, fuse};
  std::unique_ptr<ObjectStore> objects;  // As its process sees it; null: none.
};

}  // namespace skybridge::sim
