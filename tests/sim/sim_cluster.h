// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/node.h"
#include "common/rng.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/sim_transport.h"

namespace skybridge::sim {

struct SimClusterOptions {
  uint64_t seed = 1;
  LinkFaults links;
  Duration tick = std::chrono::milliseconds(20);  // Between two ticks of a node, up to half more.
  Duration task_min{0};                           // How long a task takes, uniform ...
  Duration task_max{0};                           // ... up to here.
};

// Sees what nodes do, as they do it, and changes nothing.
class SimObserver {
 public:
  virtual ~SimObserver() = default;
  // `node` begins a life; its effects are yet to come.
  virtual void Started(const std::string& /*node*/) {}
  // `node` is about to take `message`. What follows until the next event is what it made of it.
  virtual void Hears(const std::string& /*node*/, const Envelope& /*message*/) {}
  // What `node` wanted done, and was done: not what a crash cut off.
  virtual void Kept(const std::string& /*node*/, const Record& /*record*/) {}
  virtual void Said(const std::string& /*node*/, const Envelope& /*message*/) {}
};

// Whole clusters in one thread on virtual time: does for many nodes what env's node loop does for
// one (receive, handle, persist, send, start tasks), with faults.
//
// A node's name is its endpoint, as if everybody listened: what is sent to "shard-0" reaches the
// node that has that name when it is sent. It arrives from peer "trainer-1#2", the sender in its
// second life; a reply to that name reaches this life or nobody, and arrives from peer "shard-0",
// the endpoint that was spoken to. Messages to, and tasks of, a crashed node are lost; messages
// from it that are under way arrive. A message that the network replays reaches whoever has the
// name then. Each life of a node has a clock with an offset of its own.
class SimCluster {
 public:
  using Factory = std::function<std::unique_ptr<Node>()>;

  explicit SimCluster(SimClusterOptions options);

  // `observer` outlives the cluster, or is null.
  void Observe(SimObserver* observer) { observer_ = observer; }

  // Adds a node and starts it; `factory` is called again at each restart. `records`: what nodes of
  // that name had persisted before.
  void Add(const std::string& name, Factory factory, std::vector<Record> records = {});
  // The node, or null while it is down.
  Node* node(const std::string& name) const;

  // The node is gone at once. Each of its tasks may have done its work or not.
  void Crash(const std::string& name);
  // The node is gone within its next effects: some records durable, some messages sent.
  void CrashInNextEffects(const std::string& name);
  // Starts a new node in place of a crashed or finished one; does nothing to one that runs.
  void Restart(const std::string& name);
  // The node does nothing until `until`; what arrives waits for it.
  void Freeze(const std::string& name, Instant until);
  // A request that was under way to a node when its cluster ended.
  struct Leftover {
    std::string to;
    Envelope message;
  };
  // All requests that are under way, now or to be replayed. The cluster is of no use any more.
  std::vector<Leftover> TakeRequests();
  // A request of an earlier cluster comes to whoever then has the name; its answer reaches nobody.
  void Deliver(Leftover request, Instant at);

  // Calls `action` at `at`.
  void At(Instant at, std::function<void()> action);

  // Lets time pass until `until` holds (checked after each event) or `deadline` is over. True if it
  // held.
  bool Run(const std::function<bool()>& until, Instant deadline);

  Instant now() const { return now_; }
  // What the clock of a node shows now.
  Instant clock(const std::string& name) const {
    return now_ + members_[SlotOf(name)].clock_offset;
  }
  SimTransport& transport() { return transport_; }
  // Records that a name's nodes persisted, over all lives, in order.
  const std::vector<Record>& records(const std::string& name) const;
  // Of (time, node, kind of event, bytes) of every event so far.
  uint64_t trace_hash() const { return trace_hash_; }
  uint64_t events() const { return events_; }
  uint64_t crashes() const { return crashes_; }

 private:
  enum class Kind : uint8_t { kTick, kMessage, kTask, kAction, kPersist, kSend, kStart, kCrash };

  struct Event {
    Kind kind;
    size_t slot = 0;    // Of the node.
    uint32_t life = 0;  // The event is void unless the node is still in this life; 0: any.
    Envelope message;
    std::unique_ptr<Task> task;
    std::function<void()> action;
  };

  struct Member {
    std::string name;
    Factory factory;
    std::unique_ptr<Node> node;
    uint32_t life = 0;
    Duration clock_offset{0};
    Instant frozen_until;
    bool crash_in_next_effects = false;
    std::vector<Task*> tasks;  // Started and not finished, in order of start.
    std::vector<Record> records;
  };

  size_t SlotOf(const std::string& name) const;
  void Start(size_t slot);
  void CrashSlot(size_t slot);
  void Happen(Event event);
  void Perform(size_t slot, Effects effects);
  void Send(size_t slot, Envelope message);
  void Trace(Kind kind, size_t slot, std::string_view a = {}, std::string_view b = {});

  const SimClusterOptions options_;
  SimObserver* observer_ = nullptr;
  SimTransport transport_;
  Rng rng_;
  Instant now_;
  EventQueue<Event> queue_;
  std::vector<Member> members_;
  std::map<std::string, size_t> slots_;
  uint64_t trace_hash_ = 0;
  uint64_t events_ = 0;
  uint64_t crashes_ = 0;
};

}  // namespace skybridge::sim
