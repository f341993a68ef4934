// SPDX-License-Identifier: Apache-2.0
#include "env/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>

#include <glog/logging.h>

namespace skybridge::env {
namespace {

// A handler has no argument of ours, so what it writes must be global.
std::atomic<int> stop_count = 0;   // NOLINT
std::atomic<int> stop_event = -1;  // NOLINT: an eventfd, readable after a signal; -1: no watch.
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

void CountStop(int) {
  const int former = errno;
  stop_count.fetch_add(1);
  const uint64_t one = 1;
  (void)!write(stop_event.load(), &one, sizeof one);
  errno = former;
}

void Install(int number, void (*handler)(int), struct sigaction& former) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  CHECK_EQ(sigaction(number, &action, &former), 0);
}

}  // namespace

SignalWatch::SignalWatch() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  CHECK_GE(fd, 0) << "make an eventfd";
  int none = -1;
  CHECK(stop_event.compare_exchange_strong(none, fd)) << "two watches of signals";
  stop_count.store(0);
  Install(SIGINT, CountStop, former_interrupt_);
  Install(SIGTERM, CountStop, former_terminate_);
  Install(SIGPIPE, SIG_IGN, former_pipe_);
}

SignalWatch::~SignalWatch() {
  sigaction(SIGINT, &former_interrupt_, nullptr);
  sigaction(SIGTERM, &former_terminate_, nullptr);
  sigaction(SIGPIPE, &former_pipe_, nullptr);
  close(stop_event.exchange(-1));
}

int SignalWatch::stops() const { return stop_count.load(); }

bool SignalWatch::WaitBeyond(int seen, Duration timeout) const {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + timeout;
  while (stops() <= seen) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd event = {.fd = stop_event.load(), .events = POLLIN, .revents = 0};
    (void)poll(&event, 1, static_cast<int>(std::min<int64_t>(left.count(), 60'000)));
    uint64_t count = 0;
    (void)!read(event.fd, &count, sizeof count);  // Signals that were seen wake us no more.
  }
  return true;
}

}  // namespace skybridge::env
