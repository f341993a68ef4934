// SPDX-License-Identifier: Apache-2.0
#include "env/zmq_endpoint.h"

#include <gtest/gtest.h>

namespace skybridge::env {
namespace {

TEST(ZmqEndpointTest, LoopbackMayBeListenedOn) {
  for (const char* endpoint :
       {"tcp://127.0.0.1:*", "tcp://127.8.9.1:4567", "tcp://[::1]:80", "inproc://shard-1"}) {
    EXPECT_TRUE(CheckListenEndpoint(endpoint, false).ok()) << endpoint;
  }
}

TEST(ZmqEndpointTest, OtherAddressesNeedKeysOrARisk) {
  for (const char* endpoint : {"tcp://0.0.0.0:*", "tcp://*:4567", "tcp://localhost:1",
                               "tcp://10.0.0.1:4567", "tcp://[::]:80"}) {
    const Status refused = CheckListenEndpoint(endpoint, false);
    EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition) << endpoint;
    EXPECT_NE(refused.message().find("--insecure_network"), std::string::npos);
    EXPECT_TRUE(CheckListenEndpoint(endpoint, true).ok()) << endpoint;
  }
}

TEST(ZmqEndpointTest, NonsenseIsRefused) {
  for (const char* endpoint :
       {"", "nonsense", "tcp://", "tcp://127.0.0.1", "tcp://:80", "tcp://127.0.0.1:99999",
        "tcp://127.0.0.1:x", "inproc://", "udp://127.0.0.1:1"}) {
    EXPECT_EQ(CheckListenEndpoint(endpoint, true).code(), StatusCode::kInvalidArgument) << endpoint;
    EXPECT_FALSE(IsConnectEndpoint(endpoint)) << endpoint;
  }
}

TEST(ZmqEndpointTest, AnyPortCannotBeConnectedTo) {
  EXPECT_FALSE(IsConnectEndpoint("tcp://127.0.0.1:*"));
  EXPECT_TRUE(IsConnectEndpoint("tcp://some.host:4567"));
  EXPECT_TRUE(IsConnectEndpoint("inproc://shard-1"));
}

}  // namespace
}  // namespace skybridge::env
