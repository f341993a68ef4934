// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/clock_schedule.h"
#include "common/node.h"
#include "data/batch_builder.h"
#include "worker/dataset.h"
#include "worker/lease_work.h"
#include "worker/train_step.h"

namespace skybridge::worker {

// Reads the partition if it is not given, builds one batch, with a builder of its own unless it was
// lent one, and finds its rows.
class StepTask : public WorkTask {
 public:
  StepTask(uint64_t owner, const model::TwoTower& model, const Dataset& dataset,
           std::unique_ptr<data::BatchBuilder> lent, BatchPosition position,
           std::shared_ptr<const data::Partition> partition);
  void Run() override;

  const BatchPosition position;
  std::shared_ptr<const data::Partition> partition;  // Read by Run if null.
  std::unique_ptr<data::BatchBuilder> builder;       // Made by Run if null.
  Status status;
  std::shared_ptr<const PreparedStep> step;

 private:
  Status Prepare();

  const model::TwoTower& model_;
  const Dataset& dataset_;
};

// Training partitions in memory, the latest ones used, up to a number of bytes (at least one).
// Not thread-safe.
class PartitionCache {
 public:
  explicit PartitionCache(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  // Null if it is not there.
  std::shared_ptr<const data::Partition> Find(uint32_t partition);
  void Keep(uint32_t partition, std::shared_ptr<const data::Partition> content);

 private:
  struct Entry {
    uint32_t partition;
    std::shared_ptr<const data::Partition> content;
    uint64_t bytes;
  };
  const uint64_t bytes_max_;
  std::vector<Entry> entries_;  // Latest use last.
};

// Prepares the steps of one lease, one ahead of their use.
class StepSource {
 public:
  StepSource(uint64_t owner, const model::TwoTower& model, const Dataset& dataset,
             PartitionCache& cache);

  // Begins to prepare `position`, unless that is under way or ready. What was wanted before must
  // have come back.
  void Want(const BatchPosition& position, Effects* out);
  // Takes back a task. Errors: those of reading the partition.
  Status Take(StepTask& task);
  // The prepared step, once; null if it is not ready yet.
  std::shared_ptr<const PreparedStep> Collect(const BatchPosition& position);

 private:
  const uint64_t owner_;
  const model::TwoTower& model_;
  const Dataset& dataset_;
  PartitionCache& cache_;
  std::unique_ptr<data::BatchBuilder> builder_;  // Lent to one task at a time; null at first.
  bool lent_ = false;
  std::optional<BatchPosition> wanted_;
  std::shared_ptr<const PreparedStep> ready_;  // For wanted_.
};

}  // namespace skybridge::worker
