// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>

#include "common/node.h"
#include "common/object_store.h"
#include "common/status.h"
#include "proto/checkpoint.pb.h"
#include "proto/checkpoint_store.h"

namespace skybridge::scheduler {

// What the scheduler does in the checkpoint store, off its thread. The store outlives the tasks.

// Finds the newest checkpoint.
class FindCheckpoint : public Task {
 public:
  explicit FindCheckpoint(ObjectStore& store) : store_(store) {}
  void Run() override { status = Find(); }

  Status status;        // Whether the store could be looked through.
  uint32_t newest = 0;  // 0: none.
  double age = 0;       // Seconds.
  uint64_t bytes = 0;   // 0 if it is damaged.

 private:
  Status Find();
  ObjectStore& store_;
};

// Writes a manifest; see checkpoint::PutCheckpoint.
class PutManifest : public Task {
 public:
  PutManifest(ObjectStore& store, checkpoint::Manifest manifest)
      : store_(store), manifest_(std::move(manifest)) {}
  void Run() override;

  Status status;
  uint64_t bytes = 0;

 private:
  ObjectStore& store_;
  const checkpoint::Manifest manifest_;
};

// Drops checkpoints beyond the newest `keep`; see checkpoint::Prune.
class PruneStore : public Task {
 public:
  PruneStore(ObjectStore& store, uint32_t keep, checkpoint::SoundObjects known,
             std::stop_token stop)
      : sound(std::move(known)), store_(store), keep_(keep), stop_(std::move(stop)) {}
  void Run() override;

  Status status;
  checkpoint::PruneReport report;
  checkpoint::SoundObjects sound;

 private:
  ObjectStore& store_;
  const uint32_t keep_;
  const std::stop_token stop_;
};

}  // namespace skybridge::scheduler
