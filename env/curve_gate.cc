// SPDX-License-Identifier: Apache-2.0
#include "env/curve_gate.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <glog/logging.h>
#include <zmq.h>

#include "env/curve.h"

namespace skybridge::env {
namespace {

constexpr char kZapEndpoint[] = "inproc://zeromq.zap.01";
constexpr int kPartBytesMax = 256;

// Frames of a request, RFC 27.
enum Part : size_t { kVersion, kRequest, kDomain, kAddress, kIdentity, kMechanism, kKey, kParts };

// One request; fewer parts, or none, if it makes no sense or is not there.
std::vector<std::string> ReadParts(void* socket) {
  std::vector<std::string> parts;
  int more = 1;
  while (more != 0) {
    char bytes[kPartBytesMax];
    const int size = zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT);
    if (size < 0) return {};
    if (parts.size() < kParts) parts.emplace_back(bytes, std::min(size, kPartBytesMax));
    size_t length = sizeof more;
    CHECK_EQ(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length), 0);
  }
  return parts;
}

}  // namespace

Result<std::unique_ptr<CurveGate>> CurveGate::Open(ZmqContext& context,
                                                   const std::vector<std::string>& public_keys) {
  std::vector<std::string> keys;
  for (const std::string& key : public_keys) {
    SKY_ASSIGN_OR_RETURN(std::string bytes, CurveKeyBytes(key, "allowed key"));
    keys.push_back(std::move(bytes));
  }
  void* const socket = zmq_socket(context.handle(), ZMQ_REP);
  CHECK(socket != nullptr) << zmq_strerror(zmq_errno());
  const int none = 0;
  CHECK_EQ(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none), 0);
  if (zmq_bind(socket, kZapEndpoint) != 0) {
    zmq_close(socket);
    return Status(StatusCode::kAlreadyExists, "this process has a gate for keys");
  }
  const int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  CHECK_GE(wake_fd, 0) << "make an eventfd: raise the limit of open files (ulimit -n)";
  context.BeGated();
  return std::unique_ptr<CurveGate>(new CurveGate(socket, wake_fd, std::move(keys)));
}

CurveGate::CurveGate(void* socket, int wake_fd, std::vector<std::string> keys)
    : socket_(socket), wake_fd_(wake_fd), keys_(std::move(keys)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { Loop(stop); });
}

CurveGate::~CurveGate() {
  thread_.request_stop();
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof one);
  thread_.join();
  zmq_close(socket_);
  close(wake_fd_);
}

void CurveGate::Loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    zmq_pollitem_t items[] = {{nullptr, wake_fd_, ZMQ_POLLIN, 0}, {socket_, 0, ZMQ_POLLIN, 0}};
    if (zmq_poll(items, 2, -1) > 0 && items[1].revents != 0) Answer();
  }
}

void CurveGate::Answer() {
  const std::vector<std::string> parts = ReadParts(socket_);
  if (parts.size() <= kRequest) return;
  const bool known = parts.size() == kParts && parts[kMechanism] == "CURVE" &&
                     std::ranges::find(keys_, parts[kKey]) != keys_.end();
  if (!known) {
    const uint64_t before = refused_.fetch_add(1);
    // Each power of two: whoever tries for ever does not fill the log.
    if ((before & (before + 1)) == 0) {
      LOG(WARNING) << "refused a connection from "
                   << (parts.size() > kAddress ? parts[kAddress] : std::string("somewhere"))
                   << ": its key is not the cluster's (" << before + 1 << " so far)";
    }
  }
  const std::string answer[] = {
      "1.0", parts[kRequest], known ? "200" : "400", known ? "" : "not the cluster's key", "", ""};
  for (size_t i = 0; i < std::size(answer); ++i) {
    const int more = i + 1 < std::size(answer) ? ZMQ_SNDMORE : 0;
    (void)zmq_send(socket_, answer[i].data(), answer[i].size(), more);
  }
}

}  // namespace skybridge::env
