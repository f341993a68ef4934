// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "scheduler/job_result.h"
#include "tests/sim/tiny_job.h"
#include "tests/sim/training_cluster.h"

namespace skybridge::sim {

// Each case runs one block of seeds; the parameter is the block.
class SimTest : public testing::TestWithParam<uint64_t> {
 protected:
  void SetUp() override;

  std::vector<uint64_t> BlockSeeds() const;
  const std::string& folder() const { return folder_; }
  // The job that fits the swarm: the wide one where memory is tight. Lockstep runs learn, others
  // only count.
  const TinyJob& JobOf(const TrainingClusterOptions& options);
  // The hashes that its tables must end with: those of the reference trainer.
  const std::vector<uint64_t>& ExpectedHashes(const TrainingClusterOptions& options);

  // Runs a cluster, for some seeds twice, and checks what holds for every workload: the job ends
  // well and in time, tables are as expected, no promise was seen broken, the trace repeats.
  scheduler::JobResult RunAndCheck(const TrainingClusterOptions& options);
  // Runs so far in which some shard moved rows to its store.
  uint64_t evicted_runs() const { return evicted_runs_; }

 private:
  struct Outcome {
    uint64_t trace_hash;
    scheduler::JobResult result;
  };
  Outcome RunOnce(const TrainingClusterOptions& options);

  std::string folder_;
  uint64_t evicted_runs_ = 0;
  std::map<std::pair<bool, bool>, std::unique_ptr<const TinyJob>> jobs_;  // By lockstep, wide.
  // By lockstep, wide, ranks (outside lockstep: 1).
  std::map<std::tuple<bool, bool, uint32_t>, std::vector<uint64_t>> expected_;
};

}  // namespace skybridge::sim
