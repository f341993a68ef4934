// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "env/system_clock.h"
#include "env/zmq_context.h"
#include "env/zmq_transport.h"

namespace skybridge::env {

inline constexpr Duration kLong = std::chrono::seconds(30);
inline constexpr Duration kShort = std::chrono::milliseconds(30);

// Transports of one process.
class TransportTest : public testing::Test {
 protected:
  std::unique_ptr<ZmqTransport> Make(ZmqTransportOptions options) {
    auto made = ZmqTransport::Create(context_, clock_, std::move(options));
    CHECK(made.has_value()) << made.error();
    return *std::move(made);
  }
  std::unique_ptr<ZmqTransport> Listener() { return Make({.listen = "tcp://127.0.0.1:*"}); }

  ZmqContext context_;
  SystemClock clock_;
};

}  // namespace skybridge::env
