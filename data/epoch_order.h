// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "data/options.h"
#include "data/partition.h"

namespace skybridge::data {

// A query with some of its record's positives.
struct Unit {
  uint32_t record;
  uint32_t begin;  // [begin, end) into EpochOrder.positives.
  uint32_t end;
};

// In which order an epoch goes through a partition: the positives of each record shuffled and cut
// into units of up to options.positives, the units shuffled; with groups: the groups shuffled, and
// within each its units. A pure function of (options.seed, epoch, partition).
struct EpochOrder {
  std::vector<Unit> units;
  std::vector<uint32_t> positives;  // Partition.positives, shuffled within each record.
};

EpochOrder OrderEpoch(const DatasetOptions& options, const Partition& partition, uint32_t epoch);

// Units of one epoch, the same in every one: ceil(n / options.positives) of a record with n.
uint64_t UnitCount(const DatasetOptions& options, const Partition& partition);

}  // namespace skybridge::data
