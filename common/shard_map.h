// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/hash.h"
#include "common/ids.h"
#include "common/status.h"

namespace skybridge {

// Which shard owns which slots, and where it listens. Immutable; a change is a new version.
class ShardMap {
 public:
  struct Shard {
    ShardId id{};
    std::string endpoint;
    Incarnation incarnation{};
    uint32_t slot_begin = 0;  // Owns [slot_begin, slot_end).
    uint32_t slot_end = 0;
    bool operator==(const Shard&) const = default;
  };

  ShardMap() = default;  // Version 0: nobody owns anything.

  // Errors: kInvalidArgument unless the ranges cover every slot exactly once, in order.
  static Result<ShardMap> Create(MapVersion version, std::vector<Shard> shards);

  MapVersion version() const { return version_; }
  const std::vector<Shard>& shards() const { return shards_; }
  // Position in shards() of the owner. The map must not be empty.
  size_t OwnerOf(TableId table, RowId id) const { return owner_[Number(SlotOf(table, id))]; }

 private:
  MapVersion version_{};
  std::vector<Shard> shards_;
  std::vector<uint16_t> owner_;  // By slot.
};

// Equal shares of the slots for `shards` shards: [begin, end) of shard `index`.
struct SlotRange {
  uint32_t begin;
  uint32_t end;
  bool operator==(const SlotRange&) const = default;
};
SlotRange EvenSlots(uint32_t index, uint32_t shards);

}  // namespace skybridge
