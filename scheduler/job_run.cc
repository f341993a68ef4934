// SPDX-License-Identifier: Apache-2.0
#include "scheduler/job_run.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::scheduler {

JobRun::JobRun(const SchedulerNodeOptions& options)
    : options_(options),
      plan_(options_),
      leases_(
          {.returns_max = options_.returns_max, .return_backoff = options_.timings.return_backoff}),
      calls_(options_.shards, options_.timings.repeat, options_.timings.poll),
      phase_(options_.shards, calls_),
      dealer_(options_.ranks),
      trainers_({.rest = options_.timings.settle, .max = options_.timings.settle_max}),
      metrics_(options_.evaluations),
      hash_(options_.shards) {
  facts_.batches.resize(options_.training_partitions);
}

void JobRun::Begin(Instant now) {
  CHECK(stage_ == Stage::kIdle);
  OpenPhase(now);
}

Status JobRun::Restore(const JobState& state) {
  CHECK(stage_ == Stage::kIdle);
  if (state.facts.batches.size() != options_.training_partitions) {
    return Status(StatusCode::kFailedPrecondition,
                  fmt::format("the state counted {} training partitions, this job has {}",
                              state.facts.batches.size(), options_.training_partitions));
  }
  SKY_RETURN_IF_ERROR(plan_.Resume(state.facts.batches, state.phase, state.clock));
  SKY_RETURN_IF_ERROR(metrics_.Restore(state.result.evaluations));
  facts_ = state.facts;
  result_ = state.result;
  result_.evaluations.clear();
  result_.steps = state.steps;
  if (!result_.phases.empty() && result_.phases.back().phase == state.phase) {
    phase_seconds_ = result_.phases.back().seconds;
    result_.phases.pop_back();
  }
  done_ = state.done;
  return CheckDone();
}

// What was done must be this phase's, each lease once, with all its batches.
Status JobRun::CheckDone() const {
  LeaseTable leases({});
  leases.Begin(MakeLeases(options_, plan_.step(), facts_));
  for (const DoneLease& done : done_) {
    const LeaseId lease{plan_.step().phase, LeaseKind::kTrainPartition, done.unit};
    if (const Status known = leases.MarkDone(lease); !known.ok()) {
      return Status(StatusCode::kFailedPrecondition, known.message());
    }
    const uint64_t batches = facts_.batches[UnitLow(done.unit)];
    if (done.count != batches) {
      return Status(
          StatusCode::kFailedPrecondition,
          fmt::format("{} is done with {} batches of {}", LeaseName(lease), done.count, batches));
    }
  }
  return Status();
}

void JobRun::Fail(const Status& status) {
  if (!failure_.ok()) return;
  failure_ = status;
  may_retry_ = false;
}

void JobRun::FailForNow(const Status& status) {
  const bool first = failure_.ok();
  Fail(status);
  if (first) may_retry_ = !status.ok();
}

void JobRun::Reopen() {
  if (!failure_.ok() && !may_retry_) return;
  failure_ = {};
  may_retry_ = false;
  leases_.Reopen();
}

bool JobRun::Advance(std::span<const Incarnation> trainers, Instant now) {
  bool moved = false;
  while (failure_.ok() && StepOnce(trainers, now)) moved = true;
  return moved;
}

bool JobRun::StepOnce(std::span<const Incarnation> trainers, Instant now) {
  switch (stage_) {
    case Stage::kIdle:
    case Stage::kComplete: return false;
    case Stage::kOpening:
      if (!phase_.open()) return false;
      BeginLeases();
      RetakeLeases();
      return true;
    case Stage::kWorking:
      if (!leases_.all_done()) return Deal(trainers, now);
      CloseLeases(now);
      return true;
    case Stage::kClosing:
      if (!phase_.closed()) return false;
      ConcludePhase(now);
      return true;
    case Stage::kHashing:
      if (!hash_.complete()) return false;
      NextPhase(now);
      return true;
  }
  return false;
}

void JobRun::OpenPhase(Instant now) {
  const PhaseStep& step = plan_.step();
  const bool prepare = step.kind == PhaseKind::kPrepare;
  phase_began_at_ = now;
  stage_ = Stage::kOpening;
  phase_.Open({.phase = step.phase,
               .lockstep = !prepare && options_.lockstep(),
               .staleness = prepare ? -1 : options_.staleness,
               .ranks = options_.ranks,
               .clock_begin = step.clock_begin,
               .read_only = step.kind != PhaseKind::kTrain && !prepare});
  progress_.BeginPhase(Scale(), now);
}

