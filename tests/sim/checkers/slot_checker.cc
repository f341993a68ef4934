// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/slot_checker.h"

#include <algorithm>
#include <string>

namespace skybridge::sim {

void SlotsServedOnce::Said(const Utterance& message) {
  if (message.node.kind != NodeKind::kScheduler || !message.header.has_cluster_map()) return;
  const wire::ClusterMap& map = message.header.cluster_map();
  if (map.version() <= version_) return;
  std::vector<std::pair<uint32_t, uint32_t>> borders;
  for (const wire::ShardEntry& entry : map.shard()) {
    borders.emplace_back(entry.slot_begin(), entry.slot_end());
  }
  if (version_ > 0 && borders != borders_) ++moves_;
  version_ = map.version();
  borders_ = std::move(borders);
}

void SlotsServedOnce::Passed(Instant) {
  std::vector<ps::ShardNode::Serving> all;
  for (uint32_t shard = 0; shard < shards_; ++shard) all.push_back(serving_(shard));
  for (uint32_t a = 0; a < shards_; ++a) {
    for (uint32_t b = a + 1; b < shards_; ++b) {
      const uint32_t begin = std::max(all[a].slots.begin, all[b].slots.begin);
      const uint32_t end = std::min(all[a].slots.end, all[b].slots.end);
      if (begin >= end) continue;
      const ps::ShardNode::Serving& older = all[a].map < all[b].map ? all[a] : all[b];
      if (all[a].map != all[b].map && older.frozen) continue;
      return Violate(ShardName(a) + " and " + ShardName(b) + " both serve slots " +
                     std::to_string(begin) + " to " + std::to_string(end));
    }
  }
}

}  // namespace skybridge::sim
