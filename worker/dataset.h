// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <utility>
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

// The data of a job as one worker process sees them. Tasks of all its trainers share it. Its
// methods read files, the first one the whole catalogue: call them from tasks only, so that a node
// says that it lives while they read.
class Dataset {
 public:
  using SharedCatalogue = std::shared_ptr<const data::Catalogue>;
  // `load_catalogue` is called once, by the first who needs it; the others wait. What it gives may
  // be null where data/catalogue.h says that nobody needs it.
  Dataset(data::DatasetOptions options, data::DatasetPlan plan,
          std::function<Result<SharedCatalogue>()> load_catalogue)
      : options_(std::move(options)),
        plan_(std::move(plan)),
        catalogue_(std::async(std::launch::deferred, std::move(load_catalogue)).share()) {}

  const data::DatasetOptions& options() const { return options_; }
  const data::DatasetPlan& plan() const { return plan_; }

  // Lives as long as the dataset. Errors: those of reading it, each time.
  Result<const data::Catalogue*> catalogue() const;
  // Training partition `partition` of the plan.
  Result<std::shared_ptr<const data::Partition>> LoadTraining(uint32_t partition) const;
  // unit: position in the plan, training partitions first, then candidate partitions.
  Result<PartitionCounts> Count(const model::TwoTower& model, uint64_t unit) const;
  Result<std::shared_ptr<const data::CandidatePartition>> LoadCandidates(uint32_t partition) const;
  Result<data::EvaluationQueries> LoadEvaluation(uint32_t evaluation, uint32_t share) const;

 private:
  const data::DatasetOptions options_;
  const data::DatasetPlan plan_;
  const std::shared_future<Result<SharedCatalogue>> catalogue_;  // Deferred until it is asked for.
};

}  // namespace skybridge::worker
