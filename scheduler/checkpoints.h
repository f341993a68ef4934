// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "common/node.h"
#include "common/object_store.h"
#include "proto/checkpoint_store.h"
#include "proto/wire.pb.h"
#include "scheduler/checkpoint_round.h"
#include "scheduler/checkpoint_tasks.h"
#include "scheduler/durable_job.h"
#include "scheduler/job_result.h"
#include "scheduler/scheduler_options.h"

namespace skybridge::scheduler {

// The checkpoints of a job: one round after the other, the manifest at the end of each, and old
// ones dropped. Nothing that fails here concerns the job.
//
// A state machine but for its tasks, which work on the store: it is looked through before the first
// round, and pruned after each, while the next one may go on.
class Checkpoints {
 public:
  // `store`: null if there are none; outlives this and its tasks.
  Checkpoints(const SchedulerNodeOptions& options, ObjectStore* store, uint32_t term);

  // Draws conclusions while the job runs; `job` has drawn its own. Returns tasks to start.
  std::vector<std::unique_ptr<Task>> Advance(DurableJob& job);
  // Takes a task back. False: it is not one of these.
  bool Finish(Task& task, Instant now);
  // The job has ended: tasks need not go on.
  void Stop() { stop_.request_stop(); }

  std::vector<ShardCall> DueCalls(Instant now) { return round_.DueCalls(now); }
  // Whether a request is one of DueCalls, of this scheduler or one before.
  static bool Asks(uint64_t request) { return request >= kFirstRequest; }
  void Answered(uint32_t shard, const wire::Header& reply, Instant now);
  // The job took this answer to `cut`.
  void CutAnswered(uint32_t shard, const ShardRequest& cut, const wire::Header& reply, Instant now);

  // No round is open.
  bool rest() const { return !round_.active(); }
  CheckpointInfo info(Instant now) const;

 private:
  // Above those of the job's own questions.
  static constexpr uint64_t kFirstRequest = uint64_t{1} << 63;
  enum class Look { kDue, kUnderWay, kDone };

  void Found(const FindCheckpoint& found, Instant now);
  void Put(const PutManifest& put, Instant now);
  void Pruned(PruneStore& pruned);
  void Report();
  checkpoint::Manifest MakeManifest(const DurableJob& job) const;

  const SchedulerNodeOptions options_;
  ObjectStore* const store_;
  CheckpointRound round_;
  Look look_ = Look::kDue;
  std::optional<Instant> look_at_;  // Again.
  uint32_t last_round_ = 0;         // As the log knew it at the start, with when that was begun.
  std::optional<Instant> last_began_at_;
  bool prune_due_ = false;
  bool pruning_ = false;
  checkpoint::SoundObjects sound_;
  std::stop_source stop_;
  CheckpointInfo newest_;
  Instant newest_at_;
};

}  // namespace skybridge::scheduler
