// SPDX-License-Identifier: Apache-2.0
#include "env/line_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include <glog/logging.h>

namespace skybridge::env {
namespace {

// Beyond this a peer is broken: what it says is not kept.
constexpr size_t kLineBytesMax = 4 << 20;

}  // namespace

Result<LineChannel::Pair> LineChannel::Open() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return Status(StatusCode::kUnavailable,
                  "make a socket pair: " + std::generic_category().message(errno));
  }
  return Pair{LineChannel(Descriptor(ends[0])), Descriptor(ends[1])};
}

void LineChannel::Send(std::string_view line) {
  CHECK_EQ(line.find('\n'), std::string_view::npos) << line;
  unsent_ += line;
  unsent_ += '\n';
  Flush();
}

void LineChannel::Flush() {
  while (!unsent_.empty()) {
    const ssize_t sent =
        send(socket_.get(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return unsent_.clear();  // Nobody will ever read it.
    unsent_.erase(0, static_cast<size_t>(sent));
  }
}

std::vector<std::string> LineChannel::Receive() {
  Flush();
  std::array<char, 16 << 10> buffer;
  while (true) {
    const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    received_.append(buffer.data(), static_cast<size_t>(count));
  }
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t end = 0; (end = received_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(received_.substr(begin, end - begin));
  }
  received_.erase(0, begin);
  if (received_.size() > kLineBytesMax) received_.clear();
  return lines;
}

void LineChannel::Wait(Duration timeout) const {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  pollfd event = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
  (void)poll(&event, 1, static_cast<int>(std::clamp<int64_t>(milliseconds, 0, 60'000)));
}

}  // namespace skybridge::env
