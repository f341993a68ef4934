// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/node.h"
#include "scheduler/job_result.h"
#include "scheduler/membership.h"
#include "scheduler/scheduler_options.h"

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
  explicit SchedulerNode(SchedulerNodeOptions options);

  Effects Handle(const Envelope& message, Instant now) override;
  Effects Tick(Instant now) override;
  Effects Finish(std::unique_ptr<Task> task, Instant now) override;  // Starts none.
  bool finished() const override;

  // A supervisor saw the process of this node end: the node is dead at once. Before the start
  // barrier this ends the job, since nobody would come instead. Repeats are harmless.
  void NodeExited(Role role, uint32_t index, const std::string& reason, Instant now);

  // Ends the job cleanly with kCancelled: no new leases, Stop to all. Repeats are harmless.
  void RequestStop(const std::string& reason, Instant now);

  JobProgress progress(Instant now) const;
  // Complete once finished().
  const JobResult& result() const;
};

}  // namespace skybridge::scheduler
