// SPDX-License-Identifier: Apache-2.0
#include "data/zipf.h"

#include <algorithm>
#include <cmath>

#include <glog/logging.h>

namespace skybridge::data {

Zipf::Zipf(uint64_t n, double exponent) {
  CHECK_GT(n, 0u);
  double sum = 0;
  for (uint64_t rank = 0; rank < n; ++rank) {
    sum += std::pow(static_cast<double>(rank + 1), -exponent);
    cumulative_.push_back(sum);
  }
  for (double& value : cumulative_) value /= sum;
}

uint64_t Zipf::Draw(Rng& rng) const {
  const auto found = std::ranges::upper_bound(cumulative_, rng.UniformDouble());
  return std::min<uint64_t>(static_cast<uint64_t>(found - cumulative_.begin()),
                            cumulative_.size() - 1);
}

double Zipf::probability(uint64_t rank) const {
  return cumulative_[rank] - (rank == 0 ? 0 : cumulative_[rank - 1]);
}

}  // namespace skybridge::data
