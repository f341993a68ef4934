// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "data/batch.h"
#include "model/two_tower.h"
#include "worker/shard_split.h"

namespace skybridge::worker {

// Which rows the features of one tower's batch are, as positions in the pulled lists.
struct BoundFeature {
  std::vector<uint32_t> rows;
  std::vector<uint32_t> weight_rows;
  std::vector<uint32_t> count_rows;
};

// The rows that a batch needs, each once, and where each entry of the batch finds its row among
// them. A pure function of model and batch. Refers to the batches it was made of, which must
// outlive it and stay where they are.
class Binding {
 public:
  // Of a training batch: both towers, all dense blocks, and the candidates' counts if the loss
  // needs them.
  static Binding OfStep(const model::TwoTower& model, const data::TrainBatch& batch);
  // Of one side alone, to embed it.
  static Binding OfSide(const model::TwoTower& model, model::Side side,
                        const data::TowerBatch& batch);

  // Ids by TableId, ascending, unique.
  const TableIds& ids() const { return ids_; }
  model::TowerInput Input(model::Side side) const;
  std::span<const uint32_t> candidate_count_rows() const { return candidate_count_rows_; }

 private:
  explicit Binding(const model::TwoTower& model);
  void Collect(model::Side side, const data::TowerBatch& batch);
  void CollectDense(model::Side side);
  void SortIds();
  void Locate(model::Side side);
  std::vector<uint32_t> RowsOf(TableId table, std::span<const uint64_t> ids) const;

  const model::TwoTower* model_;
  std::array<const data::TowerBatch*, 2> batches_{};  // By Side.
  TableIds ids_;
  std::array<std::vector<BoundFeature>, 2> bound_;  // By Side, then feature.
  std::vector<uint32_t> candidate_count_rows_;
};

}  // namespace skybridge::worker
