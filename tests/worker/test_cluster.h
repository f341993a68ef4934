// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "worker/cluster_view.h"

namespace skybridge::worker {

// A view of `shards` shards with even slots, at endpoints "shard-0", "shard-1", ...
inline ClusterView TestCluster(uint32_t shards) {
  std::vector<ShardMap::Shard> entries;
  for (uint32_t i = 0; i < shards; ++i) {
    const SlotRange slots = EvenSlots(i, shards);
    entries.push_back(
        {ShardId(i), "shard-" + std::to_string(i), Incarnation(100 + i), slots.begin, slots.end});
  }
  ClusterView view;
  view.map = *ShardMap::Create(MapVersion(1), std::move(entries));
  return view;
}

}  // namespace skybridge::worker
