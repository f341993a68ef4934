// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>

#include <glog/logging.h>

namespace skybridge::cluster {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr size_t kBufferedMax = 256 << 10;
constexpr std::chrono::milliseconds kTick{2};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void Prepare(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  CHECK_EQ(fcntl(socket, F_SETFL, O_NONBLOCK), 0);
  CHECK_EQ(fcntl(socket, F_SETFD, FD_CLOEXEC), 0);
}

// The connection ends with RST when the socket is closed.
void ResetOnClose(int socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void CloseWithReset(int socket) {
  ResetOnClose(socket);
  close(socket);
}

}  // namespace

// Bytes one way.
struct Proxy::Flow {
  struct Chunk {
    Time due;
    std::string bytes;
  };
  int from = -1;
  int to = -1;
  std::deque<Chunk> chunks;
  size_t buffered = 0;
  bool at_end = false;  // Nothing more comes.
  Time paid_at;         // For what passed under a bound of bytes a second.
  uint64_t passed = 0;
};

struct Proxy::Connection {
  Flow up, down;
  ~Connection() {
    close(up.from);
    close(up.to);
  }
};

Proxy::Proxy(const std::string& target) {
  target_port_ = static_cast<uint16_t>(std::stoi(target.substr(target.rfind(':') + 1)));
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_GE(listener_, 0);
  sockaddr_in address = Loopback(0);
  CHECK_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  CHECK_EQ(listen(listener_, 128), 0);
  socklen_t size = sizeof address;
  CHECK_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  Prepare(listener_);
  thread_ = std::jthread([this](const std::stop_token& stop) { Loop(stop); });
}

Proxy::~Proxy() {
  thread_.request_stop();
  thread_.join();
  for (const int socket : never_read_) close(socket);
  close(listener_);
}

std::string Proxy::endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

void Proxy::Set(const LinkFault& fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
}

LinkFault Proxy::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

void Proxy::Loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const LinkFault fault = this->fault();
    std::vector<pollfd> events = {{.fd = listener_, .events = POLLIN, .revents = 0}};
    for (const auto& connection : open_) {
      for (const Flow* flow : {&connection->up, &connection->down}) {
        const bool room = !flow->at_end && flow->buffered < kBufferedMax;
        const bool held = flow == &connection->up ? fault.hold_up : fault.hold_down;
        if (room && !held) events.push_back({.fd = flow->from, .events = POLLIN, .revents = 0});
      }
    }
    poll(events.data(), events.size(), static_cast<int>(kTick.count()));
    Accept(fault);
    const bool reset = reset_.exchange(false);
    std::erase_if(open_, [&](const auto& connection) {
      if (!reset && Carry(*connection, fault)) return false;
      if (reset || fault.reset_after > 0) {
        ResetOnClose(connection->up.from);
        ResetOnClose(connection->up.to);
      }
      return true;
    });
  }
  open_.clear();
}

void Proxy::Accept(const LinkFault& fault) {
  while (true) {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    ++connections_;
    if (fault.reset_new) {
      CloseWithReset(client);
      continue;
    }
    if (fault.half_open) {
      never_read_.push_back(client);
      continue;
    }
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = Loopback(target_port_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      close(server);
      CloseWithReset(client);  // As if nobody listened here.
      continue;
    }
    Prepare(client);
    Prepare(server);
    auto connection = std::make_unique<Connection>();
    connection->up = {.from = client, .to = server};
    connection->down = {.from = server, .to = client};
    open_.push_back(std::move(connection));
  }
}

bool Proxy::Carry(Connection& connection, const LinkFault& fault) {
  for (Flow* flow : {&connection.up, &connection.down}) {
    const bool held = flow == &connection.up ? fault.hold_up : fault.hold_down;
    if (!Fill(*flow, fault, held) || !Drain(*flow, fault, held)) return false;
    if (flow->at_end && flow->chunks.empty() && !held) return false;
  }
  const uint64_t passed = connection.up.passed + connection.down.passed;
  return fault.reset_after == 0 || passed < fault.reset_after;
}

bool Proxy::Fill(Flow& flow, const LinkFault& fault, bool held) {
  std::array<char, 16 << 10> buffer;
  while (!held && !flow.at_end && flow.buffered < kBufferedMax) {
    const ssize_t count = recv(flow.from, buffer.data(), buffer.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) flow.at_end = true;
    if (count == 0) break;
    flow.buffered += static_cast<size_t>(count);
    flow.chunks.push_back({.due = std::chrono::steady_clock::now() + fault.delay,
                           .bytes = std::string(buffer.data(), static_cast<size_t>(count))});
  }
  return true;
}

bool Proxy::Drain(Flow& flow, const LinkFault& fault, bool held) {
  const Time now = std::chrono::steady_clock::now();
  while (!held && !flow.chunks.empty() && flow.chunks.front().due <= now) {
    if (fault.bytes_per_s > 0 && flow.paid_at > now) return true;
    Flow::Chunk& chunk = flow.chunks.front();
    // Small pieces keep a slow link even.
    const size_t piece =
        fault.bytes_per_s > 0 ? std::min<size_t>(chunk.bytes.size(), 512) : chunk.bytes.size();
    const ssize_t count = send(flow.to, chunk.bytes.data(), piece, MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    const auto sent = static_cast<size_t>(count);
    chunk.bytes.erase(0, sent);
    if (chunk.bytes.empty()) flow.chunks.pop_front();
    flow.buffered -= sent;
    flow.passed += sent;
    bytes_ += sent;
    if (fault.bytes_per_s > 0) {
      flow.paid_at = std::max(flow.paid_at, now) +
                     std::chrono::nanoseconds(sent * 1'000'000'000 / fault.bytes_per_s);
    }
  }
  return true;
}

}  // namespace skybridge::cluster
