// SPDX-License-Identifier: Apache-2.0
#include "data/tower_batch.h"

#include <algorithm>
#include <limits>

#include <glog/logging.h>

namespace skybridge::data {

TowerBatch EmptyTower(const TowerFeatures& tower) {
  TowerBatch batch;
  batch.features.resize(tower.features.size());
  for (size_t i = 0; i < tower.features.size(); ++i) {
    if (tower.features[i].kind != FeatureKind::kNumber) batch.features[i].offsets = {0};
  }
  return batch;
}

void AppendFeature(const FeatureBatch& from, size_t example, FeatureBatch* to) {
  if (from.offsets.empty()) {
    to->numbers.push_back(from.numbers[example]);
    return;
  }
  const uint32_t begin = from.offsets[example], end = from.offsets[example + 1];
  to->ids.insert(to->ids.end(), from.ids.begin() + begin, from.ids.begin() + end);
  to->weights.insert(to->weights.end(), from.weights.begin() + begin, from.weights.begin() + end);
  CHECK_LE(to->ids.size(), std::numeric_limits<uint32_t>::max());
  to->offsets.push_back(static_cast<uint32_t>(to->ids.size()));
}

void AppendExample(const TowerBatch& from, size_t example, TowerBatch* to) {
  CHECK_EQ(from.features.size(), to->features.size());
  for (size_t i = 0; i < from.features.size(); ++i) {
    AppendFeature(from.features[i], example, &to->features[i]);
  }
  ++to->count;
}

void AppendNothing(FeatureBatch* to) {
  if (to->offsets.empty()) {
    to->numbers.push_back(0);
  } else {
    to->offsets.push_back(to->offsets.back());
  }
}

bool IsBlank(const TowerBatch& tower, size_t example) {
  return std::ranges::all_of(tower.features, [&](const FeatureBatch& feature) {
    return !feature.offsets.empty() && feature.offsets[example] == feature.offsets[example + 1];
  });
}

TowerBatch SelectExamples(const TowerFeatures& tower, const TowerBatch& from,
                          std::span<const uint32_t> order) {
  TowerBatch selected = EmptyTower(tower);
  for (const uint32_t example : order) AppendExample(from, example, &selected);
  return selected;
}

}  // namespace skybridge::data
