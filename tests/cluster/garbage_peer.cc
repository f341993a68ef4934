// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/garbage_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <glog/logging.h>

#include "common/rng.h"

namespace skybridge::cluster {
namespace {

std::string Frame(Rng& rng) {
  constexpr size_t kSizes[] = {0, 1, 7, 64, 4096, 70000};
  std::string frame(kSizes[rng.Below(std::size(kSizes))], '\0');
  for (char& byte : frame) byte = static_cast<char>(rng.Below(256));
  // Tags and lengths of a message with small fields, now and then.
  if (frame.size() > 8 && rng.Below(2) == 0) frame.replace(0, 4, "\x0a\x02\x08\x01");
  return frame;
}

void SendMessage(void* socket, Rng& rng) {
  const uint64_t frames = 1 + rng.Below(5);
  for (uint64_t i = 0; i < frames; ++i) {
    const std::string frame = Frame(rng);
    const int more = i + 1 < frames ? ZMQ_SNDMORE : 0;
    if (zmq_send(socket, frame.data(), frame.size(), ZMQ_DONTWAIT | more) < 0) return;
  }
}

}  // namespace

uint16_t FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQ(bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  socklen_t size = sizeof(address);
  CHECK_EQ(getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(probe);
  return ntohs(address.sin_port);
}

void SendGarbage(const std::vector<std::string>& endpoints, uint64_t seed, int count) {
  constexpr int kMessagesPerPeer = 50;
  Rng rng(seed, Purpose::kTest);
  void* context = zmq_ctx_new();
  for (const std::string& endpoint : endpoints) {
    for (int sent = 0; sent < count; sent += kMessagesPerPeer) {
      void* socket = zmq_socket(context, ZMQ_DEALER);
      const int linger_ms = 200;
      zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
      CHECK_EQ(zmq_connect(socket, endpoint.c_str()), 0) << endpoint;
      for (int i = 0; i < kMessagesPerPeer; ++i) SendMessage(socket, rng);
      zmq_close(socket);
    }
  }
  zmq_ctx_term(context);
}

}  // namespace skybridge::cluster
