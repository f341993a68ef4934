// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "worker/dataset.h"
#include "worker/lease_work.h"

namespace skybridge::worker {

struct IndexOptions {
  std::string factory;  // Empty: by the number of candidates.
  uint32_t nprobe = 16;
};

// Reads all parts, builds the index over them, measures its recall on a sample and writes it.
class IndexTask : public WorkTask {
 public:
  IndexTask(uint64_t owner, const wire::ExportSpec& spec, std::string name, uint32_t dim,
            IndexOptions options, int threads)
      : WorkTask(owner),
        spec_(spec),
        name_(std::move(name)),
        dim_(dim),
        options_(std::move(options)),
        threads_(threads) {}
  void Run() override;

  Status status;
  wire::PartFile file;
  double recall = 0;   // Recall@100 against exact search.
  std::string report;  // JSON.

 private:
  const wire::ExportSpec spec_;
  const std::string name_;
  const uint32_t dim_;
  const IndexOptions options_;
  const int threads_;
};

// Builds the nearest-neighbour index over the exported vectors, positions as ids, in the order in
// which CandidateVectors puts the parts together.
class BuildIndex : public LeaseWork {
 public:
  struct Options {
    uint64_t owner = 0;
    uint32_t attempt = 0;
    uint32_t dim = 0;
    int threads = 1;
    IndexOptions index;
  };
  BuildIndex(Options options, const wire::ExportSpec& spec)
      : options_(std::move(options)), spec_(spec) {}

  void Begin(Instant now, Effects* out) override;
  void OnAnswer(const Answer&, Instant, Effects*) override {}  // It asks no shard.
  void OnTask(WorkTask& task, Instant now, Effects* out) override;

 private:
  const Options options_;
  const wire::ExportSpec spec_;
};

}  // namespace skybridge::worker
