// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "proto/checkpoint_store.h"
#include "tests/sim/checkers/checker.h"
#include "tests/sim/sim_object_store.h"

namespace skybridge::sim {

// What is wrong with the cut of a checkpoint; empty: nothing.
using LookAtCut = std::function<std::string(const checkpoint::Manifest&)>;

// I8: from the moment a checkpoint has a manifest it is whole, and its cut one that the job was at;
// it stays so until the manifest goes, and that one goes only if enough newer ones are there.
class CheckpointsWhole : public Checker {
 public:
  // `store` outlives it. keep: newest checkpoints that stay.
  CheckpointsWhole(SimObjectStore& store, uint32_t keep, LookAtCut look);

  void Passed(Instant now) override;
  void Ended() override;
  // Old checkpoints were dropped just now, and that went well.
  void Pruned();

 private:
  void Add(uint32_t round);
  void Gone(const SimObjectStore::Event& event);
  void ManifestGone(uint32_t round);

  SimObjectStore& store_;
  const uint32_t keep_;
  const LookAtCut look_;
  size_t seen_;                                  // Events.
  std::map<uint32_t, checkpoint::Objects> has_;  // By round, of manifests that are there.
  checkpoint::SoundObjects sound_;
};

}  // namespace skybridge::sim
