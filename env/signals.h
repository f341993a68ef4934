// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

#include "common/time.h"

namespace skybridge::env {

// Turns SIGINT and SIGTERM into a number, and ignores SIGPIPE, while it exists. Signals belong to
// the process, so there may be one watch at a time. stops() is thread-safe, one thread waits.
class SignalWatch {
 public:
  SignalWatch();
  // Puts the former handlers back.
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // SIGINT and SIGTERM that came so far: 1 asks for an orderly end, 2 for an end at once.
  int stops() const;
  // Sleeps up to `timeout`, less if stops() is or becomes more than `seen`; says whether it is.
  bool WaitBeyond(int seen, Duration timeout) const;

 private:
  struct sigaction former_interrupt_ = {};
  struct sigaction former_terminate_ = {};
  struct sigaction former_pipe_ = {};
};

}  // namespace skybridge::env
