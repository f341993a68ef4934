// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/node.h"
#include "common/object_store.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "proto/checkpoint.pb.h"
#include "scheduler/scheduler_options.h"
#include "tests/sim/shard_disk.h"

namespace skybridge::sim {

// What a cluster that goes on from a checkpoint finds on its disks.
struct Beginning {
  uint32_t phase = 0;  // Where all shards stand.
  uint64_t clock = 0;
  std::vector<Record> scheduler_log;
  std::vector<std::unique_ptr<ShardDisk>> disks;  // By shard.
};

struct RestoreShape {
  TableSpecs tables;
  uint64_t memory_bytes = 0;  // Of a shard.
};

// Does what `skybridge checkpoint restore` does, with disks in memory. options: of the scheduler
// that goes on; its `shards` are made.
Result<Beginning> RestoreCluster(ObjectStore& store, const checkpoint::Manifest& manifest,
                                 const RestoreShape& shape,
                                 const scheduler::SchedulerNodeOptions& options);

// The tables as they were at the cut: the number of each, by TableId, that shards with these rows
// would sum up to (wire.TableHash).
Result<std::vector<uint64_t>> HashesAtCut(ObjectStore& store, const checkpoint::Manifest& manifest,
                                          const RestoreShape& shape);

}  // namespace skybridge::sim
