// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/status.h"
#include "env/zmq_context.h"

namespace skybridge::env {

// Decides who may connect to the listeners of a context that have CURVE keys: those who hold one of
// the allowed keys (ZAP, ZeroMQ RFC 27). It has a thread of its own. Without a gate no
// transport listens with keys.
class CurveGate {
 public:
  // One for each context, opened before anything listens; the context outlives it.
  // Errors: kInvalidArgument  a key that is none;
  //         kAlreadyExists    the context has a gate.
  static Result<std::unique_ptr<CurveGate>> Open(ZmqContext& context,
                                                 const std::vector<std::string>& public_keys);
  ~CurveGate();
  CurveGate(const CurveGate&) = delete;
  CurveGate& operator=(const CurveGate&) = delete;

  // Connections that were refused here; those that broke off before they told their key are not
  // counted. Thread-safe.
  uint64_t refused() const { return refused_.load(); }

 private:
  CurveGate(void* socket, int wake_fd, std::vector<std::string> keys);
  void Loop(const std::stop_token& stop);
  void Answer();

  void* const socket_;
  const int wake_fd_;
  const std::vector<std::string> keys_;  // 32 bytes each.
  std::atomic<uint64_t> refused_ = 0;
  std::jthread thread_;
};

}  // namespace skybridge::env
