// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_run.h"

#include <filesystem>

#include "tests/sim/seeds.h"

namespace skybridge::sim {
namespace {

constexpr uint64_t kSeedsPerCase = 25;
constexpr uint64_t kRunTwiceEvery = 50;  // Seeds.

}  // namespace

void SimTest::SetUp() { folder_ = EmptyTestFolder(); }

std::vector<uint64_t> SimTest::BlockSeeds() const {
  return Seeds(GetParam() * kSeedsPerCase, (GetParam() + 1) * kSeedsPerCase);
}

const TinyJob& SimTest::JobOf(const TrainingClusterOptions& options) {
  const bool lockstep = options.staleness == 0;
  const bool wide = options.swarm.tight_memory;
  std::unique_ptr<const TinyJob>& job = jobs_[{lockstep, wide}];
  if (job == nullptr) {
    job = TinyJob::Create({.learns = lockstep, .wide = wide}, folder_ + (wide ? "/wide" : "/deep"));
  }
  return *job;
}

const std::vector<uint64_t>& SimTest::ExpectedHashes(const TrainingClusterOptions& options) {
  const bool lockstep = options.staleness == 0;
  const uint32_t ranks = lockstep ? options.swarm.ranks : 1;
  std::vector<uint64_t>& hashes = expected_[{lockstep, options.swarm.tight_memory, ranks}];
  if (!hashes.empty()) return hashes;
  const TinyJob& job = JobOf(options);
  support::ReferenceTrainer trainer = job.Reference(ranks);
  Status status = trainer.Prepare();
  if (status.ok()) status = lockstep ? trainer.Train() : trainer.CountBatches();
  EXPECT_TRUE(status.ok()) << status;
  for (uint32_t t = 0; t < job.model().tables().size(); ++t) {
    hashes.push_back(trainer.TableHash(TableId(t)));
  }
  return hashes;
}

SimTest::Outcome SimTest::RunOnce(const TrainingClusterOptions& options) {
  const TinyJob& job = JobOf(options);
  const std::vector<uint64_t>& expected = ExpectedHashes(options);
  TrainingCluster cluster(job, options);
  EXPECT_TRUE(cluster.Run()) << "the job has not ended in time";
  EXPECT_EQ(cluster.violation(), "");
  EXPECT_TRUE(cluster.result().status.ok()) << cluster.result().status;
  EXPECT_EQ(cluster.nondeterminism(), 0u);
  EXPECT_EQ(cluster.result().examples_trained,
            cluster.result().training_pairs * job.job().training().epochs());
  if (HasFailure()) return {};  // Its tables are what they are.
  const std::vector<uint64_t> hashes = cluster.TableHashes();
  for (size_t t = 0; t < hashes.size(); ++t) {
    EXPECT_EQ(hashes[t], expected[t]) << "table " << job.model().tables()[t].name;
  }
  evicted_runs_ += cluster.rows_spilled() > 0;
  return {cluster.cluster().trace_hash(), cluster.result()};
}

scheduler::JobResult SimTest::RunAndCheck(const TrainingClusterOptions& options) {
  Outcome outcome = RunOnce(options);
  if (options.swarm.seed % kRunTwiceEvery == 0) {
    if (!options.export_folder.empty()) std::filesystem::remove_all(options.export_folder);
    EXPECT_EQ(RunOnce(options).trace_hash, outcome.trace_hash) << "two runs of one seed differ";
  }
  return outcome.result;
}

}  // namespace skybridge::sim
