// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "common/hash.h"

namespace skybridge {

// What a stream of random numbers is for. Numbers are part of the result: never renumber.
enum class Purpose : uint64_t {
  kFirstValue = 1,
  kShuffle = 2,
  kNegatives = 3,
  kInverseCloze = 4,
  kHoldout = 5,
  kSynthetic = 6,
  kDropout = 7,
  kSimulation = 8,
  kTest = 9,
  kSample = 10,
};

// Random numbers as a pure function of (seed, purpose, position in the data): a successor of a
// dead worker draws the same ones. Counter-based, 64-bit SplitMix over a mixed key.
class Rng {
 public:
  explicit Rng(uint64_t seed, Purpose purpose, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0)
      : state_(CombineHash(
            CombineHash(CombineHash(CombineHash(seed, static_cast<uint64_t>(purpose)), a), b), c)) {
  }

  uint64_t Next() { return Mix64(state_ += 0x9e3779b97f4a7c15u); }

  // Uniform in [0, n), unbiased (Lemire 2019); n > 0.
  uint64_t Below(uint64_t n);
  // Uniform in [0, 1), 24 bits.
  float Uniform() { return static_cast<float>(Next() >> 40) * 0x1p-24f; }
  // Uniform in [0, 1), 53 bits.
  double UniformDouble() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  // Nearly normal, mean 0, variance 1: the sum of eight uniform numbers (Irwin-Hall), within
  // +-4.9. Chosen over Box-Muller because it needs no libm, whose bits differ between machines.
  float Normal();

 private:
  uint64_t state_;
};

// Fisher-Yates; the permutation depends on `rng` and the size alone.
template <typename T>
void Shuffle(std::span<T> values, Rng& rng) {
  for (size_t n = values.size(); n > 1; --n) std::swap(values[n - 1], values[rng.Below(n)]);
}

}  // namespace skybridge
