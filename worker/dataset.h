// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/status.h"
#include "data/candidate_source.h"
#include "data/catalogue.h"
#include "data/dataset_plan.h"
#include "data/evaluation_source.h"
#include "data/options.h"
#include "data/partition.h"
#include "model/two_tower.h"
#include "worker/shard_split.h"

namespace skybridge::worker {

// What the prepare phase learns of one partition.
struct PartitionCounts {
  uint64_t batches = 0;   // Per epoch; training partitions only.
  uint64_t examples = 0;  // Training pairs, or candidates.
  // Sightings for tables of kind kCounts, by TableId; ids ascending.
  TableIds ids;
  std::vector<std::vector<uint32_t>> sightings;
};

// The data of a job as one worker process sees them. Immutable; tasks of all its trainers share
// it. Its methods read files: call them from tasks only.
class Dataset {
 public:
  // `catalogue` may be null where data/catalogue.h says that nobody needs it.
  Dataset(data::DatasetOptions options, data::DatasetPlan plan,
          std::shared_ptr<const data::Catalogue> catalogue)
      : options_(std::move(options)), plan_(std::move(plan)), catalogue_(std::move(catalogue)) {}

  const data::DatasetOptions& options() const { return options_; }
  const data::DatasetPlan& plan() const { return plan_; }
  const data::Catalogue* catalogue() const { return catalogue_.get(); }

  // Training partition `partition` of the plan.
  Result<std::shared_ptr<const data::Partition>> LoadTraining(uint32_t partition) const;
  // unit: position in the plan, training partitions first, then candidate partitions.
  Result<PartitionCounts> Count(const model::TwoTower& model, uint64_t unit) const;
  Result<std::shared_ptr<const data::CandidatePartition>> LoadCandidates(uint32_t partition) const;
  Result<data::EvaluationQueries> LoadEvaluation(uint32_t evaluation, uint32_t share) const;

 private:
  const data::DatasetOptions options_;
  const data::DatasetPlan plan_;
  const std::shared_ptr<const data::Catalogue> catalogue_;
};

}  // namespace skybridge::worker
