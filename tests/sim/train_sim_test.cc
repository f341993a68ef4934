// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/sim/seeds.h"
#include "tests/sim/sim_run.h"
#include "tests/sim/swarm.h"

namespace skybridge::sim {
namespace {

class LockstepSimTest : public SimTest {};

// Invariants I3, I4, I11, I12 of docs/protocol.md.
TEST_P(LockstepSimTest, TablesEqualThoseOfTheReferenceTrainer) {
  for (const uint64_t seed : BlockSeeds()) {
    const Swarm swarm = DrawSwarm(seed);
    SCOPED_TRACE(ReplayCommand(seed) + "\n" + Describe(swarm));
    RunAndCheck({.swarm = swarm});
    if (HasFailure()) return;
  }
  if (!Flags().only) {
    EXPECT_GT(evicted_runs(), 0u);
  }
}
INSTANTIATE_TEST_SUITE_P(Blocks, LockstepSimTest, testing::Range<uint64_t>(0, 10));

class AsyncSimTest : public SimTest {};

// I1, I2, I11, I12, I15.
TEST_P(AsyncSimTest, EveryRowIsCountedOncePerBatchThatTouchesIt) {
  for (const uint64_t seed : BlockSeeds()) {
    const Swarm swarm = DrawSwarm(seed);
    SCOPED_TRACE(ReplayCommand(seed) + "\n" + Describe(swarm));
    RunAndCheck({.swarm = swarm, .staleness = swarm.staleness});
    if (HasFailure()) return;
  }
  if (!Flags().only) {
    EXPECT_GT(evicted_runs(), 0u);
  }
}
INSTANTIATE_TEST_SUITE_P(Blocks, AsyncSimTest, testing::Range<uint64_t>(10, 18));

}  // namespace
}  // namespace skybridge::sim
