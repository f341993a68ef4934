// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "ps/shard_node.h"
#include "tests/sim/checkers/checker.h"

namespace skybridge::sim {

// I9: no slot is served by two shards. One whose map is over may think that it still has slots that
// have moved on, as long as it stands still.
class SlotsServedOnce : public Checker {
 public:
  // serving(shard): no slots while it is down.
  SlotsServedOnce(uint32_t shards, std::function<ps::ShardNode::Serving(uint32_t shard)> serving)
      : Checker("I9"), shards_(shards), serving_(std::move(serving)) {}
  void Said(const Utterance& message) override;
  void Passed(Instant now) override;

  // Maps that gave slots to other shards.
  uint64_t moves() const { return moves_; }

 private:
  const uint32_t shards_;
  const std::function<ps::ShardNode::Serving(uint32_t)> serving_;
  uint32_t version_ = 0;                                // Of the newest map, ...
  std::vector<std::pair<uint32_t, uint32_t>> borders_;  // ... and what it says.
  uint64_t moves_ = 0;
};

}  // namespace skybridge::sim
