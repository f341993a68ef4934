// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "worker/dataset.h"
#include "worker/lease_work.h"
#include "worker/row_writer.h"

namespace skybridge::worker {

// What one partition holds, counted off the node's thread.
class CountTask : public WorkTask {
 public:
  CountTask(uint64_t owner, const model::TwoTower& model, const Dataset& dataset, uint64_t unit)
      : WorkTask(owner), model_(model), dataset_(dataset), unit_(unit) {}
  void Run() override;

  Status status;
  PartitionCounts counts;

 private:
  const model::TwoTower& model_;
  const Dataset& dataset_;
  const uint64_t unit_;
};

// Counts one partition and pushes how often each id was sighted to the counts tables, exactly once
// however often the lease moves: a stream of pushes, each a fixed slice of the sorted ids.
class PreparePartition : public LeaseWork {
 public:
  struct Options {
    uint64_t owner = 0;
    uint32_t phase = 0;
    uint64_t unit = 0;
    uint32_t attempt = 0;
    size_t ids_per_push = 65536;
  };
  PreparePartition(Options options, const model::TwoTower& model, const Dataset& dataset,
                   Calls& calls, const ClusterView& cluster);

  void Begin(Instant now, Effects* out) override;
  void OnAnswer(const Answer& answer, Instant now, Effects* out) override;
  void OnTask(WorkTask& task, Instant now, Effects* out) override;

 private:
  struct Slice {
    TableIds ids;
    std::vector<std::vector<uint32_t>> sightings;
  };
  void CutSlices(const PartitionCounts& counts);
  void NextSlice(Instant now, Effects* out);

  const Options options_;
  const model::TwoTower& model_;
  const Dataset& dataset_;
  const ClusterView& cluster_;
  Calls& calls_;
  RowWriter writer_;
  size_t fences_ = 0;  // Shards that have not answered the ledger query.
  PartitionCounts counts_;
  std::vector<Slice> slices_;
  size_t slice_ = 0;
  ShardSplit split_;
};

}  // namespace skybridge::worker
