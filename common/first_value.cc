// SPDX-License-Identifier: Apache-2.0
#include "common/first_value.h"

#include <algorithm>

#include <glog/logging.h>

#include "common/rng.h"

namespace skybridge {

void FirstValue(const TableSpec& spec, TableId table, uint64_t seed, RowId id,
                std::span<float> weights) {
  CHECK_EQ(weights.size(), spec.dim);
  Rng rng(seed, Purpose::kFirstValue, Number(table), Number(id));
  for (float& weight : weights) {
    weight = spec.init_constant;
    if (spec.init_stddev != 0) weight += spec.init_stddev * rng.Normal();
  }
  if (spec.kind != TableKind::kDense) return;
  const uint64_t begin = Number(id) * kDenseBlock;
  const uint64_t used = spec.dense_size > begin ? spec.dense_size - begin : 0;
  if (used < weights.size()) std::ranges::fill(weights.subspan(used), 0.0f);
}

}  // namespace skybridge
