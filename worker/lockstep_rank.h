// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "common/clock_schedule.h"
#include "worker/lease_work.h"
#include "worker/step_source.h"
#include "worker/train_step.h"

namespace skybridge::worker {

// One rank of lockstep training over clocks (clock_begin, clock_end] (docs/protocol.md, section 5).
//
// It asks every shard how far the rank got (L10), so a successor goes on where a dead holder
// stopped; then clock by clock: pull from every shard, compute, push to every shard, and only when
// all have accepted the next pull, which certifies it (L1-L3). At the end the certificate goes
// alone.
class LockstepRank : public LeaseWork {
 public:
  struct Options {
    uint64_t owner = 0;
    uint32_t phase = 0;
    uint32_t attempt = 0;
    uint64_t seed = 0;
    uint32_t ranks = 1;
  };
  LockstepRank(Options options, const wire::TrainSpec& spec, const model::TwoTower& model,
               const Dataset& dataset, PartitionCache& cache, Calls& calls,
               const ClusterView& cluster);

  void Begin(Instant now, Effects* out) override;
  void OnAnswer(const Answer& answer, Instant now, Effects* out) override;
  void OnTask(WorkTask& task, Instant now, Effects* out) override;
  void OnMap(Instant now, Effects* out) override;

 private:
  enum class Stage { kQuery, kPrepare, kStep, kLeave };

  Status Advance(const Answer& answer, Instant now, Effects* out);
  void FailHere(const Status& status);
  Status TakeRankReply(const Answer& answer, Instant now, Effects* out);
  void NextClock(uint64_t done, Instant now, Effects* out);
  void StartStep(std::shared_ptr<const PreparedStep> prepared, Instant now, Effects* out);
  void PrepareAhead(Effects* out);
  void AskAll(const wire::Header& header, Instant now, Effects* out);
  void Query(Instant now, Effects* out);
  void Leave(Instant now, Effects* out);

  const Options options_;
  const wire::TrainSpec spec_;
  const ClockSchedule schedule_;
  const ClusterView& cluster_;
  Calls& calls_;
  StepSource source_;
  TrainStep step_;
  Stage stage_ = Stage::kQuery;
  uint64_t clock_ = 0;     // The one being computed.
  size_t unanswered_ = 0;  // kQuery, kLeave: shards that have not answered.
  std::vector<wire::RankReply> replies_;
};

// Factor of linear decay at the step after `done` of `total` steps.
float LinearDecay(uint64_t done, uint64_t total);

}  // namespace skybridge::worker
