// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/catalogue.h"
#include "data/options.h"
#include "data/partition.h"

namespace skybridge::data {

// Units of one epoch over a partition: a record with n positives gives ceil(n / options.positives).
uint64_t UnitCount(const DatasetOptions& options, const Partition& partition);

// Batches of one epoch over a partition; the same in every epoch.
uint64_t BatchCount(const DatasetOptions& options, const Partition& partition);

// Makes training batches. Batch b of (epoch, partition) is a pure function of the options, the
// partition and the catalogue, whoever builds it and after whatever else.
//
// Order: each epoch shuffles the positives of each record, cuts them into units, and shuffles the
// units; with group_by it shuffles groups, whose units stay side by side. A batch is the next
// options.batch units.
//
// Not thread-safe: it keeps the order of the last (partition, epoch), and scratch memory of one
// number per candidate. One builder per thread.
class BatchBuilder {
 public:
  // Both must outlive the builder. `catalogue` may be null when TrainingNeedsCatalogue says so.
  BatchBuilder(const DatasetOptions& options, const Catalogue* catalogue);

  // `batch` < BatchCount. Errors: kOutOfRange otherwise.
  Result<TrainBatch> Build(const Partition& partition, uint32_t epoch, uint64_t batch);

 private:
  // A query with some of its record's positives.
  struct Unit {
    uint32_t record;
    uint32_t begin;  // Into Order.positives.
    uint32_t end;
  };
  // What one epoch makes of a partition.
  struct Order {
    uint32_t partition;
    uint32_t epoch;
    std::vector<Unit> units;
    std::vector<uint32_t> positives;  // Partition.positives, reshuffled within each record.
  };

  const DatasetOptions& options_;
  const Catalogue* const catalogue_;
  std::optional<Order> order_;
  std::vector<uint32_t> row_of_;  // Scratch: candidate row + 1 by candidate, 0 elsewhere.
};

}  // namespace skybridge::data
