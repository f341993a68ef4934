// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/ids.h"

namespace skybridge {

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every bit.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr uint64_t CombineHash(uint64_t a, uint64_t b) { return Mix64(a ^ Mix64(b)); }

// XXH3, 64 bits: of content and of names.
uint64_t HashBytes(std::string_view bytes, uint64_t seed = 0);

// The checksum of messages and records (Castagnoli, as in iSCSI); `crc` continues a running one.
uint32_t Crc32c(std::string_view bytes, uint32_t crc = 0);

// The id space of all tables is cut into this many slots, once and for ever.
inline constexpr uint32_t kSlotCount = 4096;

constexpr Slot SlotOf(TableId table, RowId id) {
  return Slot(static_cast<uint16_t>(CombineHash(Number(table) + 1, Number(id)) >> 52));
}

}  // namespace skybridge
