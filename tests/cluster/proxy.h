// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace skybridge::cluster {

// What a link does to the bytes on it. "Up" is from who connects to who listens.
struct LinkFault {
  std::chrono::milliseconds delay{0};
  uint64_t bytes_per_s = 0;  // Each way; 0: no bound.
  bool hold_up = false;      // Nothing gets through; TCP keeps it for later.
  bool hold_down = false;    // The same, the other way.
  uint64_t reset_after = 0;  // A connection ends with RST once it carried so many bytes; 0: never.
  bool half_open = false;    // New connections are accepted and never read, for ever.
  bool reset_new = false;    // New connections end with RST at once.
};

// A link with faults: listens on a free port of this machine and passes bytes between who connects
// and `target`, on a thread of its own. All methods are thread-safe.
class Proxy {
 public:
  // `target`: "tcp://127.0.0.1:4567"; nobody needs to listen there yet.
  explicit Proxy(const std::string& target);
  // Ends all connections.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // "tcp://127.0.0.1:4568".
  std::string endpoint() const;
  // From now on, also for the connections that there are.
  void Set(const LinkFault& fault);
  // Ends all connections with RST.
  void Reset() { reset_ = true; }

  // So far.
  uint64_t connections() const { return connections_; }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Flow;
  struct Connection;

  void Loop(const std::stop_token& stop);
  void Accept(const LinkFault& fault);
  // False: the connection is over.
  bool Carry(Connection& connection, const LinkFault& fault);
  bool Fill(Flow& flow, const LinkFault& fault, bool held);
  bool Drain(Flow& flow, const LinkFault& fault, bool held);
  LinkFault fault() const;

  uint16_t target_port_ = 0;
  uint16_t port_ = 0;
  int listener_ = -1;
  mutable std::mutex mutex_;
  LinkFault fault_;  // Guarded by mutex_.
  std::atomic<bool> reset_ = false;
  std::atomic<uint64_t> connections_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
  std::vector<std::unique_ptr<Connection>> open_;
  std::vector<int> never_read_;
  std::jthread thread_;  // Last: uses all of the above.
};

}  // namespace skybridge::cluster
