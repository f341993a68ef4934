// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/time.h"

namespace skybridge {

// A message to or from `peer`: a header (Protobuf `wire.Header`) and raw little-endian arrays.
// `peer` is the name a transport gave an incoming sender (valid for replies as long as the sender
// lives), or an endpoint such as "tcp://127.0.0.1:4567", which a transport connects to by itself.
struct Envelope {
  std::string peer;
  std::string header;
  std::string payload;
};

// One record of a node's durable log.
struct Record {
  std::string bytes;
};

// Long work off the node's thread: reading a partition, writing a part file, building an index.
// It owns its input, and its output once it ran; it shares no mutable state with the node.
class Task {
 public:
  virtual ~Task() = default;
  // Called once, on some thread; may block. Failures are part of the output.
  virtual void Run() = 0;
};

// What a node wants done, in this order. Messages may promise only what is durable, so every
// record of one Effects is on disk before any of its messages leaves.
struct Effects {
  std::vector<Record> persist;
  std::vector<Envelope> send;
  std::vector<std::unique_ptr<Task>> start;

  void Append(Effects other);
};

// A role of the cluster as a pure state machine: no thread, lock, clock, socket, file, sleep or
// randomness inside. One thread at a time calls it. `now` never goes back.
class Node {
 public:
  virtual ~Node() = default;
  // Takes one message; anything may be in it.
  virtual Effects Handle(const Envelope& message, Instant now) = 0;
  // Called every few milliseconds when nothing else happens.
  virtual Effects Tick(Instant now) = 0;
  // Takes back a task that Effects started, after it ran.
  virtual Effects Finish(std::unique_ptr<Task> task, Instant now) = 0;
  // True once the node has nothing left to do: the loop ends after performing its last effects.
  virtual bool finished() const = 0;
};

}  // namespace skybridge
