// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/rng.h"
#include "common/time.h"
#include "tests/sim/gated_object_store.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::sim {

// Where the checkpoints of a run lie: outlives its clusters. Its clock is fast, so that objects get
// old within a run. Remembers what was put and deleted.
//
// Itself it never fails; processes use faulty().
class SimObjectStore : public support::MemoryObjectStore {
 public:
  // Its seconds in one of a cluster.
  static constexpr double kClockRate = 60;

  struct Event {
    bool deleted = false;  // Else it was put; of objects with a writer nothing is said.
    std::string key;
    double age = 0;  // Of what was deleted.
  };

  // failures: how often a call fails, carried out or not.
  SimObjectStore(uint64_t seed, double failures);

  // From now on this is the time, and no call fails after `heal_at`.
  void Follow(std::function<Instant()> clock, Instant heal_at);
  // Time stands still, and nothing fails, until the next Follow.
  void Rest();

  ObjectStore& faulty() { return faulty_; }
  const std::vector<Event>& events() const { return events_; }
  // Manifests that were put so far.
  uint64_t manifests() const { return manifests_; }
  uint64_t failed() const { return failed_; }  // Calls.

  Status Put(const std::string& key, std::string_view bytes) override;
  Status Delete(const std::string& key) override;

  // Of faulty().
  template <typename Call>
  auto Guard(Call call) -> decltype(call()) {
    now = Seconds();
    if (!Fails()) return call();
    ++failed_;
    if (rng_.Below(2) == 0) (void)call();
    return Status(StatusCode::kUnavailable, "the object store did not answer");
  }

 private:
  double Seconds() const;
  bool Fails();

  const double failures_;
  Rng rng_;
  std::function<Instant()> clock_;
  Instant heal_at_;
  double base_ = 0;  // Seconds when `clock_` began.
  std::vector<Event> events_;
  uint64_t manifests_ = 0;
  uint64_t failed_ = 0;
  GatedObjectStore<SimObjectStore> faulty_;
};

}  // namespace skybridge::sim
