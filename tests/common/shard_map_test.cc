// SPDX-License-Identifier: Apache-2.0
#include "common/shard_map.h"

#include <gtest/gtest.h>

namespace skybridge {
namespace {

std::vector<ShardMap::Shard> Even(uint32_t shards) {
  std::vector<ShardMap::Shard> list;
  for (uint32_t i = 0; i < shards; ++i) {
    const SlotRange slots = EvenSlots(i, shards);
    list.push_back({ShardId(i), "x", Incarnation(1), slots.begin, slots.end});
  }
  return list;
}

TEST(ShardMapTest, EvenSharesCoverEverySlotForAnyNumberOfShards) {
  for (const uint32_t shards : {1u, 2u, 3u, 5u, 7u, 64u}) {
    const auto map = ShardMap::Create(MapVersion(1), Even(shards));
    ASSERT_TRUE(map.has_value()) << map.error();
    for (uint64_t id = 0; id < 1000; ++id) {
      const ShardMap::Shard& owner = map->shards()[map->OwnerOf(TableId(0), RowId(id))];
      const uint32_t slot = Number(SlotOf(TableId(0), RowId(id)));
      EXPECT_GE(slot, owner.slot_begin);
      EXPECT_LT(slot, owner.slot_end);
    }
  }
}

TEST(ShardMapTest, GapsAndOverlapsAreRefused) {
  auto gap = Even(2);
  gap[1].slot_begin += 1;
  EXPECT_EQ(ShardMap::Create(MapVersion(1), gap).status().code(), StatusCode::kInvalidArgument);
  auto overlap = Even(2);
  overlap[0].slot_end += 1;
  EXPECT_FALSE(ShardMap::Create(MapVersion(1), overlap).has_value());
  auto open_end = Even(2);
  open_end.pop_back();
  EXPECT_FALSE(ShardMap::Create(MapVersion(1), open_end).has_value());
}

TEST(ShardMapTest, MoreShardsThanSlotsAreRefused) {
  std::vector<ShardMap::Shard> shards(kSlotCount);
  shards.back().slot_end = kSlotCount;
  EXPECT_TRUE(ShardMap::Create(MapVersion(1), shards).has_value());
  shards.insert(shards.begin(), ShardMap::Shard{});
  EXPECT_EQ(ShardMap::Create(MapVersion(1), shards).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skybridge
