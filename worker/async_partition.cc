// SPDX-License-Identifier: Apache-2.0
#include "worker/async_partition.h"

#include <algorithm>
#include <utility>

#include "worker/lockstep_rank.h"

namespace skybridge::worker {

AsyncPartition::AsyncPartition(Options options, const wire::TrainSpec& spec,
                               const model::TwoTower& model, const Dataset& dataset,
                               PartitionCache& cache, Calls& calls, const ClusterView& cluster,
                               uint64_t& rank_clock)
    : options_(options),
      spec_(spec),
      cluster_(cluster),
      calls_(calls),
      rank_clock_(rank_clock),
      source_(options.owner, model, dataset, cache),
      step_(options.owner, model, calls, cluster,
            {.candidates = spec.candidates_total(), .examples = spec.examples_total()}) {
  progress_.set_total(spec.partition_batches());
}

void AsyncPartition::Begin(Instant now, Effects* out) {
  ledgers_.clear();
  wire::Header header;
  wire::LedgerQuery& query = *header.mutable_ledger_query();
  query.set_phase(options_.phase);
  query.set_stream(options_.stream);
  query.set_attempt(options_.attempt);
  for (size_t shard = 0; shard < cluster_.map.shards().size(); ++shard) {
    calls_.Start(options_.owner, shard, header, {}, now, out);
  }
}

void AsyncPartition::OnAnswer(const Answer& answer, Instant now, Effects* out) {
  if (const Status status = Advance(answer, now, out); !status.ok()) FailHere(status);
}

void AsyncPartition::OnMap(Instant now, Effects* out) {
  if (stage_ == Stage::kQuery) return Begin(now, out);
  if (stage_ != Stage::kStep) return;
  if (const Status status = step_.Restart(now, out); !status.ok()) FailHere(status);
}

void AsyncPartition::FailHere(const Status& status) {
  Fail(status.WithContext("train partition " + std::to_string(spec_.partition()) + " of epoch " +
                          std::to_string(spec_.epoch()) + " at batch " + std::to_string(batch_)));
}

Status AsyncPartition::Advance(const Answer& answer, Instant now, Effects* out) {
  if (stage_ == Stage::kQuery) {
    SKY_RETURN_IF_ERROR(answer.status);
    ledgers_.push_back(answer.header.ledger_reply());
    if (ledgers_.size() == cluster_.map.shards().size()) NextBatch(0, now, out);
    return Status();
  }
  SKY_RETURN_IF_ERROR(step_.Take(answer, now, out));
  rank_clock_ = std::max(rank_clock_, answer.header.pull_reply().done());
  if (step_.pulled() && batch_ + 1 < spec_.partition_batches() && !AppliedEverywhere(batch_ + 1)) {
    source_.Want(PositionOf(batch_ + 1), out);
  }
  if (!step_.complete()) return Status();
  ++rank_clock_;
  progress_.set_examples(progress_.examples() + step_.result().positives);
  progress_.set_loss_sum(progress_.loss_sum() + step_.result().loss_sum);
  NextBatch(batch_ + 1, now, out);
  return Status();
}

bool AsyncPartition::AppliedEverywhere(uint64_t batch) const {
  return std::ranges::all_of(ledgers_, [batch](const wire::LedgerReply& ledger) {
    return batch < ledger.next() || std::ranges::binary_search(ledger.window(), batch);
  });
}

BatchPosition AsyncPartition::PositionOf(uint64_t batch) const {
  return {.epoch = spec_.epoch(), .partition = spec_.partition(), .batch = batch};
}

void AsyncPartition::NextBatch(uint64_t from, Instant now, Effects* out) {
  // What all shards have in one piece, at once: a shard may name any number.
  uint64_t applied = spec_.partition_batches();
  for (const wire::LedgerReply& ledger : ledgers_) applied = std::min(applied, ledger.next());
  batch_ = std::max(from, applied);
  while (batch_ < spec_.partition_batches() && AppliedEverywhere(batch_)) ++batch_;
  progress_.set_done(batch_);
  if (batch_ == spec_.partition_batches()) {
    wire::LeaseDone done;
    done.set_count(batch_);
    Complete(std::move(done));
    return;
  }
  stage_ = Stage::kPrepare;
  source_.Want(PositionOf(batch_), out);
  if (auto prepared = source_.Collect(PositionOf(batch_))) {
    StartStep(std::move(prepared), now, out);
  }
}

void AsyncPartition::OnTask(WorkTask& task, Instant now, Effects* out) {
  if (auto* computed = dynamic_cast<ComputeTask*>(&task)) {
    if (const Status status = step_.Take(*computed, now, out); !status.ok()) FailHere(status);
    return;
  }
  if (Status status = source_.Take(dynamic_cast<StepTask&>(task)); !status.ok()) {
    Fail(std::move(status));
    return;
  }
  if (stage_ != Stage::kPrepare) return;
  if (auto prepared = source_.Collect(PositionOf(batch_))) {
    StartStep(std::move(prepared), now, out);
  }
}

void AsyncPartition::StartStep(std::shared_ptr<const PreparedStep> prepared, Instant now,
                               Effects* out) {
  stage_ = Stage::kStep;
  wire::Pull pull;
  pull.set_phase(options_.phase);
  pull.set_rank(spec_.rank());
  pull.set_attempt(options_.attempt);
  pull.set_clock(rank_clock_ + 1);
  pull.set_done(rank_clock_);
  wire::Push push;
  push.set_phase(options_.phase);
  push.set_stream(options_.stream);
  push.set_sequence(batch_);
  push.set_rank(spec_.rank());
  push.set_attempt(options_.attempt);
  // Epoch by epoch; within one, as if the partitions were trained one after the other.
  const uint64_t epoch_batches = spec_.epochs() == 0 ? 0 : spec_.clocks_total() / spec_.epochs();
  push.set_rate(LinearDecay(spec_.epoch() * epoch_batches, spec_.clocks_total()));
  step_.Start(std::move(prepared), pull, push, 1.0f, now, out);
}

}  // namespace skybridge::worker
