// SPDX-License-Identifier: Apache-2.0
#include "env/curve.h"

#include "env/curve_gate.h"
#include "tests/env/transports.h"

namespace skybridge::env {
namespace {

class CurveTest : public TransportTest {
 protected:
  CurveTest() : server_(*NewCurveKeyPair()), client_(*NewCurveKeyPair()) {}
  // Lets in who has client_.
  std::unique_ptr<ZmqTransport> Server() {
    return Make({.listen = "tcp://127.0.0.1:*",
                 .keys = CurveKeys{.server_secret_key = server_.secret_key}});
  }
  std::unique_ptr<ZmqTransport> Client(const std::string& server_public_key) {
    return Make({.keys = CurveKeys{.server_public_key = server_public_key, .own = client_}});
  }

  std::unique_ptr<CurveGate> Gate() { return *CurveGate::Open(context_, {client_.public_key}); }

  const CurveKeyPair server_;
  const CurveKeyPair client_;
};

TEST_F(CurveTest, PairsAreDrawnAnew) {
  EXPECT_EQ(server_.public_key.size(), 40u);
  EXPECT_EQ(server_.secret_key.size(), 40u);
  EXPECT_NE(server_.secret_key, client_.secret_key);
}

TEST_F(CurveTest, KeyThatIsNoneIsNamed) {
  CurveKeys keys{.server_public_key = server_.public_key, .own = client_};
  EXPECT_TRUE(keys.Validate().ok());
  keys.own.secret_key = "short";
  EXPECT_EQ(keys.Validate().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(keys.Validate().message().find("own.secret_key"), std::string::npos);
}

TEST_F(CurveTest, WhoHasTheKeysIsHeardAndAnswered) {
  const auto gate = Gate();
  const auto server = Server();
  const auto client = Client(server_.public_key);
  client->Send({server->endpoint(), "question", "payload"});
  const auto question = server->Receive(kLong);
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->header, "question");
  server->Send({question->peer, "answer", {}});
  const auto answer = client->Receive(kLong);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->header, "answer");
  EXPECT_EQ(gate->refused(), 0u);
}

TEST_F(CurveTest, StrangersAreNotHeard) {
  const auto gate = Gate();
  const auto server = Server();
  const auto plain = Make({});
  const auto wrong = Client(client_.public_key);  // Expects another server.
  plain->Send({server->endpoint(), "plain", {}});
  wrong->Send({server->endpoint(), "wrong", {}});
  EXPECT_FALSE(server->Receive(std::chrono::milliseconds(300)).has_value());
}

}  // namespace
}  // namespace skybridge::env
