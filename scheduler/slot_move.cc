// SPDX-License-Identifier: Apache-2.0
#include "scheduler/slot_move.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/hash.h"

namespace skybridge::scheduler {

std::string MoveName(const SlotMove& move) {
  return fmt::format("slots {} to {} from shard {} to shard {}", move.slots.begin, move.slots.end,
                     move.source, move.target);
}

std::optional<SlotMove> NextMove(const ShardMap& map, uint32_t wanted) {
  const auto count = static_cast<uint32_t>(map.shards().size());
  // Those at the end first: what they get or give passes through those before them.
  for (uint32_t s = std::max(count, wanted); s-- > 1;) {
    const bool is_in = s < count;
    if (s > count) continue;  // Its neighbour is not in yet.
    const uint32_t border = is_in ? map.shards()[s].slot_begin : kSlotCount;
    const uint32_t goal = s < wanted ? EvenSlots(s, wanted).begin : kSlotCount;
    // Down, as far as the shard before has slots, or up, as far as this one has.
    const uint32_t low = std::max(goal, map.shards()[s - 1].slot_begin);
    if (low < border) return SlotMove{s - 1, s, {low, border}};
    const uint32_t high = std::min(goal, is_in ? map.shards()[s].slot_end : border);
    if (high > border) return SlotMove{s, s - 1, {border, high}};
  }
  return std::nullopt;
}

std::optional<std::vector<ShardMap::Shard>> AfterMove(const ShardMap& map, const SlotMove& move,
                                                      const ShardMap::Shard& joining) {
  std::vector<ShardMap::Shard> shards = map.shards();
  if (move.target == shards.size()) {
    shards.push_back(joining);
    shards.back().slot_begin = shards.back().slot_end = kSlotCount;
  }
  if (move.source >= shards.size() || move.target >= shards.size() ||
      move.slots.begin >= move.slots.end) {
    return std::nullopt;
  }
  ShardMap::Shard& source = shards[move.source];
  ShardMap::Shard& target = shards[move.target];
  if (move.target == move.source + 1 && source.slot_end == move.slots.end &&
      source.slot_begin <= move.slots.begin) {
    source.slot_end = target.slot_begin = move.slots.begin;
  } else if (move.source == move.target + 1 && source.slot_begin == move.slots.begin &&
             source.slot_end >= move.slots.end) {
    source.slot_begin = target.slot_end = move.slots.end;
  } else {
    return std::nullopt;
  }
  while (shards.back().slot_begin == shards.back().slot_end) shards.pop_back();
  return shards;
}

}  // namespace skybridge::scheduler
