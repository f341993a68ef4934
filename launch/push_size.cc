// SPDX-License-Identifier: Apache-2.0
#include "launch/push_size.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/shard_map.h"
#include "data/batch_builder.h"
#include "launch/cluster_config.h"
#include "worker/binding.h"
#include "worker/shard_split.h"

namespace skybridge::launch {
namespace {

constexpr uint64_t kBatches = 8;  // Spread over the partition.

Result<ShardMap> MapOf(uint32_t shards) {
  std::vector<ShardMap::Shard> list;
  for (uint32_t i = 0; i < shards; ++i) {
    const SlotRange slots = EvenSlots(i, shards);
    list.push_back({.id = ShardId(i), .slot_begin = slots.begin, .slot_end = slots.end});
  }
  return ShardMap::Create(MapVersion(1), std::move(list));
}

// Of the shard that gets most.
uint64_t BytesOfPush(const ShardMap& map, const TableSpecs& specs, const worker::TableIds& ids) {
  const worker::ShardSplit split(map, ids);
  uint64_t most = 0;
  for (size_t shard = 0; shard < split.shards(); ++shard) {
    uint64_t bytes = 0;
    for (size_t table = 0; table < specs.size(); ++table) {
      if (specs[table].kind == TableKind::kCounts) continue;  // Read, never pushed, by a step.
      bytes += split.positions(shard, table).size() *
               (sizeof(uint64_t) + specs[table].dim * sizeof(float));
    }
    most = std::max(most, bytes);
  }
  return most;
}

}  // namespace

Result<PushSize> MeasurePushes(const OpenJob& job, const data::Partition& partition,
                               const data::Catalogue* catalogue) {
  SKY_ASSIGN_OR_RETURN(const ShardMap map, MapOf(ShapeOf(job.loaded.job).shards()));
  data::BatchBuilder builder(job.data, catalogue);
  const uint64_t batches = data::BatchCount(job.data, partition);
  // The last one is not full.
  const uint64_t full = std::max<uint64_t>(batches, 2) - 1;
  PushSize size{.batches = std::min({batches, full, kBatches})};
  uint64_t sum = 0;
  for (uint64_t i = 0; i < size.batches; ++i) {
    SKY_ASSIGN_OR_RETURN(const data::TrainBatch batch,
                         builder.Build(partition, 0, i * full / size.batches));
    const auto binding = worker::Binding::OfStep(job.model, batch);
    const uint64_t bytes = BytesOfPush(map, job.model.tables(), binding.ids());
    sum += bytes;
    size.bytes_most = std::max(size.bytes_most, bytes);
  }
  if (size.batches > 0) size.bytes_mean = sum / size.batches;
  return size;
}

Result<PushSize> MeasurePushes(const OpenJob& job) {
  if (job.plan.train.empty()) return PushSize();
  SKY_ASSIGN_OR_RETURN(const auto catalogue, CatalogueIfNeeded(job));
  for (const data::PartitionRef& ref : job.plan.train) {
    SKY_ASSIGN_OR_RETURN(const data::Partition partition,
                         data::LoadPartition(job.data, ref, catalogue.get()));
    if (data::BatchCount(job.data, partition) == 0) continue;  // Filtered, or held out.
    return MeasurePushes(job, partition, catalogue.get());
  }
  return PushSize();
}

Status CheckHasBatches(const OpenJob& job, const PushSize& push) {
  if (push.batches > 0) return {};
  size_t files = 0;
  for (const auto& source : job.plan.train_files) files += source.size();
  const std::string first = files == 0 ? "" : ", the first is " + job.plan.train_files[0][0].name;
  return {StatusCode::kInvalidArgument,
          fmt::format("data.train: nothing to train on in {} files{}: is there more than a header, "
                      "does `where` let anything through, is not all held out?",
                      files, first)};
}

}  // namespace skybridge::launch
