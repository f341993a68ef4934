// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/clock_schedule.h"
#include "common/ids.h"
#include "common/status.h"
#include "data/catalogue.h"
#include "data/dataset_plan.h"
#include "data/options.h"
#include "data/partition.h"
#include "model/two_tower.h"

namespace skybridge::support {

struct ReferenceOptions {
  uint64_t seed = 1;
  uint32_t ranks = 1;
  uint32_t epochs = 1;
};

// Lockstep training as one would write it without a cluster: the specification that distributed
// training must equal, bit for bit, for any number of servers and workers.
//
// One map of rows. First everything is counted. Then for each clock, for each rank in order: build
// the batch, read its rows, compute gradients; add them up per row in rank order; one optimizer
// step per row.
class ReferenceTrainer {
 public:
  // All references must outlive the trainer; `catalogue` may be null where data/catalogue.h says
  // that nobody needs it.
  ReferenceTrainer(const model::TwoTower& model, const data::DatasetOptions& dataset,
                   const data::DatasetPlan& plan, const data::Catalogue* catalogue,
                   ReferenceOptions options);

  // Counts the data: rows of kind kCounts, and the totals. Once, before Train.
  Status Prepare();
  // Trains all clocks of all epochs; calls `passed` after each, if it is given.
  Status Train(const std::function<void(uint64_t clock)>& passed = {});
  // Instead of Train: what is left of training outside lockstep if no weight ever moves, whatever
  // the timing. Every batch of every epoch counts each of its rows once.
  Status CountBatches();

  uint64_t clocks() const { return clocks_; }
  uint64_t pairs() const { return pairs_; }            // Training pairs of one epoch.
  uint64_t candidates() const { return candidates_; }  // Of the catalogue.
  // Batches of each training partition.
  const std::vector<uint64_t>& batches() const { return batches_; }
  // Rows by id, as records of ps/row_record.h with lsn 0.
  const std::map<RowId, std::string>& rows(TableId table) const { return rows_[Number(table)]; }
  // The number that the shards of a cluster sum up to if they hold these rows (wire.TableHash).
  uint64_t TableHash(TableId table) const;

 private:
  // A row's position among the rows of its table that a batch needs, by row id.
  using Positions = std::map<uint64_t, uint32_t>;
  // Gradients by table and row, each summed up so far, and how many ranks gave one.
  struct Sum {
    std::vector<float> gradient;
    uint32_t pushes = 0;
  };
  using Sums = std::map<std::pair<TableId, RowId>, Sum>;
  struct Pulled {
    std::vector<std::vector<float>> values;  // By TableId; these two own what ...
    std::vector<std::vector<uint32_t>> counts;
    model::Parameters parameters;  // ... this refers to.
  };

  std::string& RowOf(TableId table, RowId id);
  void Count(TableId table, uint64_t id, uint32_t sightings);
  Status AddBatch(const BatchPosition& position, float scale, Sums& sums);
  std::vector<Positions> RowsOf(const data::TrainBatch& batch) const;
  Pulled Pull(const std::vector<Positions>& needed) const;
  void AddUp(const std::vector<Positions>& rows, const model::Gradients& gradients,
             Sums& sums) const;
  void Apply(const Sums& sums, uint32_t clock, float rate);

  const model::TwoTower& model_;
  const data::DatasetOptions& dataset_;
  const data::DatasetPlan& plan_;
  const data::Catalogue* const catalogue_;
  const ReferenceOptions options_;
  std::vector<data::Partition> partitions_;
  std::vector<uint64_t> batches_;
  std::vector<std::map<RowId, std::string>> rows_;  // By TableId.
  uint64_t clocks_ = 0;
  uint64_t pairs_ = 0;
  uint64_t candidates_ = 0;
};

}  // namespace skybridge::support
