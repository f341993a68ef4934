// SPDX-License-Identifier: Apache-2.0
#include "common/rng.h"

#include <glog/logging.h>

namespace skybridge {

uint64_t Rng::Below(uint64_t n) {
  CHECK_GT(n, 0u);
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(Next()) * n;
  if (static_cast<uint64_t>(product) < n) {
    const uint64_t threshold = (0 - n) % n;
    while (static_cast<uint64_t>(product) < threshold) product = static_cast<Wide>(Next()) * n;
  }
  return static_cast<uint64_t>(product >> 64);
}

float Rng::Normal() {
  uint32_t sum = 0;  // Of eight 16-bit numbers: mean 4 * 65535, exact in 32 bits.
  for (int word = 0; word < 2; ++word) {
    uint64_t bits = Next();
    for (int part = 0; part < 4; ++part, bits >>= 16) sum += static_cast<uint32_t>(bits & 0xffff);
  }
  // Variance of the sum: 8 * (65536^2 - 1) / 12; its root is 53509.92
  constexpr float kInverseStddev = 1.0f / 53509.92f;
  return (static_cast<float>(sum) - 4.0f * 65535.0f) * kInverseStddev;
}

}  // namespace skybridge
