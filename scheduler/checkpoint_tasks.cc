// SPDX-License-Identifier: Apache-2.0
#include "scheduler/checkpoint_tasks.h"

#include <vector>

#include <glog/logging.h>

#include "proto/manifest.h"

namespace skybridge::scheduler {

Status FindCheckpoint::Find() {
  SKY_ASSIGN_OR_RETURN(const std::vector<uint32_t> rounds, checkpoint::ListRounds(store_));
  if (rounds.empty()) return Status();
  newest = rounds.back();
  SKY_ASSIGN_OR_RETURN(age, store_.Age(checkpoint::ManifestKey(newest)));
  // Its number counts all the same.
  const Result<checkpoint::Manifest> manifest = checkpoint::ReadManifest(store_, newest);
  const Result<checkpoint::Objects> objects = manifest
                                                  ? checkpoint::ObjectsOf(store_, *manifest)
                                                  : Result<checkpoint::Objects>(manifest.error());
  if (objects) {
    bytes = checkpoint::BytesOf(*objects);
  } else {
    LOG(WARNING) << "the newest checkpoint is damaged: " << objects.error();
  }
  return Status();
}

void PutManifest::Run() {
  const Result<checkpoint::Objects> objects = checkpoint::PutCheckpoint(store_, manifest_);
  status = objects.status();
  if (objects) bytes = checkpoint::BytesOf(*objects);
}

void PruneStore::Run() {
  Result<checkpoint::PruneReport> pruned = checkpoint::Prune(store_, {.keep = keep_}, sound, stop_);
  status = pruned.status();
  if (pruned) report = *std::move(pruned);
}

}  // namespace skybridge::scheduler
