// SPDX-License-Identifier: Apache-2.0
#include "env/curve_gate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "env/curve.h"
#include "env/host.h"
#include "tests/env/transports.h"

namespace skybridge::env {
namespace {

class CurveGateTest : public TransportTest {
 protected:
  std::unique_ptr<ZmqTransport> Server() {
    return Make({.listen = "tcp://127.0.0.1:*",
                 .keys = CurveKeys{.server_secret_key = server_.secret_key}});
  }
  std::unique_ptr<ZmqTransport> Client(const CurveKeyPair& own) {
    return Make({.keys = CurveKeys{.server_public_key = server_.public_key, .own = own}});
  }

  const CurveKeyPair server_ = *NewCurveKeyPair();
  const CurveKeyPair friend_ = *NewCurveKeyPair();
  const CurveKeyPair stranger_ = *NewCurveKeyPair();
};

TEST_F(CurveGateTest, OnlyAllowedKeysAreLetIn) {
  const auto gate = *CurveGate::Open(context_, {friend_.public_key});
  const auto server = Server();
  const auto stranger = Client(stranger_);
  stranger->Send({server->endpoint(), "stranger", {}});
  EXPECT_FALSE(server->Receive(std::chrono::milliseconds(300)).has_value());
  EXPECT_GE(gate->refused(), 1u);
  const auto known = Client(friend_);
  known->Send({server->endpoint(), "friend", {}});
  const auto message = server->Receive(kLong);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->header, "friend");
}

TEST_F(CurveGateTest, WithoutAGateNobodyListensWithKeys) {
  const auto refused = ZmqTransport::Create(
      context_, clock_,
      {.listen = "tcp://127.0.0.1:*", .keys = CurveKeys{.server_secret_key = server_.secret_key}});
  EXPECT_EQ(refused.status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(CurveGateTest, AProcessHasOneGateAndKeysThatAreSome) {
  EXPECT_EQ(CurveGate::Open(context_, {"short"}).status().code(), StatusCode::kInvalidArgument);
  const auto gate = *CurveGate::Open(context_, {friend_.public_key});
  EXPECT_EQ(CurveGate::Open(context_, {friend_.public_key}).status().code(),
            StatusCode::kAlreadyExists);
}

// A plain peer (ZMTP 3.0, no keys) that sends frames, each of which promises one more: nothing in
// libzmq bounds what a listener keeps of such a message, and libzmq itself would not send it.
void SendEndlessly(const std::string& endpoint, int frames) {
  using std::string_literals::operator""s;
  const int peer = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET};
  address.sin_port =
      htons(static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string greeting =
      "\xff"s + std::string(8, '\0') + "\x7f\x03\0NULL"s + std::string(16 + 1 + 31, '\0');
  const std::string ready = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"s + "DEALER";
  const std::string frame = "\x03\0\0\0\0\0\x0f\0\0"s + std::string(0x0f'0000, 'x');
  std::string bytes = greeting + ready;
  for (int i = 0; i < frames; ++i) {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t sent = send(peer, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return void(close(peer));  // It was shown out.
      at += static_cast<size_t>(sent);
    }
    bytes = frame;
  }
  close(peer);
}

TEST_F(CurveGateTest, EndlessMessagesOfStrangersTakeNoMemory) {
  const auto gate = *CurveGate::Open(context_, {friend_.public_key});
  const auto server = Server();
  const uint64_t before = ResidentBytes();
  uint64_t most = 0;
  std::jthread watch([&most](const std::stop_token& stop) {
    while (!stop.stop_requested()) most = std::max(most, ResidentBytes());
  });
  SendEndlessly(server->endpoint(), 200);
  watch.request_stop();
  watch.join();
  EXPECT_LE(most, before + (32 << 20)) << "without keys it is some 190 MB more";
  EXPECT_FALSE(server->Receive(kShort).has_value());
}

}  // namespace
}  // namespace skybridge::env
