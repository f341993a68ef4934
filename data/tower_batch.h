// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "data/batch.h"
#include "data/options.h"

namespace skybridge::data {

// Examples in columns: how towers' inputs are put together, in partitions and in batches.

// No example of this tower.
TowerBatch EmptyTower(const TowerFeatures& tower);

// Adds example `example` of `from` behind those of `to`, which has the same features.
void AppendFeature(const FeatureBatch& from, size_t example, FeatureBatch* to);
void AppendExample(const TowerBatch& from, size_t example, TowerBatch* to);

// Adds what stands for no value: an empty bag, or the number 0.
void AppendNothing(FeatureBatch* to);

// Whether an example has nothing to embed: no number, and every bag empty.
bool IsBlank(const TowerBatch& tower, size_t example);

// Examples order[0], order[1], ... of `from`.
TowerBatch SelectExamples(const TowerFeatures& tower, const TowerBatch& from,
                          std::span<const uint32_t> order);

}  // namespace skybridge::data
