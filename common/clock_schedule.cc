// SPDX-License-Identifier: Apache-2.0
#include "common/clock_schedule.h"

#include <algorithm>
#include <numeric>

#include <glog/logging.h>

#include "common/rng.h"

namespace skybridge {

ClockSchedule::ClockSchedule(uint64_t seed, uint32_t ranks, uint32_t epochs,
                             std::vector<uint64_t> batches)
    : batches_(std::move(batches)) {
  CHECK_GT(ranks, 0u);
  for (uint32_t epoch = 0; epoch < epochs; ++epoch) {
    epochs_.push_back(Deal(seed, ranks, epoch));
    total_ += epochs_.back().clocks;
  }
}

ClockSchedule::Epoch ClockSchedule::Deal(uint64_t seed, uint32_t ranks, uint32_t epoch) const {
  std::vector<uint32_t> order(batches_.size());
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(seed, Purpose::kShuffle, epoch, ~uint64_t{0});
  Shuffle<uint32_t>(order, rng);
  const std::vector<uint32_t> shuffled = order;
  std::ranges::stable_sort(order,
                           [&](uint32_t a, uint32_t b) { return batches_[a] > batches_[b]; });

  Epoch dealt;
  dealt.pieces.resize(ranks);
  dealt.lengths.assign(ranks, 0);
  std::vector<uint32_t> owner(batches_.size());
  for (const uint32_t partition : order) {
    const auto idlest = std::ranges::min_element(dealt.lengths) - dealt.lengths.begin();
    owner[partition] = static_cast<uint32_t>(idlest);
    dealt.lengths[static_cast<size_t>(idlest)] += batches_[partition];
  }
  std::vector<uint64_t> position(ranks, 0);
  for (const uint32_t partition : shuffled) {
    if (batches_[partition] == 0) continue;
    dealt.pieces[owner[partition]].push_back({position[owner[partition]], partition});
    position[owner[partition]] += batches_[partition];
  }
  dealt.clocks = std::ranges::max(dealt.lengths);
  return dealt;
}

std::pair<uint32_t, uint64_t> ClockSchedule::Locate(uint64_t clock) const {
  CHECK_GE(clock, 1u);
  CHECK_LE(clock, total_);
  uint64_t position = clock - 1;
  uint32_t epoch = 0;
  while (position >= epochs_[epoch].clocks) position -= epochs_[epoch++].clocks;
  return {epoch, position};
}

std::optional<BatchPosition> ClockSchedule::At(Rank rank, uint64_t clock) const {
  const auto [epoch, position] = Locate(clock);
  const size_t r = Number(rank);
  if (position >= epochs_[epoch].lengths[r]) return std::nullopt;
  const std::vector<Piece>& pieces = epochs_[epoch].pieces[r];
  const auto after = std::ranges::upper_bound(pieces, position, {}, &Piece::first);
  const Piece& piece = *std::prev(after);
  return BatchPosition{epoch, piece.partition, position - piece.first};
}

uint32_t ClockSchedule::ActiveRanks(uint64_t clock) const {
  const auto [epoch, position] = Locate(clock);
  const auto busy = [p = position](uint64_t length) { return p < length; };
  return static_cast<uint32_t>(std::ranges::count_if(epochs_[epoch].lengths, busy));
}

}  // namespace skybridge
