// SPDX-License-Identifier: Apache-2.0
#include "common/hash.h"

#include <isa-l/crc.h>
#include <xxhash.h>

namespace skybridge {

uint64_t HashBytes(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint32_t Crc32c(std::string_view bytes, uint32_t crc) {
  // ISA-L neither inverts its argument nor its result, and takes int lengths.
  constexpr size_t kPieceMax = 1u << 30;
  uint32_t state = ~crc;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPieceMax);
    state = crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(piece.data())),
                        static_cast<int>(piece.size()), state);
    bytes.remove_prefix(piece.size());
  }
  return ~state;
}

}  // namespace skybridge