void JobRun::BeginLeases() {
  const PhaseStep& step = plan_.step();
  if (step.kind == PhaseKind::kVectors || step.kind == PhaseKind::kExport) parts_.clear();
  leases_.Begin(MakeLeases(options_, step, facts_));
  dealer_ = TrainingDealer(options_.ranks);
  stage_ = Stage::kWorking;
}

// The shards hear again of what was done, if the job was restored within this phase.
void JobRun::RetakeLeases() {
  for (const DoneLease& done : done_) {
    CHECK(leases_.MarkDone({plan_.step().phase, LeaseKind::kTrainPartition, done.unit}).ok());
    phase_.CloseStream(done.unit, done.count);
  }
}

bool JobRun::Deal(std::span<const Incarnation> trainers, Instant now) {
  GrantLimits limits{.per_node = options_.leases_per_node};
  const bool training = plan_.step().kind == PhaseKind::kTrain;
  if (training) {
    // Every rank must find a seat, also when one trainer is left.
    auto seated = static_cast<uint32_t>(std::max<size_t>(1, trainers.size()));
    if (options_.lockstep() && !trainers_.Settled(now)) {
      seated = std::max(seated, options_.trainers);
    }
    limits = {.per_node = (options_.ranks + seated - 1) / seated, .total = options_.ranks};
  }
  bool moved = !leases_.Grant(trainers, limits, now).empty();
  if (!training || options_.lockstep()) return moved;
  for (const RankChange& change : dealer_.Settle(leases_.granted())) {
    phase_.Retire(change);
    moved = true;
  }
  return moved;
}

void JobRun::CloseLeases(Instant now) {
  const PhaseStep& step = plan_.step();
  stage_ = Stage::kClosing;
  if (step.kind == PhaseKind::kPrepare) Fail(CheckPrepared());
  if (step.kind == PhaseKind::kVectors || step.kind == PhaseKind::kExport) Fail(CheckVectors());
  if (step.kind == PhaseKind::kCommit) {
    // The export is final: nothing that happens to a shard from here on can change that.
    result_.export_folder = step.folder;
    result_.phases.push_back(TimeOfPhase(now));
    stage_ = Stage::kComplete;
    return;
  }
  phase_.Close(step.clock_end);
}

PhaseTime JobRun::TimeOfPhase(Instant now) const {
  return {plan_.step().phase, PhaseName(plan_.step().kind),
          phase_seconds_ + ToSeconds(now - phase_began_at_)};
}

void JobRun::ConcludePhase(Instant now) {
  const PhaseStep& step = plan_.step();
  result_.phases.push_back(TimeOfPhase(now));
  phase_seconds_ = 0;
  done_.clear();
  result_.steps = step.step;
  if (step.kind == PhaseKind::kPrepare) plan_.Prepared(facts_.batches);
  if (step.kind == PhaseKind::kEvaluate) {
    if (const Status status = ConcludeEvaluations(); !status.ok()) return Fail(status);
    if (metrics_.should_stop() && plan_.StopTraining()) result_.stopped_early = true;
  }
  if (options_.table_hash && plan_.trained() && !hash_.complete()) {
    stage_ = Stage::kHashing;
    calls_.AskAll({.kind = ShardRequest::Kind::kTableHash});
    return;
  }
  NextPhase(now);
}

Status JobRun::ConcludeEvaluations() {
  const PhaseStep& step = plan_.step();
  for (const uint32_t evaluation : step.evaluations) {
    SKY_RETURN_IF_ERROR(metrics_.Conclude(evaluation, step.step, step.epoch));
  }
  return Status();
}

void JobRun::NextPhase(Instant now) {
  const PhaseStep over = plan_.step();
  const bool more = plan_.Advance();
  // Evaluations of one step share their vectors, also those that an early stop adds.
  const bool shared = more && plan_.step().folder == over.folder;
  if (over.kind == PhaseKind::kEvaluate && !shared) unneeded_.push_back(over.folder);
  if (more) {
    OpenPhase(now);
  } else {
    stage_ = Stage::kComplete;
  }
}

