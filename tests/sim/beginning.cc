// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/beginning.h"

#include <map>
#include <string_view>
#include <utility>

#include "common/bytes.h"
#include "common/hash.h"
#include "common/shard_map.h"
#include "proto/checkpoint_store.h"
#include "ps/fragment_fetch.h"
#include "ps/restore.h"
#include "ps/row_record.h"
#include "scheduler/earlier_life.h"
#include "scheduler/log_begin.h"

namespace skybridge::sim {
namespace {

Result<std::unique_ptr<env::RowStore>> FetchStore(const TableSpecs& tables,
                                                  const std::vector<ps::StoreFile>& files) {
  std::map<std::string, std::string> content;
  for (const ps::StoreFile& file : files) {
    std::string& bytes = content[file.name];
    SKY_RETURN_IF_ERROR(file.read([&](std::string_view piece) {
      bytes += piece;
      return Status();
    }));
  }
  auto store = std::make_unique<support::MemoryRowStore>(ps::RecordBytes(tables));
  if (!store->Load(content)) return Status(StatusCode::kDataLoss, "the files are no store");
  return std::unique_ptr<env::RowStore>(std::move(store));
}

Result<std::vector<std::unique_ptr<ShardDisk>>> RestoreDisks(ObjectStore& store,
                                                             const checkpoint::Manifest& manifest,
                                                             const RestoreShape& shape,
                                                             uint32_t shards) {
  SKY_ASSIGN_OR_RETURN(const std::vector<checkpoint::Fragment> fragments,
                       checkpoint::ReadFragments(store, manifest));
  const std::vector<ps::RestoreSource> sources = ps::SourcesOf(
      fragments, {.rows = {.tables = shape.tables, .memory_bytes = shape.memory_bytes}}, store,
      [&](const std::vector<ps::StoreFile>& files) { return FetchStore(shape.tables, files); });
  std::vector<std::unique_ptr<ShardDisk>> disks;
  std::vector<ps::RestoreTarget> targets;
  for (uint32_t shard = 0; shard < shards; ++shard) {
    disks.push_back(std::make_unique<ShardDisk>(ps::RecordBytes(shape.tables)));
    targets.push_back({.name = "shard " + std::to_string(shard),
                       .slots = EvenSlots(shard, shards),
                       .store = &disks.back()->store});
  }
  // Small runs, as a large store has many.
  SKY_RETURN_IF_ERROR(ps::RestoreShards(
      {.build = {.tables = shape.tables, .run_bytes = 4096}, .progress = {}}, sources, targets));
  return disks;
}

}  // namespace

Result<Beginning> RestoreCluster(ObjectStore& store, const checkpoint::Manifest& manifest,
                                 const RestoreShape& shape,
                                 const scheduler::SchedulerNodeOptions& options) {
  Beginning beginning{.phase = manifest.state().phase(), .clock = manifest.state().clock()};
  SKY_ASSIGN_OR_RETURN(beginning.disks, RestoreDisks(store, manifest, shape, options.shards));
  SKY_ASSIGN_OR_RETURN(const scheduler::EarlierLife earlier,
                       scheduler::FindEarlierLife(store, manifest));
  SKY_ASSIGN_OR_RETURN(beginning.scheduler_log,
                       scheduler::RestoredLog(options, manifest.state(), earlier));
  return beginning;
}

Result<std::vector<uint64_t>> HashesAtCut(ObjectStore& store, const checkpoint::Manifest& manifest,
                                          const RestoreShape& shape) {
  SKY_ASSIGN_OR_RETURN(const auto disks, RestoreDisks(store, manifest, shape, 1));
  std::vector<uint64_t> hashes(shape.tables.size());
  for (uint32_t t = 0; t < hashes.size(); ++t) {
    const auto table = TableId(t);
    SKY_RETURN_IF_ERROR(
        disks.front()->store.Scan(table, {}, [&](env::RowKey key, std::string_view record) {
          std::string bytes;
          AppendRaw<TableId>(bytes, std::span(&table, 1));
          AppendRaw<RowId>(bytes, std::span(&key.id, 1));
          hashes[t] += HashBytes(bytes.append(record));
          return true;
        }));
  }
  return hashes;
}

}  // namespace skybridge::sim
