// SPDX-License-Identifier: Apache-2.0
#include "worker/binding.h"

#include <algorithm>
#include <initializer_list>

#include <glog/logging.h>

namespace skybridge::worker {
namespace {

size_t Position(model::Side side) { return static_cast<size_t>(side); }

}  // namespace

Binding::Binding(const model::TwoTower& model) : model_(&model), ids_(model.tables().size()) {}

Binding Binding::OfStep(const model::TwoTower& model, const data::TrainBatch& batch) {
  Binding binding(model);
  binding.Collect(model::Side::kQuery, batch.queries);
  binding.Collect(model::Side::kCandidate, batch.candidates);
  const auto counts = model.candidate_counts();
  if (counts) binding.ids_[Number(*counts)] = batch.candidate_keys;
  binding.SortIds();
  binding.Locate(model::Side::kQuery);
  binding.Locate(model::Side::kCandidate);
  if (counts) binding.candidate_count_rows_ = binding.RowsOf(*counts, batch.candidate_keys);
  return binding;
}

Binding Binding::OfSide(const model::TwoTower& model, model::Side side,
                        const data::TowerBatch& batch) {
  Binding binding(model);
  binding.Collect(side, batch);
  binding.SortIds();
  binding.Locate(side);
  return binding;
}

void Binding::Collect(model::Side side, const data::TowerBatch& batch) {
  batches_[Position(side)] = &batch;
  CollectDense(side);
  for (size_t feature = 0; feature < batch.features.size(); ++feature) {
    const auto& entries = batch.features[feature].ids;
    const model::FeatureTables tables = model_->feature_tables(side, feature);
    for (const auto& table : {tables.rows, tables.weights, tables.counts}) {
      if (!table) continue;
      auto& list = ids_[Number(*table)];
      list.insert(list.end(), entries.begin(), entries.end());
    }
  }
}

void Binding::CollectDense(model::Side side) {
  for (const TableId table : model_->dense_tables(side)) {
    const uint64_t size = model_->tables()[Number(table)].dense_size;
    for (uint64_t block = 0; block * kDenseBlock < size; ++block) {
      ids_[Number(table)].push_back(block);
    }
  }
}

void Binding::SortIds() {
  for (auto& list : ids_) {
    std::ranges::sort(list);
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
}

std::vector<uint32_t> Binding::RowsOf(TableId table, std::span<const uint64_t> ids) const {
  const auto& list = ids_[Number(table)];
  std::vector<uint32_t> rows;
  rows.reserve(ids.size());
  for (const uint64_t id : ids) {
    rows.push_back(static_cast<uint32_t>(std::ranges::lower_bound(list, id) - list.begin()));
  }
  return rows;
}

void Binding::Locate(model::Side side) {
  const data::TowerBatch& batch = *batches_[Position(side)];
  auto& bound = bound_[Position(side)];
  bound.resize(batch.features.size());
  for (size_t feature = 0; feature < batch.features.size(); ++feature) {
    const auto& entries = batch.features[feature].ids;
    const model::FeatureTables tables = model_->feature_tables(side, feature);
    if (tables.rows) bound[feature].rows = RowsOf(*tables.rows, entries);
    if (tables.weights) bound[feature].weight_rows = RowsOf(*tables.weights, entries);
    if (tables.counts) bound[feature].count_rows = RowsOf(*tables.counts, entries);
  }
}

model::TowerInput Binding::Input(model::Side side) const {
  const data::TowerBatch& batch = *batches_[Position(side)];
  const auto& bound = bound_[Position(side)];
  model::TowerInput input{.count = batch.count};
  for (size_t feature = 0; feature < batch.features.size(); ++feature) {
    const data::FeatureBatch& from = batch.features[feature];
    input.features.push_back({.offsets = from.offsets,
                              .weights = from.weights,
                              .rows = bound[feature].rows,
                              .weight_rows = bound[feature].weight_rows,
                              .count_rows = bound[feature].count_rows,
                              .numbers = from.numbers});
  }
  return input;
}

}  // namespace skybridge::worker
