// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/checkpoint_checker.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <glog/logging.h>

#include "proto/manifest.h"

namespace skybridge::sim {
namespace {

// Younger objects may belong to a round that goes on.
constexpr double kObjectAgeMin = checkpoint::PruneOptions{}.object_age_min;

}  // namespace

CheckpointsWhole::CheckpointsWhole(SimObjectStore& store, uint32_t keep, LookAtCut look)
    : Checker("I8"),
      store_(store),
      keep_(keep),
      look_(std::move(look)),
      seen_(store.events().size()) {
  const auto rounds = checkpoint::ListRounds(store_);
  CHECK(rounds) << rounds.error();
  for (const uint32_t round : *rounds) Add(round);
}

void CheckpointsWhole::Passed(Instant) {
  while (seen_ < store_.events().size()) {
    const SimObjectStore::Event& event = store_.events()[seen_++];
    const auto round = checkpoint::RoundOf(event.key);
    if (event.deleted) {
      Gone(event);
    } else if (round) {
      Add(*round);
    }
  }
}

void CheckpointsWhole::Add(uint32_t round) {
  const auto manifest = checkpoint::ReadManifest(store_, round);
  if (!manifest) return Violate(manifest.error().ToString());
  auto objects = checkpoint::VerifyCheckpoint(store_, *manifest, sound_);
  if (!objects) return Violate(fmt::format("checkpoint {}: {}", round, objects.error().ToString()));
  has_[round] = *std::move(objects);
  const std::string wrong = look_(*manifest);
  if (!wrong.empty()) Violate(fmt::format("checkpoint {}: {}", round, wrong));
}

void CheckpointsWhole::Gone(const SimObjectStore::Event& event) {
  if (const auto round = checkpoint::RoundOf(event.key)) return ManifestGone(*round);
  sound_.erase(event.key);
  for (const auto& [round, objects] : has_) {
    if (!objects.contains(event.key)) continue;
    Violate(fmt::format("{} was deleted, and checkpoint {} needs it", event.key, round));
  }
  if (event.age >= kObjectAgeMin) return;
  Violate(fmt::format("{} was deleted when it was {:.0f} s old, and may be part of a round",
                      event.key, event.age));
}

void CheckpointsWhole::ManifestGone(uint32_t round) {
  has_.erase(round);
  const auto newer = std::distance(has_.upper_bound(round), has_.end());
  if (newer >= static_cast<int64_t>(keep_)) return;
  Violate(fmt::format("checkpoint {} was deleted, with {} newer ones there instead of {}", round,
                      newer, keep_));
}

void CheckpointsWhole::Pruned() {
  Passed({});
  if (has_.size() <= keep_) return;
  Violate(fmt::format("{} checkpoints are left after pruning, {} should be", has_.size(), keep_));
}

void CheckpointsWhole::Ended() {
  Passed({});
  sound_.clear();
  for (const auto& [round, objects] : has_) {
    const auto manifest = checkpoint::ReadManifest(store_, round);
    const Status status = manifest
                              ? checkpoint::VerifyCheckpoint(store_, *manifest, sound_).status()
                              : manifest.error();
    if (!status.ok()) Violate(fmt::format("checkpoint {}: {}", round, status.ToString()));
  }
}

}  // namespace skybridge::sim
