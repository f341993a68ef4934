// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace skybridge::env {

// The ZeroMQ context of a process: its I/O threads and its "inproc://" names. All transports of a
// process share one, made first and destroyed last. Thread-safe.
class ZmqContext {
 public:
  explicit ZmqContext(int io_threads = 1);
  // Waits until what the transports sent last has left, at most as long as they linger.
  ~ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;

  // Whether a CurveGate has been opened; without one libzmq lets anybody in who knows the
  // listener's public key.
  bool gated() const { return gated_; }

  // For env/*.cc.
  void BeGated() { gated_ = true; }
  void* handle() const { return handle_; }

 private:
  void* handle_;
  std::atomic<bool> gated_ = false;
};

}  // namespace skybridge::env