Result<LeaseTable::Report> JobRun::Report(const Granted& by, const LeaseOutcome& outcome) {
  if (by.lease.phase < plan_.step().phase) return LeaseTable::Report::kRepeat;
  SKY_ASSIGN_OR_RETURN(const LeaseTable::Report report, leases_.Done(by.lease, by.attempt));
  if (report == LeaseTable::Report::kFirst) {
    progress_.LeaseDone(by.node, outcome.progress);
    Absorb(by.lease, outcome);
  }
  return report;
}

void JobRun::Absorb(const LeaseId& lease, const LeaseOutcome& outcome) {
  switch (lease.kind) {
    case LeaseKind::kPreparePartition: return AbsorbPrepared(lease, outcome);
    case LeaseKind::kTrainRank: return;
    case LeaseKind::kTrainPartition:
      phase_.CloseStream(lease.unit, outcome.count);
      done_.push_back({lease.unit, outcome.count});
      return;
    case LeaseKind::kEvaluatePartition:
      return Fail(metrics_.Record(UnitHigh(lease.unit), UnitLow(lease.unit), outcome.metrics));
    case LeaseKind::kBuildIndex:
      result_.index_report = outcome.report;
      if (!outcome.metrics.at.empty()) {
        // Without a number of queries it is a mean already.
        const auto queries = static_cast<double>(std::max<uint64_t>(1, outcome.metrics.queries));
        result_.index_recall = outcome.metrics.at.front().recall / queries;
      }
      return AbsorbParts(lease, outcome);
    case LeaseKind::kExportPartition:
    case LeaseKind::kExportTable: return AbsorbParts(lease, outcome);
    case LeaseKind::kExportCommit: return;
  }
}

void JobRun::AbsorbPrepared(const LeaseId& lease, const LeaseOutcome& outcome) {
  phase_.CloseStream(lease.unit, outcome.count);
  if (lease.unit < options_.training_partitions) {
    facts_.batches[lease.unit] = outcome.progress.total;
    facts_.training_pairs += outcome.examples;
  } else {
    facts_.candidates += outcome.examples;
  }
}

void JobRun::AbsorbParts(const LeaseId& lease, const LeaseOutcome& outcome) {
  parts_[lease] = outcome.parts;
  size_t count = 0;
  for (const auto& [of, files] : parts_) count += files.size();
  if (count <= kPartsMax) return;
  Fail(Status(StatusCode::kResourceExhausted,
              fmt::format("the export has {} files, more than {}; make data.partition_bytes larger",
                          count, kPartsMax)));
}

Status JobRun::CheckPrepared() const {
  const uint64_t batches =
      std::accumulate(facts_.batches.begin(), facts_.batches.end(), uint64_t{0});
  if (batches > 0 || options_.epochs == 0) return Status();
  return Status(StatusCode::kInvalidArgument,
                fmt::format("prepare: no example to train on in {} partitions",
                            options_.training_partitions));
}

Status JobRun::CheckVectors() const {
  uint64_t rows = 0;
  for (const auto& [lease, files] : parts_) {
    for (const PartFile& file : files) rows += file.kind == "vectors" ? file.rows : 0;
  }
  if (rows == facts_.candidates) return Status();
  return Status(StatusCode::kDataLoss,
                fmt::format("{}: parts hold {} vectors, but prepare counted {} candidates: did the "
                            "data change?",
                            PhaseName(plan_.step().kind), rows, facts_.candidates));
}

bool JobRun::Return(const Granted& by, const Status& why, Instant now) {
  if (!leases_.Holds(by.lease, by.attempt)) return false;
  FailForNow(leases_.Return(by.lease, by.attempt, why, now));
  return true;
}

void JobRun::Heartbeat(Incarnation node, const WorkDone& in_hand, Instant now) {
  if (leases_.HoldsAny(node)) progress_.Heartbeat(node, in_hand, now);
}

void JobRun::NodeGone(Incarnation node) {
  leases_.Release(node);
  progress_.NodeGone(node);
}

bool JobRun::ShardAnswered(uint32_t shard, uint64_t request, const ShardReply& reply, Instant now) {
  const std::optional<ShardRequest> what = calls_.Waiting(shard, request);
  if (!what) return false;
  if (what->kind == ShardRequest::Kind::kTableHash) {
    calls_.Answered(shard, request);
    hash_.Add(shard, reply.tables);
    return true;
  }
  if (what->kind == ShardRequest::Kind::kCutRound)
    return calls_.Answered(shard, request).has_value();
  Fail(phase_.Take(shard, request, *what, reply, now));
  return !calls_.Waiting(shard, request);
}

