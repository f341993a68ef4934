// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "common/node.h"
#include "common/status.h"
#include "env/curve_gate.h"
#include "env/record_log.h"
#include "env/system_clock.h"
#include "env/task_pool.h"
#include "env/zmq_context.h"
#include "env/zmq_transport.h"

namespace skybridge::launch {

// What all nodes of one process share. Outlives them.
struct ProcessRuntime {
  explicit ProcessRuntime(size_t task_threads) : tasks(task_threads) {}

  // From now on all connections, in and out, are encrypted, and strangers are kept out.
  // Errors: kInvalidArgument for keys that are none.
  Status UseKeys(env::CurveKeys cluster_keys);

  env::ZmqContext context;
  std::optional<env::CurveKeys> keys;
  std::unique_ptr<env::CurveGate> gate;
  env::SystemClock clock;
  env::TaskPool tasks;
};

// One node on a thread of its own, with its transport.
class NodeHost {
 public:
  // Opens the transport, so that its address is known before the node is made.
  // Errors: those of ZmqTransport::Create.
  static Result<std::unique_ptr<NodeHost>> Create(ProcessRuntime& runtime,
                                                  env::ZmqTransportOptions options);
  // Stops and joins the thread.
  ~NodeHost();

  const std::string& endpoint() const { return transport_->endpoint(); }
  // Starts the thread. Call once. `log` takes the node's records; null: it has none.
  void Start(std::unique_ptr<Node> node, std::unique_ptr<env::RecordLog> log = nullptr);
  // Makes the loop end, whatever the node thinks. Thread-safe.
  void RequestStop();
  // True once the loop has ended. Thread-safe.
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  // The loop's own error, once ended.
  const Status& loop_status() const { return loop_status_; }

 private:
  NodeHost(ProcessRuntime& runtime, std::unique_ptr<env::ZmqTransport> transport);
  void Loop(const std::stop_token& stop);

  ProcessRuntime& runtime_;
  const std::unique_ptr<env::ZmqTransport> transport_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<env::RecordLog> log_;
  Status loop_status_;
  std::atomic<bool> ended_ = false;
  std::jthread thread_;
};

}  // namespace skybridge::launch
