// SPDX-License-Identifier: Apache-2.0
#include "env/zmq_context.h"

#include <cerrno>

#include <glog/logging.h>
#include <zmq.h>

namespace skybridge::env {
namespace {

// Each transport has a socket per endpoint; a process may hold many transports.
constexpr int kSocketsMax = 16384;

}  // namespace

ZmqContext::ZmqContext(int io_threads) : handle_(zmq_ctx_new()) {
  CHECK(handle_ != nullptr) << "make a ZeroMQ context: " << zmq_strerror(zmq_errno());
  CHECK_EQ(zmq_ctx_set(handle_, ZMQ_IO_THREADS, io_threads), 0) << "io_threads=" << io_threads;
  CHECK_EQ(zmq_ctx_set(handle_, ZMQ_MAX_SOCKETS, kSocketsMax), 0);
}

ZmqContext::~ZmqContext() {
  while (zmq_ctx_term(handle_) != 0 && zmq_errno() == EINTR) {
  }
}

}  // namespace skybridge::env
