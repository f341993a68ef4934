// SPDX-License-Identifier: Apache-2.0
#include "common/shard_map.h"

namespace skybridge {

Result<ShardMap> ShardMap::Create(MapVersion version, std::vector<Shard> shards) {
  if (shards.size() > kSlotCount) {
    return Status(StatusCode::kInvalidArgument, "shard map: " + std::to_string(shards.size()) +
                                                    " shards, but only " +
                                                    std::to_string(kSlotCount) + " slots");
  }
  ShardMap map;
  map.owner_.resize(kSlotCount);
  uint32_t covered = 0;
  for (size_t position = 0; position < shards.size(); ++position) {
    const Shard& shard = shards[position];
    if (shard.slot_begin != covered || shard.slot_end < covered || shard.slot_end > kSlotCount) {
      return Status(StatusCode::kInvalidArgument,
                    "shard map: shard " + std::to_string(Number(shard.id)) + " owns slots " +
                        std::to_string(shard.slot_begin) + ".." + std::to_string(shard.slot_end) +
                        ", expected to begin at " + std::to_string(covered));
    }
    for (uint32_t slot = shard.slot_begin; slot < shard.slot_end; ++slot) {
      map.owner_[slot] = static_cast<uint16_t>(position);
    }
    covered = shard.slot_end;
  }
  if (covered != kSlotCount) {
    return Status(StatusCode::kInvalidArgument,
                  "shard map: slots from " + std::to_string(covered) + " on have no owner");
  }
  map.version_ = version;
  map.shards_ = std::move(shards);
  return map;
}

SlotRange EvenSlots(uint32_t index, uint32_t shards) {
  return {kSlotCount * index / shards, kSlotCount * (index + 1) / shards};
}

}  // namespace skybridge
