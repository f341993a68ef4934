// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/clock_schedule.h"
#include "common/table_spec.h"
#include "model/two_tower.h"
#include "proto/job.pb.h"
#include "tests/data/scratch_folder.h"
#include "worker/dataset.h"
#include "worker/train_step.h"

namespace skybridge::worker {

// A job of a dozen pairs with everything a job can have: tables shared by towers, learned weights,
// a tower with layers, counts, uniform negatives, an evaluation. 3 training partitions of 2 batches
// each, 5 candidates in 2 partitions.
class SmallWorldTest : public testing::Test {
 protected:
  SmallWorldTest();

  const model::TwoTower& model() const { return *model_; }
  const Dataset& dataset() const { return *dataset_; }
  const TableSpecs& specs() const { return model_->tables(); }
  TableId TableNamed(const std::string& name) const;
  // A folder of the test's own for what it exports.
  std::string Folder() const { return scratch_.path() + "/export"; }

  // Batches of each training partition.
  std::vector<uint64_t> Batches() const;
  std::unique_ptr<PreparedStep> Prepare(const BatchPosition& position) const;
  // Gradients of one batch at the values of the fake shards.
  model::Gradients GradientsOf(const PreparedStep& step, StepTotals totals, float scale,
                               model::StepResult* result = nullptr) const;

  int catalogue_reads() const { return catalogue_reads_; }

  data::ScratchFolder scratch_;
  job::Job job_;

 private:
  int catalogue_reads_ = 0;
  std::unique_ptr<const model::TwoTower> model_;
  std::unique_ptr<const Dataset> dataset_;
};

// The files of one part of an export, written into `folder`. vectors [keys, dim]
std::vector<wire::PartFile> WritePart(const std::string& folder, uint32_t partition, uint32_t dim,
                                      const std::vector<uint64_t>& keys,
                                      const std::vector<float>& vectors);

// All bytes of a file.
std::string Slurp(const std::string& path);

}  // namespace skybridge::worker
