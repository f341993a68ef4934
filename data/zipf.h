// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "common/rng.h"

namespace skybridge::data {

// Ranks 0 .. n-1 with probability proportional to 1 / (rank + 1)^exponent. n > 0.
class Zipf {
 public:
  Zipf(uint64_t n, double exponent);

  uint64_t Draw(Rng& rng) const;
  double probability(uint64_t rank) const;

 private:
  std::vector<double> cumulative_;  // [n], rising to 1.
};

}  // namespace skybridge::data
