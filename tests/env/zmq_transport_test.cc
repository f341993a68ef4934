// SPDX-License-Identifier: Apache-2.0
#include "env/zmq_transport.h"

#include <zmq.h>

#include <thread>
#include <vector>

#include "tests/env/transports.h"

namespace skybridge::env {
namespace {

// A peer that keeps to no rule.
class RawPeer {
 public:
  explicit RawPeer(const std::string& endpoint)
      : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_DEALER)) {
    const int linger_ms = 1000;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
    CHECK_EQ(zmq_connect(socket_, endpoint.c_str()), 0);
  }
  ~RawPeer() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  void Send(const std::vector<std::string>& frames) {
    for (size_t i = 0; i < frames.size(); ++i) {
      const int more = i + 1 < frames.size() ? ZMQ_SNDMORE : 0;
      zmq_send(socket_, frames[i].data(), frames[i].size(), more);
    }
  }

 private:
  void* context_;
  void* socket_;
};

class ZmqTransportTest : public TransportTest {};

TEST_F(ZmqTransportTest, MessagesGoThereAndBackInOrder) {
  for (const char* listen : {"tcp://127.0.0.1:*", "inproc://there"}) {
    const auto server = Make({.listen = listen});
    const auto client = Make({});
    for (int i = 0; i < 4; ++i) {
      client->Send({server->endpoint(), std::to_string(i), std::string(100'000, 'p')});
    }
    for (int i = 0; i < 4; ++i) {
      auto message = server->Receive(kLong);
      ASSERT_TRUE(message.has_value()) << listen;
      EXPECT_EQ(message->header, std::to_string(i));
      EXPECT_EQ(message->payload.size(), 100'000u);
      server->Send({message->peer, "re " + message->header, {}});
    }
    for (int i = 0; i < 4; ++i) {
      const auto message = client->Receive(kLong);
      ASSERT_TRUE(message.has_value()) << listen;
      EXPECT_EQ(message->peer, server->endpoint());
      EXPECT_EQ(message->header, "re " + std::to_string(i));
    }
    EXPECT_EQ(client->metrics().sent, 4u);
    EXPECT_EQ(client->metrics().received, 4u);
  }
}

// If its queue were full by then, libzmq would end the process at the next Receive.
TEST_F(ZmqTransportTest, AConnectionThatIsMadeAnewUnderASlowReaderIsNoEnd) {
  constexpr int kAnswers = 24;
  const auto server = Listener();
  const auto client = Make({.heartbeat_interval = std::chrono::milliseconds(50),
                            .heartbeat_timeout = std::chrono::milliseconds(100)});
  client->Send({server->endpoint(), "question", {}});
  const auto question = server->Receive(kLong);
  ASSERT_TRUE(question.has_value());
  for (int i = 0; i < kAnswers; ++i) server->Send({question->peer, std::to_string(i), {}});
  EXPECT_FALSE(server->Receive(std::chrono::milliseconds(600)).has_value());  // Time goes by.
  for (int i = 0; i < kAnswers; ++i) {
    const auto answer = client->Receive(kLong);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->header, std::to_string(i));
  }
  client->Send({server->endpoint(), "another", {}});
  EXPECT_TRUE(server->Receive(kLong).has_value());
}

TEST_F(ZmqTransportTest, PeersAreToldApart) {
  const auto server = Listener();
  const auto one = Make({}), two = Make({});
  one->Send({server->endpoint(), "1", {}});
  two->Send({server->endpoint(), "2", {}});
  for (int i = 0; i < 2; ++i) {
    const auto message = server->Receive(kLong);
    ASSERT_TRUE(message.has_value());
    server->Send({message->peer, message->header, {}});
  }
  EXPECT_EQ(one->Receive(kLong)->header, "1");
  EXPECT_EQ(two->Receive(kLong)->header, "2");
}

TEST_F(ZmqTransportTest, WakeEndsAWaitBeforeOrDuringIt) {
  const auto transport = Listener();
  transport->Wake();
  EXPECT_FALSE(transport->Receive(kLong).has_value());
  EXPECT_FALSE(transport->Receive(kShort).has_value()) << "one wake ends one wait";
  std::thread waker([&] { transport->Wake(); });
  EXPECT_FALSE(transport->Receive(kLong).has_value());
  waker.join();
}

TEST_F(ZmqTransportTest, SendingToNobodyIsCountedAndNeverBlocks) {
  const auto server = Listener();
  for (const char* peer : {"@00ff", "@zz", "@", "nonsense", ""}) server->Send({peer, "x", {}});
  EXPECT_EQ(server->metrics().dropped_unreachable, 5u);
  const auto client = Make({.send_queue_max = 4});
  for (int i = 0; i < 20; ++i) client->Send({"tcp://127.0.0.1:1", "x", {}});
  EXPECT_GE(client->metrics().dropped_full, 10u);
  EXPECT_EQ(server->metrics().sent, 0u);
}

class ManualClock : public Clock {
 public:
  Instant Now() override { return now; }
  Instant now{};
};

// Promise: whoever comes back again and again, each time elsewhere, takes no more and more sockets.
TEST_F(ZmqTransportTest, ConnectionsToThoseWhoAreGoneAreClosed) {
  const auto server = Listener();
  ManualClock clock;
  const auto client = *ZmqTransport::Create(context_, clock, {.idle_max = std::chrono::seconds(9)});
  std::string peer;
  for (int life = 0; life < 20; ++life) {
    client->Send({"tcp://127.0.0.1:" + std::to_string(20001 + life), "x", {}});
    client->Send({server->endpoint(), "x", {}});
    const auto message = server->Receive(kLong);
    ASSERT_TRUE(message.has_value());
    if (life == 0) peer = message->peer;
    EXPECT_EQ(message->peer, peer) << "a connection in use stays";
    clock.now = clock.now + Duration(std::chrono::seconds(4));
  }
  EXPECT_LE(client->connections(), 4u);
}

TEST_F(ZmqTransportTest, FrameAboveTheLimitIsNotSent) {
  const auto client = Make({});
  client->Send({"tcp://127.0.0.1:1", "x", std::string(64 << 20, 'x')});
  EXPECT_EQ(client->metrics().dropped_oversized, 1u);
}

TEST_F(ZmqTransportTest, WhoSendsWrongFramesIsMutedAndOthersAreServed) {
  const auto server = Listener();
  RawPeer raw(server->endpoint());
  raw.Send({"one frame"});
  raw.Send({"a", "b", "c"});
  raw.Send({"", "", "", "", ""});
  raw.Send({"header", "payload"});  // Well-formed, but too late.
  const auto good = Make({});
  good->Send({server->endpoint(), "good", {}});
  bool served = false;
  for (int look = 0; look < 1000; ++look) {
    if (served && server->metrics().dropped_muted == 1) break;
    const auto message = server->Receive(kShort);
    if (!message) continue;
    EXPECT_EQ(message->header, "good");
    served = true;
  }
  EXPECT_TRUE(served);
  EXPECT_EQ(server->metrics().dropped_malformed, 3u);
  EXPECT_EQ(server->metrics().dropped_muted, 1u);
}

TEST_F(ZmqTransportTest, OversizedFrameCostsTheConnectionAndNoMemory) {
  const auto server = Make({.listen = "tcp://127.0.0.1:*", .frame_bytes_max = 1000});
  RawPeer raw(server->endpoint());
  raw.Send({"header", std::string(100'000, 'x')});
  const auto good = Make({});
  good->Send({server->endpoint(), "good", {}});
  EXPECT_EQ(server->Receive(kLong)->header, "good");
  EXPECT_FALSE(server->Receive(kShort).has_value());
}

TEST_F(ZmqTransportTest, EndpointThatIsTakenIsNamed) {
  const auto first = Listener();
  const auto second = ZmqTransport::Create(context_, clock_, {.listen = first->endpoint()});
  EXPECT_EQ(second.status().code(), StatusCode::kAlreadyExists);
  EXPECT_NE(second.status().message().find(first->endpoint()), std::string::npos);
}

TEST_F(ZmqTransportTest, OpenNetworkNeedsKeysOrARisk) {
  EXPECT_EQ(ZmqTransport::Create(context_, clock_, {.listen = "tcp://0.0.0.0:*"}).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_TRUE(ZmqTransport::Create(context_, clock_,
                                   {.listen = "tcp://0.0.0.0:*", .insecure_network = true})
                  .has_value());
}

TEST_F(ZmqTransportTest, OptionsOutOfRangeAreNamed) {
  const Status status = ZmqTransport::Create(context_, clock_, {.send_queue_max = 0}).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("send_queue_max"), std::string::npos);
}

}  // namespace
}  // namespace skybridge::env
