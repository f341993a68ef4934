// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "model/two_tower.h"
#include "worker/binding.h"
#include "worker/lease_work.h"
#include "worker/row_reader.h"
#include "worker/train_step.h"

namespace skybridge::worker {

// Examples [begin, end) of a batch.
data::TowerBatch SliceTower(const data::TowerBatch& batch, uint32_t begin, uint32_t end);

// Vectors of some examples of one side, off the node's thread.
class EmbedTask : public WorkTask {
 public:
  EmbedTask(uint64_t owner, const model::TwoTower& model, model::Side side, data::TowerBatch made)
      : WorkTask(owner),
        batch(std::move(made)),
        binding(Binding::OfSide(model, side, batch)),
        model_(model),
        side_(side) {}
  EmbedTask(const EmbedTask&) = delete;  // The binding refers to the batch.
  void Run() override;

  const data::TowerBatch batch;
  const Binding binding;
  PulledRows rows;
  StepTotals totals;
  std::vector<float> vectors;  // Out: [batch.count, d].

 private:
  const model::TwoTower& model_;
  const model::Side side_;
};

// Embeds many examples of one side with pulled rows, block by block: read-only, at one committed
// state.
class SideEmbedder {
 public:
  struct Options {
    uint64_t owner = 0;
    uint32_t phase = 0;
    uint64_t expect_committed = 0;
    uint32_t block = 1024;  // Examples a pull.
    StepTotals totals;
  };
  SideEmbedder(Options options, model::Side side, const model::TwoTower& model, Calls& calls,
               const ClusterView& cluster);

  // `batch` must outlive the work.
  void Start(const data::TowerBatch& batch, Instant now, Effects* out);
  // Takes an answer to one of its calls.
  Status Take(const Answer& answer, Effects* out);
  // Takes back one of its tasks.
  void Take(EmbedTask& task, Instant now, Effects* out);
  bool complete() const { return embedded_ == batch_->count; }
  uint32_t embedded() const { return embedded_; }
  // [batch.count, d] once complete.
  std::vector<float>& vectors() { return vectors_; }

 private:
  void PullBlock(Instant now, Effects* out);

  const Options options_;
  const model::Side side_;
  const model::TwoTower& model_;
  const ClusterView& cluster_;
  RowReader reader_;
  const data::TowerBatch* batch_ = nullptr;
  uint32_t embedded_ = 0;
  std::unique_ptr<EmbedTask> block_;  // Whose rows are being pulled.
  ShardSplit split_;
  std::vector<float> vectors_;
};

}  // namespace skybridge::worker
