// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/node.h"
#include "common/shard_map.h"
#include "proto/wire.pb.h"
#include "scheduler/job_result.h"
#include "scheduler/job_run.h"
#include "scheduler/membership.h"
#include "scheduler/redelivery.h"
#include "scheduler/scheduler_options.h"
#include "scheduler/start_barrier.h"
#include "scheduler/stop_round.h"

namespace skybridge::scheduler {

// The one node that decides: who is in, which phase runs, who holds which lease, and how the job
// ends. No training data pass through it.
//
// The composition of small machines (Membership, StartBarrier, JobRun and its parts) with the wire:
// it checks identities, translates, repeats what is unanswered. All methods are called on the
// node's thread; every message may be lost, doubled, late.
class SchedulerNode : public Node {
 public:
  // options.Validate() must be OK.
  explicit SchedulerNode(const SchedulerNodeOptions& options);

  Effects Handle(const Envelope& message, Instant now) override;
  Effects Tick(Instant now) override;
  Effects Finish(std::unique_ptr<Task> task, Instant now) override;  // Starts none.
  bool finished() const override { return stage_ == Stage::kFinished; }

  // A supervisor saw the process of this node end: the node is dead at once. Before the start
  // barrier this ends the job with the code of `how`, since nobody would come instead. Takes effect
  // at the next tick; repeats are harmless.
  void NodeExited(Role role, uint32_t index, const Status& how);

  // Ends the job cleanly with kCancelled: no new leases, Stop to all. Repeats are harmless.
  void RequestStop(const std::string& reason, Instant now);

  JobProgress progress(Instant now) const;
  // Complete once finished().
  const JobResult& result() const { return result_; }

 private:
  enum class Stage { kWaiting, kRunning, kStopping, kFinished };

  Status CheckIdentity(const wire::Header& header) const;
  void HandleRegister(const Envelope& message, const wire::Header& header, Instant now,
                      Effects* out);
  void HandleMember(const Member& from, const wire::Header& header, Instant now, Effects* out);
  void HandleHeartbeat(const Member& from, const wire::Header& header, Instant now, Effects* out);
  void HandleLeaseDone(const Member& from, const wire::Header& header, Effects* out);
  void HandleLeaseReturned(const Member& from, const wire::Header& header, Instant now,
                           Effects* out);
  void HandleShardReply(const Member& from, const wire::Header& header, Instant now);

  // Draws the conclusions from everything heard so far, and sends what is due.
  void Pump(Instant now, Effects* out);
  void TakeEvents(Instant now);
  void TakeEvent(const MemberEvent& event, Instant now);
  void Wait(Instant now);
  void Run(Instant now);
  void SendMaps(Instant now, Effects* out);
  void SendCalls(Instant now, Effects* out);
  void SendGrants(Instant now, Effects* out);
  void Stop(Instant now, Effects* out);
  void BeginStop(const Status& status, Instant now);

  std::vector<Incarnation> LiveNodes(Role role) const;
  wire::Identity Self() const;
  void Send(Incarnation to, wire::Header header, Effects* out);

  const SchedulerNodeOptions options_;
  Membership membership_;
  StartBarrier barrier_;
  JobRun run_;
  std::map<Incarnation, std::string> peers_;  // Where each was last heard from.
  ShardMap map_;
  Redelivery<Incarnation> maps_;
  Redelivery<Granted> grants_;
  StopRound stop_round_;
  Stage stage_ = Stage::kWaiting;
  Status exited_early_;  // The first node whose process ended before the start.
  uint64_t dropped_ = 0;
  JobResult result_;
};

}  // namespace skybridge::scheduler
