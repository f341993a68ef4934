// SPDX-License-Identifier: Apache-2.0
#include "data/epoch_order.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "common/rng.h"

namespace skybridge::data {
namespace {

// Brings the units of a group together: groups in an order drawn from `rng`, within each its units
// in the order they come in.
void JoinGroups(const Partition& partition, Rng& rng, std::vector<Unit>* units) {
  std::vector<uint64_t> groups = partition.groups;
  std::ranges::sort(groups);
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  std::vector<uint32_t> rank(groups.size());
  std::iota(rank.begin(), rank.end(), 0u);
  Shuffle(std::span(rank), rng);
  std::ranges::stable_sort(*units, {}, [&](const Unit& unit) {
    const auto group = std::ranges::lower_bound(groups, partition.groups[unit.record]);
    return rank[static_cast<size_t>(group - groups.begin())];
  });
}

}  // namespace

uint64_t UnitCount(const DatasetOptions& options, const Partition& partition) {
  uint64_t units = 0;
  for (uint32_t record = 0; record < partition.records(); ++record) {
    units += (partition.record_pairs(record) + options.positives - 1) / options.positives;
  }
  return units;
}

EpochOrder OrderEpoch(const DatasetOptions& options, const Partition& partition, uint32_t epoch) {
  EpochOrder order{.positives = partition.positives};
  const uint32_t index = partition.ref.index;
  for (uint32_t record = 0; record < partition.records(); ++record) {
    const uint32_t end = partition.positive_offsets[record + 1];
    uint32_t begin = partition.positive_offsets[record];
    // Counter 0 orders the units.
    Rng rng(options.seed, Purpose::kShuffle, epoch, index, uint64_t{record} + 1);
    Shuffle(std::span(order.positives).subspan(begin, end - begin), rng);
    while (begin < end) {
      const uint32_t count = std::min(options.positives, end - begin);
      order.units.push_back({record, begin, begin + count});
      begin += count;
    }
  }
  Rng rng(options.seed, Purpose::kShuffle, epoch, index);
  Shuffle(std::span(order.units), rng);
  if (!partition.groups.empty()) JoinGroups(partition, rng, &order.units);
  return order;
}

}  // namespace skybridge::data
