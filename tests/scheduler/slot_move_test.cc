// SPDX-License-Identifier: Apache-2.0
#include "scheduler/slot_move.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "common/rng.h"

namespace skybridge::scheduler {
namespace {

ShardMap::Shard Shard(uint32_t index, uint32_t begin, uint32_t end) {
  return {ShardId(index), "shard-" + std::to_string(index), Incarnation(index + 1), begin, end};
}

ShardMap Even(uint32_t shards) {
  std::vector<ShardMap::Shard> list;
  for (uint32_t s = 0; s < shards; ++s) {
    list.push_back(Shard(s, EvenSlots(s, shards).begin, EvenSlots(s, shards).end));
  }
  return *ShardMap::Create(MapVersion(1), list);
}

// Makes moves until none is left; how many.
int Settle(ShardMap& map, uint32_t wanted, int moves_max = 1000) {
  int moves = 0;
  for (auto move = NextMove(map, wanted); move && moves < moves_max; ++moves) {
    auto shards = AfterMove(map, *move, Shard(move->target, 0, 0));
    EXPECT_TRUE(shards.has_value()) << MoveName(*move);
    if (!shards) break;
    auto next = ShardMap::Create(MapVersion(Number(map.version()) + 1), *std::move(shards));
    EXPECT_TRUE(next.has_value()) << next.error();
    if (!next) break;
    map = *std::move(next);
    move = NextMove(map, wanted);
  }
  return moves;
}

TEST(SlotMoveTest, ShardsThatComeGetTheirShares) {
  ShardMap map = Even(2);
  const auto first = NextMove(map, 3);
  EXPECT_EQ(first, (SlotMove{1, 2, {EvenSlots(2, 3).begin, kSlotCount}}));
  EXPECT_EQ(Settle(map, 3), 2);
  EXPECT_EQ(map.shards(), Even(3).shards());
  EXPECT_EQ(NextMove(map, 3), std::nullopt);
}

TEST(SlotMoveTest, ShardsThatGoGiveAllTheyHave) {
  ShardMap map = Even(3);
  EXPECT_EQ(Settle(map, 1), 2);
  EXPECT_EQ(map.shards(), Even(1).shards());
}

TEST(SlotMoveTest, FromAnywhereAFewMovesLeadToEqualShares) {
  Rng rng(1, Purpose::kTest);
  ShardMap map = Even(1);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    // Stopped half way, and sent elsewhere.
    const auto wanted = 1 + static_cast<uint32_t>(rng.Below(9));
    if (rng.Below(2) == 0) {
      Settle(map, wanted, static_cast<int>(rng.Below(4)));
      continue;
    }
    EXPECT_LE(Settle(map, wanted), 20);
    EXPECT_EQ(map.shards().size(), wanted);
    for (uint32_t s = 0; s < wanted; ++s) {
      EXPECT_EQ(map.shards()[s].slot_begin, EvenSlots(s, wanted).begin);
    }
  }
}

TEST(SlotMoveTest, AMoveThatDoesNotFitTheMapIsNone) {
  const ShardMap map = Even(2);
  const uint32_t half = kSlotCount / 2;
  for (const SlotMove& odd : std::vector<SlotMove>{{0, 1, {0, 10}},
                                                   {1, 0, {half + 1, half + 9}},
                                                   {0, 1, {half, half}},
                                                   {0, 2, {0, 10}},
                                                   {2, 1, {0, 10}},
                                                   {0, 0, {0, 10}}}) {
    EXPECT_EQ(AfterMove(map, odd, Shard(2, 0, 0)), std::nullopt) << MoveName(odd);
  }
}

}  // namespace
}  // namespace skybridge::scheduler
