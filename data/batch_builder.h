// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/catalogue.h"
#include "data/cloze.h"
#include "data/epoch_order.h"
#include "data/options.h"
#include "data/partition.h"

namespace skybridge::data {

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
  // A batch while it is made.
  struct Draft {
    const Partition& partition;
    uint32_t epoch;
    uint64_t batch;
    std::span<const Unit> units;       // [Q]
    std::vector<uint64_t> query_keys;  // [Q]
    // [Q + 1], [..]: the rows of each unit's positives.
    std::vector<uint32_t> own_offsets{0};
    std::vector<uint32_t> own;
    TrainBatch made;
  };
  // Where a candidate stands in row_of_: by catalogue, and behind it those that are not there.
  size_t SlotOf(const Partition& partition, uint32_t candidate) const;

  void AddUnits(Draft* draft);
  void AddQuery(const Unit& unit, Draft* draft);
  void AddPositive(const Unit& unit, uint32_t candidate, Draft* draft);
  void AddUniform(Draft* draft);
  void Exclude(Draft* draft);
  void AddHistory(const Draft& draft, const Unit& unit, std::vector<uint32_t>* rows) const;
  void SampleNegatives(Draft* draft) const;

  const DatasetOptions& options_;
  const Catalogue* const catalogue_;
  ClozeMaker cloze_;
  // The order of the last (partition, epoch).
  std::optional<std::pair<uint32_t, uint32_t>> ordered_;
  EpochOrder order_;
  // Scratch: candidate row + 1 by slot, 0 where none; and the slots that are not 0.
  std::vector<uint32_t> row_of_;
  std::vector<size_t> used_;
  std::vector<bool> drawn_;  // Scratch: by catalogue position.
};

}  // namespace skybridge::data
