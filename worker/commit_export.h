// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "proto/export.pb.h"
#include "worker/lease_work.h"

namespace skybridge::worker {

// What the manifest says besides the files.
struct ExportIdentity {
  std::string job;  // The resolved job, text format.
  uint64_t job_hash = 0;
  std::string similarity;  // cosine, dot
  uint32_t dim = 0;
  std::string version;  // Of the binary.
};

// Writes MANIFEST.json by atomic rename: from then on the folder is an export. Then deletes the
// files of other attempts, whole or not, which it does not name.
class ManifestTask : public WorkTask {
 public:
  ManifestTask(uint64_t owner, uint32_t attempt, std::string folder, exports::Manifest manifest)
      : WorkTask(owner),
        attempt_(attempt),
        folder_(std::move(folder)),
        manifest_(std::move(manifest)) {}
  void Run() override;

  Status status;

 private:
  void DeleteUnnamedParts() const;

  const uint32_t attempt_;
  const std::string folder_;
  const exports::Manifest manifest_;
};

// Commits an export whose parts are all there (docs/protocol.md, E4).
class CommitExport : public LeaseWork {
 public:
  CommitExport(uint64_t owner, uint32_t attempt, const wire::ExportSpec& spec,
               ExportIdentity identity)
      : owner_(owner), attempt_(attempt), spec_(spec), identity_(std::move(identity)) {}

  void Begin(Instant now, Effects* out) override;
  void OnAnswer(const Answer&, Instant, Effects*) override {}  // It asks no shard.
  void OnTask(WorkTask& task, Instant now, Effects* out) override;

 private:
  const uint64_t owner_;
  const uint32_t attempt_;
  const wire::ExportSpec spec_;
  const ExportIdentity identity_;
};

}  // namespace skybridge::worker
