// SPDX-License-Identifier: Apache-2.0
#include "scheduler/training_dealer.h"

#include <algorithm>
#include <numeric>

#include <glog/logging.h>

#include "common/rng.h"

namespace skybridge::scheduler {

std::vector<LeaseId> RankLeases(Phase phase, uint32_t ranks) {
  std::vector<LeaseId> leases;
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    leases.push_back({phase, LeaseKind::kTrainRank, rank});
  }
  return leases;
}

std::vector<LeaseId> PartitionLeases(const PhaseStep& step, uint64_t seed,
                                     std::span<const uint64_t> batches) {
  std::vector<LeaseId> leases;
  for (uint32_t epoch = step.epoch_begin; epoch < step.epoch_end; ++epoch) {
    std::vector<uint32_t> order(batches.size());
    std::iota(order.begin(), order.end(), 0u);
    Rng rng(seed, Purpose::kShuffle, epoch);
    Shuffle<uint32_t>(order, rng);
    for (const uint32_t partition : order) {
      if (batches[partition] == 0) continue;
      leases.push_back({step.phase, LeaseKind::kTrainPartition, UnitOf(epoch, partition)});
    }
  }
  return leases;
}

TrainingDealer::TrainingDealer(uint32_t ranks) : seats_(ranks) {}

std::vector<RankChange> TrainingDealer::Settle(std::span<const Granted> granted) {
  CHECK_LE(granted.size(), seats_.size());
  for (Seat& seat : seats_) {
    if (seat.lease && std::ranges::count(granted, *seat.lease) == 0) seat.lease.reset();
  }
  for (const Granted& lease : granted) {
    const auto has = [&](const Seat& seat) { return seat.lease == lease; };
    if (std::ranges::any_of(seats_, has)) continue;
    Seat& seat = seats_[Choose(lease.node)];
    seat.lease = lease;
    seat.last_node = lease.node;
  }
  std::vector<RankChange> changes;
  for (uint32_t rank = 0; rank < seats_.size(); ++rank) {
    Seat& seat = seats_[rank];
    const bool retired = seat.changes % 2 == 1;
    if (retired != seat.lease.has_value()) continue;
    changes.push_back({rank, ++seat.changes});
  }
  return changes;
}

// The node's own seat, else one that nobody has had, else any free one.
uint32_t TrainingDealer::Choose(Incarnation node) const {
  std::optional<uint32_t> untouched;
  std::optional<uint32_t> any;
  for (uint32_t rank = 0; rank < seats_.size(); ++rank) {
    const Seat& seat = seats_[rank];
    if (seat.lease) continue;
    if (seat.last_node == node) return rank;
    if (!untouched && seat.last_node == Incarnation{}) untouched = rank;
    if (!any) any = rank;
  }
  CHECK(any) << "more leases than ranks";
  return untouched ? *untouched : *any;
}

uint32_t TrainingDealer::RankOf(const LeaseId& lease) const {
  for (uint32_t rank = 0; rank < seats_.size(); ++rank) {
    if (seats_[rank].lease && seats_[rank].lease->lease == lease) return rank;
  }
  LOG(FATAL) << LeaseName(lease) << " has no rank";
  return 0;
}

}  // namespace skybridge::scheduler
