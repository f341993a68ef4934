// SPDX-License-Identifier: Apache-2.0
#include "worker/prepare_partition.h"

#include <algorithm>
#include <utility>

namespace skybridge::worker {

void CountTask::Run() {
  auto counted = dataset_.Count(model_, unit_);
  if (!counted.has_value()) {
    status = counted.error();
    return;
  }
  counts = *std::move(counted);
}

PreparePartition::PreparePartition(Options options, const model::TwoTower& model,
                                   const Dataset& dataset, Calls& calls, const ClusterView& cluster)
    : options_(options),
      model_(model),
      dataset_(dataset),
      cluster_(cluster),
      calls_(calls),
      writer_(options.owner, model.tables(), calls, cluster) {}

void PreparePartition::Begin(Instant now, Effects* out) {
  wire::Header header;
  wire::LedgerQuery& query = *header.mutable_ledger_query();
  query.set_phase(options_.phase);
  query.set_stream(options_.unit);
  query.set_attempt(options_.attempt);
  fences_ = cluster_.map.shards().size();
  for (size_t shard = 0; shard < fences_; ++shard) {
    calls_.Start(options_.owner, shard, header, {}, now, out);
  }
}

void PreparePartition::OnAnswer(const Answer& answer, Instant now, Effects* out) {
  if (fences_ > 0) {
    if (!answer.status.ok()) return Fail(answer.status);
    if (--fences_ == 0) {
      out->start.push_back(
          std::make_unique<CountTask>(options_.owner, model_, dataset_, options_.unit));
    }
    return;
  }
  const Result<bool> taken = writer_.Take(answer);
  if (!taken.has_value()) return Fail(taken.error());
  if (!writer_.complete()) return;
  ++slice_;
  NextSlice(now, out);
}

void PreparePartition::OnTask(WorkTask& task, Instant now, Effects* out) {
  auto& counted = dynamic_cast<CountTask&>(task);
  if (!counted.status.ok()) return Fail(counted.status);
  counts_ = std::move(counted.counts);
  CutSlices(counts_);
  NextSlice(now, out);
}

void PreparePartition::CutSlices(const PartitionCounts& counts) {
  for (size_t table = 0; table < counts.ids.size(); ++table) {
    const auto& ids = counts.ids[table];
    for (size_t begin = 0; begin < ids.size(); begin += options_.ids_per_push) {
      const size_t end = std::min(begin + options_.ids_per_push, ids.size());
      const auto first = static_cast<ptrdiff_t>(begin);
      const auto last = static_cast<ptrdiff_t>(end);
      Slice& slice = slices_.emplace_back();
      slice.ids.resize(counts.ids.size());
      slice.sightings.resize(counts.ids.size());
      slice.ids[table].assign(ids.begin() + first, ids.begin() + last);
      slice.sightings[table].assign(counts.sightings[table].begin() + first,
                                    counts.sightings[table].begin() + last);
    }
  }
}

void PreparePartition::NextSlice(Instant now, Effects* out) {
  progress_.set_done(slice_);
  if (slice_ == slices_.size()) {
    wire::LeaseDone done;
    done.set_count(slices_.size());
    done.set_examples(counts_.examples);
    progress_.set_done(counts_.batches);
    progress_.set_total(counts_.batches);
    Complete(std::move(done));
    return;
  }
  const Slice& slice = slices_[slice_];
  split_ = ShardSplit(cluster_.map, slice.ids);
  wire::Push push;
  push.set_phase(options_.phase);
  push.set_stream(options_.unit);
  push.set_sequence(slice_);
  push.set_attempt(options_.attempt);
  push.set_rate(1);
  const Status started =
      writer_.Start(push, {.ids = &slice.ids, .sightings = &slice.sightings}, split_, now, out);
  if (!started.ok()) Fail(started);
}

}  // namespace skybridge::worker
