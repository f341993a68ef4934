// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "env/descriptor.h"

namespace skybridge::env {

// Lines of text between two processes of ours, both ways, in order. Neither side ever waits for the
// other: what finds no room leaves with later calls, and what is sent to a dead process is dropped.
// Use by one thread at a time.
class LineChannel {
 public:
  // `socket`: a stream socket, such as stdin of a process that was spawned with the other end.
  explicit LineChannel(Descriptor socket) : socket_(std::move(socket)) {}

  struct Pair;
  // A channel and the descriptor that another process makes its end of.
  // Errors: kUnavailable.
  static Result<Pair> Open();

  // Sends a line, which has no line break. Sends what waited before it, too.
  void Send(std::string_view line);
  // Lines that came since the last call.
  std::vector<std::string> Receive();
  // Sleeps up to `timeout`, less if there is something to receive.
  void Wait(Duration timeout) const;
  // Whether all that was sent has left.
  bool idle() const { return unsent_.empty(); }

 private:
  void Flush();

  Descriptor socket_;
  std::string unsent_;
  std::string received_;  // The beginning of a line.
};

struct LineChannel::Pair {
  LineChannel ours;
  Descriptor theirs;
};

}  // namespace skybridge::env
