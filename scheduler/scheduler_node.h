// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/node.h"
#include "common/object_store.h"
#include "proto/wire.pb.h"
#include "scheduler/checkpoints.h"
#include "scheduler/durable_job.h"
#include "scheduler/job_result.h"
#include "scheduler/membership.h"
#include "scheduler/move_driver.h"
#include "scheduler/redelivery.h"
#include "scheduler/scheduler_options.h"
#include "scheduler/stop_round.h"

namespace skybridge::scheduler {

// The one node that decides: who is in, which phase runs, who holds which lease, and how the job
// ends. No training data pass through it.
//
// The wire around a DurableJob: it checks identities, translates, repeats what is unanswered. All
// methods are called on the node's thread; every message may be lost, doubled, late.
//
// Its records are those of the job. A node that was restored goes on where they end; where the
// others are it learns from the first message of each.
class SchedulerNode : public Node {
 public:
  // For a new job. options.Validate() must be OK. `checkpoints`: where they go, null if nowhere;
  // outlives the node and its tasks.
  explicit SchedulerNode(const SchedulerNodeOptions& options, ObjectStore* checkpoints = nullptr);
  // For the job whose records these are: all that the nodes before it persisted, in order. None:
  // a new job. Errors: those of DurableJob::Restore.
  static Result<std::unique_ptr<SchedulerNode>> Restore(const SchedulerNodeOptions& options,
                                                        std::span<const Record> log,
                                                        ObjectStore* checkpoints = nullptr);

  Effects Handle(const Envelope& message, Instant now) override;
  Effects Tick(Instant now) override;
  Effects Finish(std::unique_ptr<Task> task, Instant now) override;
  bool finished() const override { return finished_; }

  // The process of this node is dead at once, unless the place is a successor's by now. If its exit
  // is final, it is not waited for: before the start this ends the job with the code of `how`,
  // later it does so if the node is a shard or the last trainer. Takes effect at the next tick;
  // repeats are harmless.
  void NodeExited(const NodeExit& exit);

  // Ends the job cleanly with kCancelled: no new leases, Stop to all. Repeats are harmless.
  void RequestStop(const std::string& reason, Instant now);

  // The job should have so many shards. Slots move to those that join, as soon as they are there
  // and training goes on, and away from those that are too many, which are then told to stop.
  // Errors: those of DurableJob::WantShards. What it returned OK for is kept with the next tick.
  Status RequestShards(uint32_t shards, Instant now);

  JobProgress progress(Instant now) const;
  // Complete once finished(). kFenced: a later scheduler leads the job, which goes on (R2).
  const JobResult& result() const { return result_; }

 private:
  SchedulerNode(const SchedulerNodeOptions& options, ObjectStore* checkpoints,
                std::unique_ptr<DurableJob> job);

  Instant JobTime(Instant now) const;
  void Begin(Instant now);
  void Receive(const Envelope& message, Effects* out);
  Status CheckIdentity(const wire::Header& header) const;
  void HandleRegister(const Envelope& message, const wire::Header& header, Effects* out);
  void HandleMember(const Member& from, const wire::Header& header, Effects* out);
  void HandleHeartbeat(const Member& from, const wire::Header& header, Effects* out);
  void HandleLeaseDone(const Member& from, const wire::Header& header, Effects* out);
  void HandleLeaseReturned(const Member& from, const wire::Header& header, Effects* out);
  void HandleShardReply(uint32_t shard, const wire::Header& header);

  // Draws the conclusions from everything heard so far, and sends what is due.
  void Pump(Effects* out);
  void SendMaps(Effects* out);
  void SendCalls(Effects* out);
  void SendGrants(Effects* out);
  void Dismiss(Effects* out);
  void Stop(Effects* out);
  void Supersede(uint32_t term);

  wire::Identity Self() const;
  Envelope RefusalOf(const Envelope& message, const wire::Header& header,
                     const Status& status) const;
  void Send(Incarnation to, wire::Header header, Effects* out);

  const SchedulerNodeOptions options_;
  std::unique_ptr<DurableJob> job_;
  Checkpoints checkpoints_;
  MoveDriver moves_;
  std::optional<Duration> shift_;             // From this process's time to the job's.
  std::map<Incarnation, std::string> peers_;  // Where each was last heard from.
  Redelivery<Incarnation> maps_;
  uint64_t maps_version_ = 0;  // The version that maps_ delivers.
  Redelivery<Granted> grants_;
  Redelivery<Incarnation> dismissals_;
  StopRound stop_round_;
  bool stopping_ = false;
  bool finished_ = false;
  JobResult result_;
};

}  // namespace skybridge::scheduler
