// SPDX-License-Identifier: Apache-2.0
#include "worker/step_source.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

namespace skybridge::worker {

namespace {

uint64_t BytesOf(const data::TowerBatch& batch) {
  uint64_t bytes = 0;
  for (const data::FeatureBatch& feature : batch.features) {
    bytes += feature.offsets.size() * sizeof(uint32_t) + feature.ids.size() * sizeof(uint64_t) +
             (feature.weights.size() + feature.numbers.size()) * sizeof(float);
  }
  return bytes;
}

// What is large in it.
uint64_t BytesOf(const data::Partition& partition) {
  uint64_t bytes = BytesOf(partition.queries) + partition.positives.size() * sizeof(uint32_t) +
                   partition.records() * 3 * sizeof(uint64_t) +
                   partition.candidate_keys.size() * sizeof(uint64_t);
  if (partition.candidates) bytes += BytesOf(*partition.candidates);
  if (partition.cloze) bytes += partition.cloze->bytes.size();
  return bytes;
}

}  // namespace

StepTask::StepTask(uint64_t owner, const model::TwoTower& model, const Dataset& dataset,
                   std::unique_ptr<data::BatchBuilder> lent, BatchPosition at,
                   std::shared_ptr<const data::Partition> content)
    : WorkTask(owner),
      position(at),
      partition(std::move(content)),
      builder(std::move(lent)),
      model_(model),
      dataset_(dataset) {}

void StepTask::Run() { status = Prepare(); }

Status StepTask::Prepare() {
  if (!builder) {
    SKY_ASSIGN_OR_RETURN(const data::Catalogue* catalogue, dataset_.catalogue());
    builder = std::make_unique<data::BatchBuilder>(dataset_.options(), catalogue);
  }
  if (!partition) {
    SKY_ASSIGN_OR_RETURN(partition, dataset_.LoadTraining(position.partition));
  }
  SKY_ASSIGN_OR_RETURN(auto batch, builder->Build(*partition, position.epoch, position.batch));
  step = std::make_shared<const PreparedStep>(model_, std::move(batch));
  return Status();
}

std::shared_ptr<const data::Partition> PartitionCache::Find(uint32_t partition) {
  const auto it = std::ranges::find(entries_, partition, &Entry::partition);
  if (it == entries_.end()) return nullptr;
  std::rotate(it, it + 1, entries_.end());
  return entries_.back().content;
}

void PartitionCache::Keep(uint32_t partition, std::shared_ptr<const data::Partition> content) {
  if (Find(partition)) return;
  const uint64_t size = BytesOf(*content);
  entries_.push_back({partition, std::move(content), size});
  uint64_t bytes = 0;
  for (const Entry& entry : entries_) bytes += entry.bytes;
  while (bytes > bytes_max_ && entries_.size() > 1) {
    bytes -= entries_.front().bytes;
    entries_.erase(entries_.begin());
  }
}

StepSource::StepSource(uint64_t owner, const model::TwoTower& model, const Dataset& dataset,
                       PartitionCache& cache)
    : owner_(owner), model_(model), dataset_(dataset), cache_(cache) {}

void StepSource::Want(const BatchPosition& position, Effects* out) {
  if (wanted_ == position) return;
  CHECK(!lent_) << "one batch at a time";
  lent_ = true;
  wanted_ = position;
  ready_ = nullptr;
  out->start.push_back(std::make_unique<StepTask>(owner_, model_, dataset_, std::move(builder_),
                                                  position, cache_.Find(position.partition)));
}

Status StepSource::Take(StepTask& task) {
  lent_ = false;
  builder_ = std::move(task.builder);
  SKY_RETURN_IF_ERROR(task.status);
  cache_.Keep(task.position.partition, task.partition);
  if (wanted_ == task.position) ready_ = std::move(task.step);
  return Status();
}

std::shared_ptr<const PreparedStep> StepSource::Collect(const BatchPosition& position) {
  CHECK(wanted_ == position);
  if (!ready_) return nullptr;
  wanted_.reset();
  return std::move(ready_);
}

}  // namespace skybridge::worker
