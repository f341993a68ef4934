// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_watch.h"

#include <chrono>
#include <utility>

#include <glog/logging.h>

namespace skybridge::launch {
namespace {

constexpr Duration kPublishEvery = std::chrono::milliseconds(100);

}  // namespace

class SchedulerWatch::WatchedNode : public Node {
 public:
  WatchedNode(std::unique_ptr<scheduler::SchedulerNode> node, SchedulerWatch& watch)
      : node_(std::move(node)), watch_(watch) {}

  Effects Handle(const Envelope& message, Instant now) override {
    return node_->Handle(message, now);
  }
  Effects Tick(Instant now) override {
    watch_.Settle(std::exchange(obeyed_, 0));  // The loop has performed the former effects.
    for (const Command& command : watch_.TakeCommands()) {
      command(*node_, now);
      ++obeyed_;
    }
    Effects effects = node_->Tick(now);
    if (now >= publish_at_) {
      watch_.Publish(node_->progress(now));
      publish_at_ = now + kPublishEvery;
    }
    if (node_->finished()) watch_.Publish(node_->result());
    return effects;
  }
  Effects Finish(std::unique_ptr<Task> task, Instant now) override {
    return node_->Finish(std::move(task), now);
  }
  // Not before a tick has published the result.
  bool finished() const override { return watch_.finished_ && node_->finished(); }

 private:
  const std::unique_ptr<scheduler::SchedulerNode> node_;
  SchedulerWatch& watch_;
  size_t obeyed_ = 0;  // Commands that took effect with the last tick.
  Instant publish_at_{};
};

Result<std::unique_ptr<Node>> SchedulerWatch::MakeNode(
    const scheduler::SchedulerNodeOptions& options, std::span<const Record> log,
    ObjectStore* checkpoints) {
  SKY_ASSIGN_OR_RETURN(auto node, scheduler::SchedulerNode::Restore(options, log, checkpoints));
  {
    const std::lock_guard lock(mutex_);
    progress_ = node->progress(Instant{});
  }
  return std::unique_ptr<Node>(std::make_unique<WatchedNode>(std::move(node), *this));
}

void SchedulerWatch::NodeExited(const scheduler::NodeExit& exit) {
  Tell([=](scheduler::SchedulerNode& node, Instant) { node.NodeExited(exit); });
}

void SchedulerWatch::RequestStop(const std::string& reason) {
  Tell([=](scheduler::SchedulerNode& node, Instant now) { node.RequestStop(reason, now); });
}

void SchedulerWatch::RequestShards(uint32_t shards) {
  Tell([=](scheduler::SchedulerNode& node, Instant now) {
    const Status taken = node.RequestShards(shards, now);
    LOG_IF(WARNING, !taken.ok()) << taken;
  });
}

scheduler::JobProgress SchedulerWatch::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

scheduler::JobResult SchedulerWatch::result() const {
  const std::lock_guard lock(mutex_);
  if (finished_) return result_;
  scheduler::JobResult cut_off;
  cut_off.status = Status(StatusCode::kCancelled, "the scheduler was stopped before the job ended");
  return cut_off;
}

void SchedulerWatch::Tell(Command command) {
  const std::lock_guard lock(mutex_);
  commands_.push_back(std::move(command));
}

std::vector<SchedulerWatch::Command> SchedulerWatch::TakeCommands() {
  const std::lock_guard lock(mutex_);
  return std::exchange(commands_, {});
}

void SchedulerWatch::Settle(size_t commands) {
  const std::lock_guard lock(mutex_);
  settled_ += commands;
}

uint64_t SchedulerWatch::settled() const {
  const std::lock_guard lock(mutex_);
  return settled_;
}

uint64_t SchedulerWatch::renewals() const {
  const std::lock_guard lock(mutex_);
  return renewals_;
}

void SchedulerWatch::Publish(scheduler::JobProgress progress) {
  const std::lock_guard lock(mutex_);
  progress_ = std::move(progress);
  ++renewals_;
}

void SchedulerWatch::Publish(const scheduler::JobResult& result) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  result_ = result;
  finished_ = true;
}

}  // namespace skybridge::launch
