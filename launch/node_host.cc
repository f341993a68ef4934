// SPDX-License-Identifier: Apache-2.0
#include "launch/node_host.h"

#include <utility>

#include <glog/logging.h>

#include "env/node_loop.h"

namespace skybridge::launch {

Status ProcessRuntime::UseKeys(env::CurveKeys cluster_keys) {
  SKY_ASSIGN_OR_RETURN(gate, env::CurveGate::Open(context, {cluster_keys.own.public_key}));
  keys = std::move(cluster_keys);
  return {};
}

Result<std::unique_ptr<NodeHost>> NodeHost::Create(ProcessRuntime& runtime,
                                                   env::ZmqTransportOptions options) {
  options.keys = runtime.keys;
  SKY_ASSIGN_OR_RETURN(auto transport, env::ZmqTransport::Create(runtime.context, runtime.clock,
                                                                 std::move(options)));
  return std::unique_ptr<NodeHost>(new NodeHost(runtime, std::move(transport)));
}

NodeHost::NodeHost(ProcessRuntime& runtime, std::unique_ptr<env::ZmqTransport> transport)
    : runtime_(runtime), transport_(std::move(transport)) {}

NodeHost::~NodeHost() {
  RequestStop();
  if (thread_.joinable()) thread_.join();
}

void NodeHost::Start(std::unique_ptr<Node> node, std::unique_ptr<env::RecordLog> log) {
  CHECK(node_ == nullptr) << "a host runs one node";
  node_ = std::move(node);
  log_ = log ? std::move(log) : std::make_unique<env::NoRecordLog>();
  thread_ = std::jthread([this](const std::stop_token& stop) { Loop(stop); });
}

void NodeHost::Loop(const std::stop_token& stop) {
  {
    env::TaskQueue tasks(runtime_.tasks, [this] { transport_->Wake(); });
    loop_status_ = env::RunNode(
        *node_, {.clock = runtime_.clock, .transport = *transport_, .tasks = tasks, .log = *log_},
        stop);
  }
  ended_.store(true, std::memory_order_release);
}

void NodeHost::RequestStop() {
  thread_.request_stop();
  transport_->Wake();
}

}  // namespace skybridge::launch
