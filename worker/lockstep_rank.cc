// SPDX-License-Identifier: Apache-2.0
#include "worker/lockstep_rank.h"

#include <algorithm>
#include <utility>

namespace skybridge::worker {

float LinearDecay(uint64_t done, uint64_t total) {
  if (total == 0 || done >= total) return 1;
  return static_cast<float>(1.0 - static_cast<double>(done) / static_cast<double>(total));
}

LockstepRank::LockstepRank(Options options, const wire::TrainSpec& spec,
                           const model::TwoTower& model, const Dataset& dataset,
                           PartitionCache& cache, Calls& calls, const ClusterView& cluster)
    : options_(options),
      spec_(spec),
      schedule_(options.seed, options.ranks, spec.epochs(),
                {spec.batches().begin(), spec.batches().end()}),
      cluster_(cluster),
      calls_(calls),
      source_(options.owner, model, dataset, cache),
      step_(options.owner, model, calls, cluster,
            {.candidates = spec.candidates_total(), .examples = spec.examples_total()}) {
  progress_.set_total(spec.clock_end() - spec.clock_begin());
}

void LockstepRank::Begin(Instant now, Effects* out) {
  if (spec_.rank() >= options_.ranks || spec_.clock_begin() > spec_.clock_end() ||
      spec_.clock_end() > schedule_.clocks_total()) {
    return Fail(Status(StatusCode::kInvalidArgument,
                       "train rank " + std::to_string(spec_.rank()) + " from clock " +
                           std::to_string(spec_.clock_begin()) + " to " +
                           std::to_string(spec_.clock_end()) + ": there are " +
                           std::to_string(options_.ranks) + " ranks and " +
                           std::to_string(schedule_.clocks_total()) + " clocks"));
  }
  Query(now, out);
}

void LockstepRank::Query(Instant now, Effects* out) {
  replies_.clear();
  wire::Header header;
  wire::RankQuery& query = *header.mutable_rank_query();
  query.set_phase(options_.phase);
  query.set_rank(spec_.rank());
  query.set_attempt(options_.attempt);
  AskAll(header, now, out);
}

void LockstepRank::AskAll(const wire::Header& header, Instant now, Effects* out) {
  unanswered_ = cluster_.map.shards().size();
  for (size_t shard = 0; shard < cluster_.map.shards().size(); ++shard) {
    calls_.Start(options_.owner, shard, header, {}, now, out);
  }
}

void LockstepRank::OnAnswer(const Answer& answer, Instant now, Effects* out) {
  if (const Status status = Advance(answer, now, out); !status.ok()) FailHere(status);
}

void LockstepRank::FailHere(const Status& status) {
  Fail(status.WithContext("train rank " + std::to_string(spec_.rank()) + " at clock " +
                          std::to_string(clock_)));
}

Status LockstepRank::Advance(const Answer& answer, Instant now, Effects* out) {
  switch (stage_) {
    case Stage::kQuery: return TakeRankReply(answer, now, out);
    case Stage::kPrepare: return Status(StatusCode::kInternal, "an answer out of turn");
    case Stage::kLeave: {
      SKY_RETURN_IF_ERROR(answer.status);
      if (--unanswered_ > 0) return Status();
      wire::LeaseDone done;
      done.set_count(spec_.clock_end());
      Complete(std::move(done));
      return Status();
    }
    case Stage::kStep: break;
  }
  SKY_RETURN_IF_ERROR(step_.Take(answer, now, out));
  if (step_.pulled()) PrepareAhead(out);
  if (!step_.complete()) return Status();
  progress_.set_examples(progress_.examples() + step_.result().positives);
  progress_.set_loss_sum(progress_.loss_sum() + step_.result().loss_sum);
  NextClock(clock_, now, out);
  return Status();
}

Status LockstepRank::TakeRankReply(const Answer& answer, Instant now, Effects* out) {
  SKY_RETURN_IF_ERROR(answer.status);
  replies_.push_back(answer.header.rank_reply());
  if (--unanswered_ > 0) return Status();
  uint64_t done = spec_.clock_begin();
  for (const wire::RankReply& reply : replies_) {
    done = std::max({done, reply.done(), reply.committed()});
  }
  if (done > spec_.clock_end()) {
    return Status(StatusCode::kInternal, "a shard stands at clock " + std::to_string(done) +
                                             ", the lease ends at " +
                                             std::to_string(spec_.clock_end()));
  }
  for (const wire::RankReply& reply : replies_) {
    if (std::max(reply.accepted(), reply.committed()) >= done) continue;
    return Status(StatusCode::kStateLost, "clock " + std::to_string(done) +
                                              " was certified, but a shard has accepted only " +
                                              std::to_string(reply.accepted()));
  }
  NextClock(done, now, out);
  return Status();
}

void LockstepRank::NextClock(uint64_t done, Instant now, Effects* out) {
  progress_.set_done(done - spec_.clock_begin());
  if (done == spec_.clock_end()) {
    stage_ = Stage::kLeave;
    return Leave(now, out);
  }
  clock_ = done + 1;
  const auto position = schedule_.At(Rank(static_cast<uint16_t>(spec_.rank())), clock_);
  if (!position) {
    StartStep(nullptr, now, out);
    return;
  }
  stage_ = Stage::kPrepare;
  source_.Want(*position, out);
  if (auto prepared = source_.Collect(*position)) StartStep(std::move(prepared), now, out);
}

void LockstepRank::Leave(Instant now, Effects* out) {
  wire::Header header;
  wire::RankDone& leave = *header.mutable_rank_done();
  leave.set_phase(options_.phase);
  leave.set_rank(spec_.rank());
  leave.set_attempt(options_.attempt);
  leave.set_done(spec_.clock_end());
  AskAll(header, now, out);
}

// Slots move between two clocks, so what every shard has of this one is the same as before.
void LockstepRank::OnMap(Instant now, Effects* out) {
  switch (stage_) {
    case Stage::kQuery: return Query(now, out);
    case Stage::kPrepare: return;
    case Stage::kLeave: return Leave(now, out);
    case Stage::kStep: break;
  }
  if (const Status status = step_.Restart(now, out); !status.ok()) FailHere(status);
}

void LockstepRank::OnTask(WorkTask& task, Instant now, Effects* out) {
  if (auto* computed = dynamic_cast<ComputeTask*>(&task)) {
    if (const Status status = step_.Take(*computed, now, out); !status.ok()) FailHere(status);
    return;
  }
  if (Status status = source_.Take(dynamic_cast<StepTask&>(task)); !status.ok()) {
    Fail(std::move(status));
    return;
  }
  if (stage_ != Stage::kPrepare) return;
  const auto position = schedule_.At(Rank(static_cast<uint16_t>(spec_.rank())), clock_);
  if (auto prepared = source_.Collect(*position)) StartStep(std::move(prepared), now, out);
}

void LockstepRank::StartStep(std::shared_ptr<const PreparedStep> prepared, Instant now,
                             Effects* out) {
  stage_ = Stage::kStep;
  wire::Pull pull;
  pull.set_phase(options_.phase);
  pull.set_rank(spec_.rank());
  pull.set_attempt(options_.attempt);
  pull.set_clock(clock_);
  pull.set_done(clock_ - 1);
  wire::Push push;
  push.set_phase(options_.phase);
  push.set_stream(spec_.rank());
  push.set_sequence(clock_);
  push.set_rank(spec_.rank());
  push.set_attempt(options_.attempt);
  push.set_rate(LinearDecay(clock_ - 1, spec_.clocks_total()));
  const float scale = 1.0f / static_cast<float>(schedule_.ActiveRanks(clock_));
  step_.Start(std::move(prepared), pull, push, scale, now, out);
}

void LockstepRank::PrepareAhead(Effects* out) {
  if (clock_ == spec_.clock_end()) return;
  const auto next = schedule_.At(Rank(static_cast<uint16_t>(spec_.rank())), clock_ + 1);
  if (next) source_.Want(*next, out);
}

}  // namespace skybridge::worker
