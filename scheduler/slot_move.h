// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/shard_map.h"

namespace skybridge::scheduler {

// Slots that go from one shard to a neighbour of it.
struct SlotMove {
  uint32_t source = 0;
  uint32_t target = 0;  // May be the first shard that is not in the map yet.
  SlotRange slots{0, 0};
  bool operator==(const SlotMove&) const = default;

  bool Touches(uint32_t shard) const { return shard == source || shard == target; }
};

// "slots 10 to 20 from shard 0 to shard 1".
std::string MoveName(const SlotMove& move);

// The next of the moves that lead to equal shares for the first `wanted` shards, and nothing for
// the others; nothing: they have these. Each move makes some border right for good. Pure.
std::optional<SlotMove> NextMove(const ShardMap& map, uint32_t wanted);

// The shards of the map once the move is made: those at the end that are left without slots are no
// longer in it. joining: the target, if it is not in the map; its slots are not looked at.
// Nothing: this map cannot make the move.
std::optional<std::vector<ShardMap::Shard>> AfterMove(const ShardMap& map, const SlotMove& move,
                                                      const ShardMap::Shard& joining);

}  // namespace skybridge::scheduler
