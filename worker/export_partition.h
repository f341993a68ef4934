// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "worker/dataset.h"
#include "worker/lease_work.h"
#include "worker/side_embedder.h"

namespace skybridge::worker {

// The candidates of one partition, read off the node's thread.
class CandidatesTask : public WorkTask {
 public:
  CandidatesTask(uint64_t owner, const Dataset& dataset, uint32_t partition)
      : WorkTask(owner), dataset_(dataset), partition_(partition) {}
  void Run() override;

  Status status;
  std::shared_ptr<const data::CandidatePartition> candidates;

 private:
  const Dataset& dataset_;
  const uint32_t partition_;
};

// Writes vectors, ids and, unless they are not wanted, labels of one partition.
class WriteVectorsTask : public WorkTask {
 public:
  using WorkTask::WorkTask;
  void Run() override;

  std::string folder;
  std::string stem;  // parts/part-00007.a1
  uint32_t partition = 0;
  uint32_t dim = 0;
  bool labels = false;
  std::shared_ptr<const data::CandidatePartition> candidates;
  std::vector<float> vectors;

  Status status;
  std::vector<wire::PartFile> files;
};

// Embeds one candidate partition at one committed state and writes it (docs/protocol.md, E1-E2).
class ExportPartition : public LeaseWork {
 public:
  struct Options {
    uint64_t owner = 0;
    uint32_t phase = 0;
    uint32_t partition = 0;
    uint32_t attempt = 0;
  };
  ExportPartition(Options options, const wire::ExportSpec& spec, const model::TwoTower& model,
                  const Dataset& dataset, Calls& calls, const ClusterView& cluster);

  void Begin(Instant now, Effects* out) override;
  void OnAnswer(const Answer& answer, Instant now, Effects* out) override;
  void OnTask(WorkTask& task, Instant now, Effects* out) override;

 private:
  void Write(Effects* out);

  const Options options_;
  const wire::ExportSpec spec_;
  const model::TwoTower& model_;
  const Dataset& dataset_;
  SideEmbedder embedder_;
  std::shared_ptr<const data::CandidatePartition> candidates_;
};

}  // namespace skybridge::worker
