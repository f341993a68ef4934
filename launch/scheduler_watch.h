// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "common/node.h"
#include "common/status.h"
#include "scheduler/scheduler_node.h"

namespace skybridge::launch {

// A window into a scheduler that runs on another thread: what the supervisor of a run asks and
// tells it. Outlives the node that it made.
class SchedulerWatch {
 public:
  // The scheduler as a node for a loop; it speaks through this watch, and goes on where `log` ends.
  // `checkpoints` as SchedulerNode takes it. Call once. Errors: those of SchedulerNode::Restore.
  Result<std::unique_ptr<Node>> MakeNode(const scheduler::SchedulerNodeOptions& options,
                                         std::span<const Record> log, ObjectStore* checkpoints);

  // Thread-safe. Told to the node at its next tick.
  void NodeExited(const scheduler::NodeExit& exit);
  void RequestStop(const std::string& reason);
  // A number that cannot be is logged, and changes nothing.
  void RequestShards(uint32_t shards);
  // How many of these calls have had their effect, durably. Thread-safe.
  uint64_t settled() const;
  // At most a tenth of a second old; before the first tick, where the log ends. Thread-safe.
  scheduler::JobProgress progress() const;
  // How often progress() has been renewed: stands still if the node's thread does. Thread-safe.
  uint64_t renewals() const;

  // Once the node's loop has ended. If it ended before the job did, that is the result's status.
  scheduler::JobResult result() const;

 private:
  class WatchedNode;
  using Command = std::function<void(scheduler::SchedulerNode&, Instant)>;

  void Tell(Command command);
  std::vector<Command> TakeCommands();
  void Settle(size_t commands);
  void Publish(scheduler::JobProgress progress);
  void Publish(const scheduler::JobResult& result);

  mutable std::mutex mutex_;
  std::vector<Command> commands_;  // Guarded by mutex_, like all below.
  uint64_t settled_ = 0;
  scheduler::JobProgress progress_;
  uint64_t renewals_ = 0;
  scheduler::JobResult result_;
  bool finished_ = false;
};

}  // namespace skybridge::launch
