// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/time.h"
#include "proto/scheduler_log.pb.h"
#include "proto/wire.pb.h"

namespace skybridge::sim {

enum class NodeKind : uint8_t { kScheduler, kShard, kTrainer };

struct NodePlace {
  NodeKind kind = NodeKind::kScheduler;
  uint32_t index = 0;
  bool operator==(const NodePlace&) const = default;
};

// A message as the node sees it that hears or says it.
struct Utterance {
  NodePlace node;
  std::string peer;  // From whom, or to whom, as the transport names it.
  wire::Header header;
  // Said: the request that it answers, if the node just heard it or had parked it.
  const wire::Header* request = nullptr;
  bool parked = false;
  uint64_t log_last = 0;   // Of a shard: where its redo log ends now, and ...
  uint64_t log_heard = 0;  // ... said: where it ended when the node heard the request.
  Instant now;
};

// A promise of docs/protocol.md that was seen broken.
struct Violation {
  std::string invariant;  // "I1" to "I18".
  std::string what;
};

// Watches one invariant over a run: a small model of its own, fed with what nodes hear, say and
// keep. It knows nothing of how they work inside. Keeps the first violation.
class Checker {
 public:
  explicit Checker(std::string invariant) : invariant_(std::move(invariant)) {}
  virtual ~Checker() = default;

  virtual void Heard(const Utterance& /*message*/) {}
  virtual void Said(const Utterance& /*message*/) {}
  // The scheduler's log has one more entry.
  virtual void Kept(const history::Entry& /*entry*/, Instant /*now*/) {}
  virtual void Started(NodePlace /*node*/) {}
  // After each event.
  virtual void Passed(Instant /*now*/) {}
  // The job is over, and went well so far.
  virtual void Ended() {}

  const std::optional<Violation>& violation() const { return violation_; }

 protected:
  void Violate(const std::string& what) {
    if (!violation_) violation_ = Violation{invariant_, what};
  }

 private:
  const std::string invariant_;
  std::optional<Violation> violation_;
};

inline std::string ShardName(uint32_t index) { return "shard-" + std::to_string(index); }
inline std::string TrainerName(uint32_t index) { return "trainer-" + std::to_string(index); }
inline constexpr const char* kSchedulerName = "scheduler";

}  // namespace skybridge::sim
