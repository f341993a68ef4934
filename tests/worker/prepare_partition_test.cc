// SPDX-License-Identifier: Apache-2.0
#include "worker/prepare_partition.h"

#include <map>

#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

using Sightings = std::map<std::pair<uint32_t, uint64_t>, uint32_t>;

class PreparePartitionTest : public SmallWorldTest {
 protected:
  LeaseOutcome Work(WorkRunner& runner, uint64_t unit, size_t ids_per_push = 65536) const {
    PreparePartition work(
        {.owner = 4, .phase = 1, .unit = unit, .attempt = 1, .ids_per_push = ids_per_push}, model(),
        dataset(), runner.calls, runner.cluster);
    runner.Run(work);
    EXPECT_TRUE(work.outcome().has_value()) << "it hangs";
    return work.outcome().value_or(LeaseOutcome{});
  }
  static Sightings SumOf(const WorkRunner& runner) {
    Sightings sum;
    for (const SeenPush& push : runner.shards.pushes) {
      for (const auto& [row, count] : push.sightings) sum[row] += count;
    }
    return sum;
  }
};

TEST_F(PreparePartitionTest, SightingsOfAllPartitionsAreThoseOfTheFiles) {
  Sightings candidates;
  uint64_t examples = 0;
  const uint32_t counts = Number(*model().candidate_counts());
  for (uint64_t unit = 0; unit < dataset().plan().train.size(); ++unit) {
    WorkRunner runner(2);
    const LeaseOutcome outcome = Work(runner, unit);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.done.progress().total(), Batches()[unit]);
    examples += outcome.done.examples();
    for (const auto& [row, count] : SumOf(runner)) {
      if (row.first == counts) candidates[row] += count;
    }
  }
  EXPECT_EQ(examples, 11u);
  EXPECT_EQ(candidates, (Sightings{{{counts, 10}, 3},
                                   {{counts, 20}, 3},
                                   {{counts, 30}, 2},
                                   {{counts, 40}, 2},
                                   {{counts, 50}, 1}}));
}

TEST_F(PreparePartitionTest, EveryShardIsFencedBeforeAnythingIsPushed) {
  WorkRunner runner(3);
  ASSERT_TRUE(Work(runner, 0).status.ok());
  ASSERT_GE(runner.shards.requests.size(), 3u);
  for (size_t i = 0; i < runner.shards.requests.size(); ++i) {
    EXPECT_EQ(runner.shards.requests[i].has_ledger_query(), i < 3) << i;
  }
}

TEST_F(PreparePartitionTest, SlicesAreTheSameForASuccessor) {
  WorkRunner one(2), two(2), whole(2);
  ASSERT_TRUE(Work(one, 0, 1).status.ok());
  two.shards.ledgers[0].set_next(1);
  ASSERT_TRUE(Work(two, 0, 1).status.ok());
  ASSERT_TRUE(Work(whole, 0).status.ok());
  EXPECT_EQ(SumOf(one), SumOf(whole));
  ASSERT_EQ(one.shards.pushes.size(), two.shards.pushes.size());
  for (size_t i = 0; i < one.shards.pushes.size(); ++i) {
    EXPECT_EQ(one.shards.pushes[i].push.sequence(), two.shards.pushes[i].push.sequence());
    EXPECT_EQ(one.shards.pushes[i].sightings, two.shards.pushes[i].sightings);
  }
}

TEST_F(PreparePartitionTest, BadLineEndsTheLeaseByPlace) {
  scratch_.Write("train.tsv", "user\tmood\titem\n1\tgood\n");
  WorkRunner runner(1);
  const LeaseOutcome outcome = Work(runner, 0);
  EXPECT_EQ(outcome.status.code(), StatusCode::kInvalidArgument) << outcome.status;
  EXPECT_NE(outcome.status.message().find("train.tsv"), std::string::npos) << outcome.status;
}

}  // namespace
}  // namespace skybridge::worker
