// SPDX-License-Identifier: Apache-2.0
#include "env/node_loop.h"

#include <algorithm>
#include <utility>

namespace skybridge::env {
namespace {

Status Perform(const NodeSurroundings& around, Effects effects) {
  if (!effects.persist.empty()) SKY_RETURN_IF_ERROR(around.log.Write(effects.persist));
  for (Envelope& message : effects.send) around.transport.Send(std::move(message));
  for (std::unique_ptr<Task>& task : effects.start) around.tasks.Start(std::move(task));
  return Status();
}

// Hands back the tasks that ran.
Status FinishTasks(Node& node, const NodeSurroundings& around) {
  for (std::unique_ptr<Task>& task : around.tasks.TakeFinished()) {
    SKY_RETURN_IF_ERROR(Perform(around, node.Finish(std::move(task), around.clock.Now())));
    if (node.finished()) break;
  }
  return Status();
}

}  // namespace

Status RunNode(Node& node, const NodeSurroundings& around, const std::stop_token& stop,
               const NodeLoopOptions& options) {
  Instant next_tick = around.clock.Now();
  while (!stop.stop_requested() && !node.finished()) {
    const Instant now = around.clock.Now();
    if (now >= next_tick) {
      next_tick = now + options.tick_max;
      SKY_RETURN_IF_ERROR(Perform(around, node.Tick(now)));
      if (node.finished()) break;
    }
    SKY_RETURN_IF_ERROR(FinishTasks(node, around));
    if (node.finished()) break;
    if (const auto message = around.transport.Receive(options.silence)) {
      SKY_RETURN_IF_ERROR(Perform(around, node.Handle(*message, around.clock.Now())));
    } else {
      next_tick = now;  // Silence, or a task ended.
    }
  }
  return Status();
}

}  // namespace skybridge::env
