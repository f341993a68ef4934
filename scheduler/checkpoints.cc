// SPDX-License-Identifier: Apache-2.0
#include "scheduler/checkpoints.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::scheduler {
namespace {

CheckpointRoundOptions RoundOf(const SchedulerNodeOptions& options, uint64_t first_request) {
  return {.shards = options.shards,
          .every = options.checkpoint_every,
          .repeat = options.timings.repeat,
          .poll = options.timings.round_poll,
          .limit = options.timings.round_max,
          .backoff = options.timings.round_backoff,
          .first_request = first_request};
}

RoundView ViewOf(DurableJob& job, bool lockstep) {
  const PhasePlan& plan = job.run().plan();
  return {.training = job.run().training(),
          .training_left = plan.training_left(),
          .map = job.map().version(),
          .lockstep = lockstep,
          .clock_begin = plan.step().clock_begin,
          .clock_end = plan.step().clock_end};
}

std::string Megabytes(uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace

// Answers to a former scheduler are strays: each term has numbers of its own.
Checkpoints::Checkpoints(const SchedulerNodeOptions& options, ObjectStore* store, uint32_t term)
    : options_(options),
      store_(options.checkpoint_every > Duration{0} ? store : nullptr),
      round_(RoundOf(options, kFirstRequest + (uint64_t{term} << 32))) {}

std::vector<std::unique_ptr<Task>> Checkpoints::Advance(DurableJob& job) {
  std::vector<std::unique_ptr<Task>> tasks;
  if (store_ == nullptr) return tasks;
  const Instant now = job.now();
  if (look_ == Look::kDue && job.run().training() && (!look_at_ || now >= *look_at_)) {
    last_round_ = job.rounds();
    last_began_at_ = job.round_began_at();
    look_ = Look::kUnderWay;
    tasks.push_back(std::make_unique<FindCheckpoint>(*store_));
  }
  if (look_ != Look::kDone) return tasks;
  const RoundView view = ViewOf(job, options_.lockstep());
  round_.Watch(view, now);
  if (rest()) round_.SetShards(static_cast<uint32_t>(job.map().shards().size()));
  // A round needs a map that stays.
  if (const auto due = round_.Due(view, now); due && !job.move()) {
    job.BeginRound(*due);
    round_.Begin(*due, view, now);
  }
  if (const auto clock = round_.CutDue(view)) {
    round_.CutAsked(*clock, ToProto(job.CutRound(round_.round(), *clock)));
  }
  if (round_.TakeUploaded()) {
    tasks.push_back(std::make_unique<PutManifest>(*store_, MakeManifest(job)));
  }
  if (prune_due_ && !pruning_) {
    prune_due_ = false;
    pruning_ = true;
    tasks.push_back(std::make_unique<PruneStore>(*store_, options_.checkpoint_keep,
                                                 std::move(sound_), stop_.get_token()));
  }
  Report();
  return tasks;
}

checkpoint::Manifest Checkpoints::MakeManifest(const DurableJob& job) const {
  checkpoint::Manifest manifest;
  manifest.set_round(round_.round());
  manifest.set_version(options_.version);
  manifest.set_job_high(options_.job.high);
  manifest.set_job_low(options_.job.low);
  manifest.set_generation(job.generation());
  manifest.set_job_hash(options_.job_hash);
  manifest.set_dataset_hash(options_.dataset_hash);
  manifest.set_job(options_.job_text);
  manifest.set_base(options_.job_base);
  *manifest.mutable_state() = round_.state();
  for (const checkpoint::FragmentEntry& entry : round_.fragments()) {
    *manifest.add_fragment() = entry;
  }
  return manifest;
}

// ---------------------------------------------------------------- inputs

void Checkpoints::Answered(uint32_t shard, const wire::Header& reply, Instant now) {
  round_.Answered(shard, reply, now);
}

void Checkpoints::CutAnswered(uint32_t shard, const ShardRequest& cut, const wire::Header& reply,
                              Instant now) {
  round_.CutAnswered(shard, cut, reply, now);
}

bool Checkpoints::Finish(Task& task, Instant now) {
  if (const auto* found = dynamic_cast<const FindCheckpoint*>(&task)) {
    Found(*found, now);
  } else if (const auto* put = dynamic_cast<const PutManifest*>(&task)) {
    Put(*put, now);
  } else if (auto* pruned = dynamic_cast<PruneStore*>(&task)) {
    Pruned(*pruned);
  } else {
    return false;
  }
  Report();
  return true;
}

void Checkpoints::Found(const FindCheckpoint& found, Instant now) {
  if (!found.status.ok()) {
    LOG(WARNING) << "no checkpoints yet: " << found.status;
    look_ = Look::kDue;
    look_at_ = now + std::min(options_.timings.round_backoff, options_.checkpoint_every);
    return;
  }
  look_ = Look::kDone;
  prune_due_ = true;
  newest_ = {.round = found.newest, .bytes = found.bytes};
  newest_at_ = now - std::chrono::duration_cast<Duration>(std::chrono::duration<double>(found.age));
  const bool committed = found.newest >= last_round_;
  round_.Resume(std::max(found.newest, last_round_), committed, last_began_at_, now);
}

void Checkpoints::Put(const PutManifest& put, Instant now) {
  if (!put.status.ok()) return round_.Abort(put.status.WithContext("manifest"), now);
  newest_ = {.round = round_.round(), .bytes = put.bytes};
  newest_at_ = now;
  prune_due_ = true;
  round_.Committed(now);
}

void Checkpoints::Pruned(PruneStore& pruned) {
  pruning_ = false;
  sound_ = std::move(pruned.sound);
  if (!pruned.status.ok()) {
    if (pruned.status.code() == StatusCode::kCancelled) return;
    LOG(WARNING) << "old checkpoints were not all dropped: " << pruned.status;
  } else if (!pruned.report.rounds.empty() || pruned.report.objects > 0) {
    LOG(INFO) << fmt::format("dropped {} checkpoints, and {} objects with {}",
                             pruned.report.rounds.size(), pruned.report.objects,
                             Megabytes(pruned.report.bytes));
  }
}

void Checkpoints::Report() {
  const std::optional<RoundEnd> end = round_.TakeEnd();
  if (!end) return;
  if (end->status.ok()) {
    newest_.new_bytes = end->new_bytes;
    LOG(INFO) << fmt::format("checkpoint {} committed in {:.1f} s: {}, {} of them new", end->round,
                             ToSeconds(end->took), Megabytes(newest_.bytes),
                             Megabytes(end->new_bytes));
  } else {
    prune_due_ = true;  // Room may be what it lacked; what it has sent goes too, in time.
    LOG(WARNING) << fmt::format("checkpoint round {} aborted after {:.1f} s: {}", end->round,
                                ToSeconds(end->took), end->status.ToString());
  }
}

CheckpointInfo Checkpoints::info(Instant now) const {
  CheckpointInfo info = newest_;
  if (info.round > 0) info.seconds = ToSeconds(now - newest_at_);
  return info;
}

}  // namespace skybridge::scheduler
