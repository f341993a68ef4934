// SPDX-License-Identifier: Apache-2.0
#include "worker/side_embedder.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

namespace skybridge::worker {

data::TowerBatch SliceTower(const data::TowerBatch& batch, uint32_t begin, uint32_t end) {
  CHECK_LE(begin, end);
  CHECK_LE(end, batch.count);
  data::TowerBatch slice{.count = end - begin};
  for (const data::FeatureBatch& feature : batch.features) {
    data::FeatureBatch& cut = slice.features.emplace_back();
    if (feature.offsets.empty()) {
      cut.numbers.assign(feature.numbers.begin() + begin, feature.numbers.begin() + end);
      continue;
    }
    const uint32_t first = feature.offsets[begin];
    const uint32_t last = feature.offsets[end];
    for (uint32_t i = begin; i <= end; ++i) cut.offsets.push_back(feature.offsets[i] - first);
    cut.ids.assign(feature.ids.begin() + first, feature.ids.begin() + last);
    cut.weights.assign(feature.weights.begin() + first, feature.weights.begin() + last);
  }
  return slice;
}

void EmbedTask::Run() {
  vectors.resize(size_t{batch.count} * model_.dim());
  model_.Embed(side_, binding.Input(side_), ParametersOf(rows, totals), vectors);
}

SideEmbedder::SideEmbedder(Options options, model::Side side, const model::TwoTower& model,
                           Calls& calls, const ClusterView& cluster)
    : options_(options),
      side_(side),
      model_(model),
      cluster_(cluster),
      reader_(options.owner, model.tables(), calls, cluster) {}

void SideEmbedder::Start(const data::TowerBatch& batch, Instant now, Effects* out) {
  batch_ = &batch;
  embedded_ = 0;
  vectors_.resize(size_t{batch.count} * model_.dim());
  if (!complete()) PullBlock(now, out);
}

void SideEmbedder::PullBlock(Instant now, Effects* out) {
  const uint32_t end = std::min(embedded_ + options_.block, batch_->count);
  block_ = std::make_unique<EmbedTask>(options_.owner, model_, side_,
                                       SliceTower(*batch_, embedded_, end));
  block_->totals = options_.totals;
  split_ = ShardSplit(cluster_.map, block_->binding.ids());
  wire::Pull pull;
  pull.set_phase(options_.phase);
  pull.set_read_only(true);
  pull.set_expect_committed(options_.expect_committed);
  reader_.Start(pull, block_->binding.ids(), split_, now, out);
}

Status SideEmbedder::Take(const Answer& answer, Effects* out) {
  SKY_ASSIGN_OR_RETURN(const bool mine, reader_.Take(answer));
  CHECK(mine) << "an answer to a call that nobody made";
  if (!reader_.complete()) return Status();
  block_->rows = std::move(reader_.rows());
  out->start.push_back(std::move(block_));
  return Status();
}

void SideEmbedder::Take(EmbedTask& task, Instant now, Effects* out) {
  std::ranges::copy(task.vectors, vectors_.begin() + static_cast<ptrdiff_t>(embedded_) *
                                                         static_cast<ptrdiff_t>(model_.dim()));
  reader_.rows() = std::move(task.rows);
  embedded_ += task.batch.count;
  if (!complete()) PullBlock(now, out);
}

}  // namespace skybridge::worker
