// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "common/node.h"
#include "common/status.h"
#include "env/clock.h"
#include "env/record_log.h"
#include "env/task_pool.h"
#include "env/transport.h"

namespace skybridge::env {

// What a node's loop acts on; all of it outlives the loop.
struct NodeSurroundings {
  Clock& clock;
  Transport& transport;
  TaskQueue& tasks;  // Its `wake` should end a waiting Receive of `transport`.
  RecordLog& log;
};

struct NodeLoopOptions {
  Duration silence = std::chrono::milliseconds(5);    // Without messages: a tick as often as this.
  Duration tick_max = std::chrono::milliseconds(20);  // Under load: a tick at least this often.
};

// Runs `node` until it has finished, and its last effects are done, or `stop` is requested.
// Effects happen in the order persist, send, start. The simulator replaces this function and
// nothing else.
// Errors: those of the log. A node that cannot persist must not speak, so the loop ends.
Status RunNode(Node& node, const NodeSurroundings& around, const std::stop_token& stop,
               const NodeLoopOptions& options = {});

}  // namespace skybridge::env
