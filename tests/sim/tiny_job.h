// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/catalogue.h"
#include "data/dataset_plan.h"
#include "data/options.h"
#include "model/two_tower.h"
#include "proto/job.pb.h"
#include "tests/support/reference_trainer.h"
#include "worker/dataset.h"

namespace skybridge::sim {

struct TinyJobOptions {
  // True: every optimizer that depends on the order of steps, linear decay, learned weights: any
  // push that is lost, doubled or made at other weights changes the result. False: step size zero;
  // weights stay as they are, so the tables depend on how often each row was counted, and on no
  // timing.
  bool learns = true;
  // True: no layers, thousands of narrow rows, so that shards with little memory evict. False: few
  // rows, and towers with layers.
  bool wide = false;
  // True: two long partitions for training, so that much happens within one. False: some eight.
  bool long_partitions = false;
  uint32_t epochs = 6;
};

// A whole job that trains in milliseconds: files in a folder, options, model. Immutable.
class TinyJob {
 public:
  // Writes the files into `folder`, which is made.
  static std::unique_ptr<const TinyJob> Create(const TinyJobOptions& options,
                                               const std::string& folder);

  const std::string& folder() const { return folder_; }
  const job::Job& job() const { return job_; }
  const model::TwoTower& model() const { return *model_; }
  const worker::Dataset& dataset() const { return *dataset_; }

  // A trainer over the same data that has no cluster.
  support::ReferenceTrainer Reference(uint32_t ranks) const;
  // Positions of the row and count tables that the query tower reads.
  std::vector<uint32_t> QueryTables() const;

 private:
  TinyJob() = default;

  std::string folder_;
  job::Job job_;
  std::unique_ptr<const model::TwoTower> model_;
  std::unique_ptr<const worker::Dataset> dataset_;
};

}  // namespace skybridge::sim
