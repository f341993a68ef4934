// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"
#include "tests/sim/swarm.h"
#include "tests/sim/tiny_job.h"
#include "tests/sim/training_cluster.h"

namespace skybridge::sim {
namespace {

constexpr uint64_t kSeedsPerCase = 25;
constexpr uint64_t kRunTwiceEvery = 50;  // Seeds.

std::vector<uint64_t> HashesOf(const support::ReferenceTrainer& trainer, const TinyJob& job) {
  std::vector<uint64_t> hashes;
  for (uint32_t t = 0; t < job.model().tables().size(); ++t) {
    hashes.push_back(trainer.TableHash(TableId(t)));
  }
  return hashes;
}

// What a run left behind, for the checks that need two runs.
struct Outcome {
  uint64_t trace_hash = 0;
  scheduler::JobResult result;
};

// Each case runs one block of seeds; the parameter is the block.
class SimTest : public testing::TestWithParam<uint64_t> {
 protected:
  void SetUp() override { folder_ = EmptyTestFolder(); }

  std::vector<uint64_t> BlockSeeds() const {
    return Seeds(GetParam() * kSeedsPerCase, (GetParam() + 1) * kSeedsPerCase);
  }

  // Runs one cluster and checks what holds for every workload.
  Outcome RunOnce(const TinyJob& job, const TrainingClusterOptions& options,
                  const std::vector<uint64_t>& expected_hashes) {
    TrainingCluster cluster(job, options);
    EXPECT_TRUE(cluster.Run()) << cluster.violation();
    EXPECT_EQ(cluster.violation(), "");
    const Status status = cluster.result().status;
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(cluster.nondeterminism(), 0u);
    const std::vector<uint64_t> hashes = cluster.TableHashes();
    for (size_t t = 0; t < hashes.size(); ++t) {
      EXPECT_EQ(hashes[t], expected_hashes[t]) << "table " << job.model().tables()[t].name;
    }
    return {cluster.cluster().trace_hash(), cluster.result()};
  }

  // The same, for some seeds twice.
  Outcome RunSeed(const TinyJob& job, const TrainingClusterOptions& options,
                  const std::vector<uint64_t>& expected_hashes) {
    Outcome outcome = RunOnce(job, options, expected_hashes);
    if (options.swarm.seed % kRunTwiceEvery == 0) {
      std::filesystem::remove_all(options.export_folder);
      EXPECT_EQ(RunOnce(job, options, expected_hashes).trace_hash, outcome.trace_hash);
    }
    return outcome;
  }

  std::string folder_;
};

class LockstepSimTest : public SimTest {};

// I3, I4, I11.
TEST_P(LockstepSimTest, TablesEqualThoseOfTheReferenceTrainer) {
  const auto job = TinyJob::Create(TinyJobKind::kLearning, folder_);
  std::map<uint32_t, std::vector<uint64_t>> expected;  // By ranks.
  for (const uint64_t seed : BlockSeeds()) {
    const Swarm swarm = DrawSwarm(seed);
    SCOPED_TRACE(ReplayCommand(seed) + "\n" + Describe(swarm));
    if (!expected.contains(swarm.ranks)) {
      support::ReferenceTrainer trainer = job->Reference(swarm.ranks);
      ASSERT_TRUE(trainer.Prepare().ok());
      ASSERT_TRUE(trainer.Train().ok());
      expected[swarm.ranks] = HashesOf(trainer, *job);
    }
    RunSeed(*job, {.swarm = swarm}, expected[swarm.ranks]);
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Blocks, LockstepSimTest, testing::Range<uint64_t>(0, 10));

class AsyncSimTest : public SimTest {};

// I1, I2, I11, I15.
TEST_P(AsyncSimTest, EveryRowIsCountedOncePerBatchThatTouchesIt) {
  const auto job = TinyJob::Create(TinyJobKind::kCounting, folder_);
  support::ReferenceTrainer trainer = job->Reference(1);
  ASSERT_TRUE(trainer.Prepare().ok());
  ASSERT_TRUE(trainer.CountBatches().ok());
  const std::vector<uint64_t> expected = HashesOf(trainer, *job);
  for (const uint64_t seed : BlockSeeds()) {
    const Swarm swarm = DrawSwarm(seed);
    SCOPED_TRACE(ReplayCommand(seed) + "\n" + Describe(swarm));
    RunSeed(*job, {.swarm = swarm, .staleness = swarm.staleness}, expected);
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Blocks, AsyncSimTest, testing::Range<uint64_t>(10, 18));

}  // namespace
}  // namespace skybridge::sim