bool JobRun::ShardRefused(uint32_t shard, uint64_t request, const Status& refusal) {
  const std::optional<ShardRequest> what = calls_.Waiting(shard, request);
  if (!what) return false;
  const Status judged = JudgeRefusal(shard, *what, refusal);
  if (what->kind == ShardRequest::Kind::kCutRound) {
    return !judged.ok() && calls_.Answered(shard, request);
  }
  FailForNow(judged);
  return !judged.ok();
}

bool JobRun::training() const {
  return failure_.ok() && stage_ == Stage::kWorking && plan_.step().kind == PhaseKind::kTrain;
}

JobState JobRun::Cut(uint32_t round, uint64_t clock, Instant now) {
  CHECK(training());
  const PhaseStep& step = plan_.step();
  calls_.AskAll({.kind = ShardRequest::Kind::kCutRound,
                 .rules = {.phase = step.phase},
                 .round = round,
                 .clock = clock});
  JobState state{.phase = step.phase,
                 .clock = clock,
                 .steps = options_.lockstep() ? clock : Scale().base,
                 .steps_total = plan_.steps_total(),
                 .facts = facts_,
                 .result = Collect(),
                 .done = done_};
  state.epoch = options_.epochs * static_cast<double>(state.steps) /
                static_cast<double>(std::max<uint64_t>(1, state.steps_total));
  state.result.phases.push_back(TimeOfPhase(now));
  return state;
}

void JobRun::AskForSlots(uint32_t source, const ShardRequest& freeze, uint32_t target,
                         const ShardRequest& install) {
  CHECK(training());
  calls_.Ask(source, freeze);
  // One that is not in the map yet is asked nothing else before.
  if (target == options_.shards) calls_.SetShards(target + 1);
  calls_.Ask(target, install);
}

void JobRun::SlotsStay() {
  calls_.Forget(ShardRequest::Kind::kFreezeSlots);
  calls_.Forget(ShardRequest::Kind::kInstallSlots);
  calls_.SetShards(options_.shards);
}

void JobRun::SlotsMoved(uint32_t shards) {
  CHECK(training());
  options_.shards = shards;
  SlotsStay();
  phase_.SetShards(shards);
  hash_.SetShards(shards);
}

std::vector<PartFile> JobRun::Parts() const {
  std::vector<PartFile> parts;
  for (const auto& [lease, files] : parts_) parts.insert(parts.end(), files.begin(), files.end());
  return parts;
}

GrantSpec JobRun::SpecOf(const LeaseId& lease) const {
  const bool ranked = lease.kind == LeaseKind::kTrainPartition;
  const std::vector<PartFile> parts = Parts();
  return MakeGrantSpec(lease, {.options = options_,
                               .plan = plan_,
                               .facts = facts_,
                               .parts = parts,
                               .rank = ranked ? dealer_.RankOf(lease) : 0,
                               .index_recall = result_.index_recall});
}

ProgressScale JobRun::Scale() const {
  const PhaseStep& step = plan_.step();
  ProgressScale scale{.phase = PhaseName(step.kind)};
  if (step.kind != PhaseKind::kTrain) {
    scale.total = MakeLeases(options_, step, facts_).size();
    return scale;
  }
  scale.by_leases = false;
  scale.total = plan_.steps_total();
  scale.base = step.clock_begin;
  scale.divisor = options_.ranks;
  if (!options_.lockstep()) {
    scale.base = scale.total / options_.epochs * step.epoch_begin;
    for (const DoneLease& done : done_) scale.base += done.count;
    scale.divisor = 1;
  }
  return scale;
}

JobProgress JobRun::Progress(Instant now) const {
  JobProgress progress = progress_.Snapshot(now);
  progress.epoch = plan_.step().epoch;
  if (plan_.step().kind == PhaseKind::kTrain && progress.total > 0) {
    progress.epoch =
        options_.epochs * static_cast<double>(progress.done) / static_cast<double>(progress.total);
  }
  return progress;
}

JobResult JobRun::Collect() const {
  JobResult result = result_;
  result.evaluations = metrics_.history();
  result.best = metrics_.best();
  result.table_hashes = hash_.sums();
  result.training_pairs = facts_.training_pairs;
  result.candidates = facts_.candidates;
  result.examples_trained += phase_.examples();
  result.pushes += phase_.pushes();
  result.duplicates += phase_.duplicates();
  result.leases_regranted += leases_.regranted();
  return result;
}

}  // namespace skybridge::scheduler
