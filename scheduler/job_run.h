// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "scheduler/grant_spec.h"
#include "scheduler/job_result.h"
#include "scheduler/job_state.h"
#include "scheduler/lease.h"
#include "scheduler/lease_table.h"
#include "scheduler/metric_board.h"
#include "scheduler/phase_plan.h"
#include "scheduler/progress_board.h"
#include "scheduler/scheduler_options.h"
#include "scheduler/settling.h"
#include "scheduler/shard_calls.h"
#include "scheduler/shard_phase.h"
#include "scheduler/table_hash.h"
#include "scheduler/training_dealer.h"

namespace skybridge::scheduler {

// The job from the first phase to the last: each phase is opened on all shards, its leases are
// dealt out and done, it is closed, and what it found decides what comes next.
//
// Pure state machine; the composition of the smaller ones. Inputs may be repeated. The first error
// that ends the job is kept in failure(); nothing moves after it.
class JobRun {
 public:
  explicit JobRun(const SchedulerNodeOptions& options);

  void Begin(Instant now);
  // Before Begin, which then goes on from there: the job was `state` once.
  // Errors: kFailedPrecondition if this job cannot have been there.
  Status Restore(const JobState& state);

  // A node says that it finished a lease. A lease of an earlier phase counts as a repeat: it was
  // done, and whose files were taken is no longer known, so none must be deleted.
  // Errors: as LeaseTable::Done; the job goes on.
  Result<LeaseTable::Report> Report(const Granted& by, const LeaseOutcome& outcome);
  // A node gives a lease back. False: it did not hold it, and nothing changed.
  bool Return(const Granted& by, const Status& why, Instant now);
  void Heartbeat(Incarnation node, const WorkDone& in_hand, Instant now);
  // It died or left: what it held goes to others.
  void NodeGone(Incarnation node);
  // A trainer came or went. In lockstep a rank stays with its trainer to the end of the phase:
  // while they come and go, each is dealt its share alone, as if all were there.
  void TrainersChanged(Instant now) { trainers_.Changed(now); }
  // False: the question is still open (or never was), and nothing changed but when it is put again.
  bool ShardAnswered(uint32_t shard, uint64_t request, const ShardReply& reply, Instant now);
  bool ShardRefused(uint32_t shard, uint64_t request, const Status& refusal);
  // The question that this would answer.
  std::optional<ShardRequest> Asked(uint32_t shard, uint64_t request) const {
    return calls_.Waiting(shard, request);
  }
  // A shard cannot be asked; it can (again), maybe in a new process.
  void ShardAway(uint32_t shard) { calls_.Hold(shard); }
  void ShardBack(uint32_t shard) { calls_.Release(shard); }

  // A live move comes to its end, training(): in one line with the questions of the phase, one
  // shard is asked to stand still, and one whether it has all of the slots. Neither is answered for
  // good before the move ends: what the source is asked meanwhile waits behind it.
  void AskForSlots(uint32_t source, const ShardRequest& freeze, uint32_t target,
                   const ShardRequest& install);
  void NotYet(uint32_t shard, uint64_t request, Instant now) { calls_.NotYet(shard, request, now); }
  // The move has ended; if it was made, training(), the map has so many shards. One that joins then
  // stands where the source stood still, and is asked what all were asked since.
  void SlotsStay();
  void SlotsMoved(uint32_t shards);

  // Moves as far as the inputs allow; deals leases to `trainers`. False: nothing changed.
  bool Advance(std::span<const Incarnation> trainers, Instant now);

  // Whether a phase of training is worked on: then, and only then, a checkpoint can be cut.
  bool training() const;
  // Asks all shards to cut, in one line with the questions of the phase: what the state that is
  // returned counts as done is in every cut. `clock`: lockstep; otherwise 0.
  JobState Cut(uint32_t round, uint64_t clock, Instant now);
  const PhasePlan& plan() const { return plan_; }

  // Folders that nothing needs any more, each once. After a replay all of them are named again:
  // whether they were deleted is not known.
  std::vector<std::string> TakeUnneeded() { return std::exchange(unneeded_, {}); }

  // What to send: questions to shards, and the leases that nodes must know they hold.
  std::vector<ShardCall> DueCalls(Instant now) { return calls_.Due(now); }
  std::vector<Granted> granted() const { return leases_.granted(); }
  GrantSpec SpecOf(const LeaseId& lease) const;

  bool complete() const { return stage_ == Stage::kComplete; }
  const Status& failure() const { return failure_; }
  // Whoever looks after the job wants it to go on: work that was given up, or refused by a shard,
  // is tried again. A failure that no other try can mend stays.
  void Reopen();
  JobProgress Progress(Instant now) const;
  // All but status.
  JobResult Collect() const;

 private:
  enum class Stage { kIdle, kOpening, kWorking, kClosing, kHashing, kComplete };

  bool StepOnce(std::span<const Incarnation> trainers, Instant now);
  void OpenPhase(Instant now);
  void BeginLeases();
  void RetakeLeases();
  Status CheckDone() const;
  bool Deal(std::span<const Incarnation> trainers, Instant now);
  void CloseLeases(Instant now);
  void ConcludePhase(Instant now);
  PhaseTime TimeOfPhase(Instant now) const;
  void NextPhase(Instant now);
  void Absorb(const LeaseId& lease, const LeaseOutcome& outcome);
  void AbsorbPrepared(const LeaseId& lease, const LeaseOutcome& outcome);
  void AbsorbParts(const LeaseId& lease, const LeaseOutcome& outcome);
  Status CheckPrepared() const;
  Status CheckVectors() const;
  Status ConcludeEvaluations();
  std::vector<PartFile> Parts() const;
  ProgressScale Scale() const;
  void Fail(const Status& status);
  // The same, for what another try may mend.
  void FailForNow(const Status& status);

  SchedulerNodeOptions options_;  // With the number of shards that the map has.
  PhasePlan plan_;
  LeaseTable leases_;
  ShardCalls calls_;
  ShardPhase phase_;
  TrainingDealer dealer_;
  Settling trainers_;
  MetricBoard metrics_;
  ProgressBoard progress_;
  TableHash hash_;
  JobFacts facts_;
  std::map<LeaseId, std::vector<PartFile>> parts_;  // Of the current folder; ordered by unit.
  std::vector<std::string> unneeded_;
  Stage stage_ = Stage::kIdle;
  std::vector<DoneLease> done_;  // Of this phase of training; not lockstep.
  Instant phase_began_at_;
  double phase_seconds_ = 0;  // That an earlier life of the job spent in this phase.
  JobResult result_;          // Counters: without what phase_ and leases_ count.
  Status failure_;
  bool may_retry_ = false;  // What failed is still to be done.
};

}  // namespace skybridge::scheduler
