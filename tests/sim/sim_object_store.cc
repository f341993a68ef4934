// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_object_store.h"

#include <utility>

#include "proto/manifest.h"

namespace skybridge::sim {

SimObjectStore::SimObjectStore(uint64_t seed, double failures)
    : failures_(failures), rng_(seed, Purpose::kSimulation, 0, 11), faulty_(*this, *this) {}

void SimObjectStore::Follow(std::function<Instant()> clock, Instant heal_at) {
  Rest();
  clock_ = std::move(clock);
  heal_at_ = heal_at;
}

void SimObjectStore::Rest() {
  base_ = now = Seconds();
  clock_ = nullptr;
}

double SimObjectStore::Seconds() const {
  return clock_ ? base_ + kClockRate * ToSeconds(clock_().since_start) : base_;
}

bool SimObjectStore::Fails() {
  return failures_ > 0 && clock_ && clock_() < heal_at_ && rng_.UniformDouble() < failures_;
}

Status SimObjectStore::Put(const std::string& key, std::string_view bytes) {
  SKY_RETURN_IF_ERROR(MemoryObjectStore::Put(key, bytes));
  events_.push_back({.key = key});
  if (checkpoint::RoundOf(key)) ++manifests_;
  return Status();
}

Status SimObjectStore::Delete(const std::string& key) {
  const auto entry = entries.find(key);
  if (entry != entries.end()) {
    events_.push_back({.deleted = true, .key = key, .age = now - entry->second.finished_at});
  }
  return MemoryObjectStore::Delete(key);
}

}  // namespace skybridge::sim
