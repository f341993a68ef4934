// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "worker/lease_work.h"
#include "worker/step_source.h"
#include "worker/train_step.h"

namespace skybridge::worker {

// Trains on one partition of one epoch, outside lockstep (docs/protocol.md, sections 3 and 6).
//
// It asks every shard what of the stream was applied already, so a successor computes only batches
// that some shard lacks; every shard gets those, and each applies what it has not.
class AsyncPartition : public LeaseWork {
 public:
  struct Options {
    uint64_t owner = 0;
    uint32_t phase = 0;
    uint64_t stream = 0;
    uint32_t attempt = 0;
  };
  // `rank_clock`: where this node's rank stands in the phase; advanced here with each batch, and to
  // where shards have it, so that no shard waits for it in vain.
  AsyncPartition(Options options, const wire::TrainSpec& spec, const model::TwoTower& model,
                 const Dataset& dataset, PartitionCache& cache, Calls& calls,
                 const ClusterView& cluster, uint64_t& rank_clock);

  void Begin(Instant now, Effects* out) override;
  void OnAnswer(const Answer& answer, Instant now, Effects* out) override;
  void OnTask(WorkTask& task, Instant now, Effects* out) override;
  void OnMap(Instant now, Effects* out) override;

 private:
  enum class Stage { kQuery, kPrepare, kStep };

  Status Advance(const Answer& answer, Instant now, Effects* out);
  void FailHere(const Status& status);
  void NextBatch(uint64_t from, Instant now, Effects* out);
  void StartStep(std::shared_ptr<const PreparedStep> prepared, Instant now, Effects* out);
  bool AppliedEverywhere(uint64_t batch) const;
  BatchPosition PositionOf(uint64_t batch) const;

  const Options options_;
  const wire::TrainSpec spec_;
  const ClusterView& cluster_;
  Calls& calls_;
  uint64_t& rank_clock_;
  StepSource source_;
  TrainStep step_;
  Stage stage_ = Stage::kQuery;
  uint64_t batch_ = 0;
  std::vector<wire::LedgerReply> ledgers_;
};

}  // namespace skybridge::worker
