// SPDX-License-Identifier: Apache-2.0
#include "scheduler/training_dealer.h"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/rng.h"

namespace skybridge::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Granted Held(uint64_t unit, uint64_t node, uint16_t attempt = 1) {
  return {{Phase(2), LeaseKind::kTrainPartition, unit}, Attempt(attempt), Incarnation(node)};
}

TEST(TrainingDealerTest, EveryPartitionWithBatchesIsLeasedOncePerEpochEpochByEpoch) {
  const PhaseStep step{.phase = Phase(2), .epoch_begin = 1, .epoch_end = 3};
  const std::vector<uint64_t> batches = {3, 0, 2, 5, 1};
  const std::vector<LeaseId> leases = PartitionLeases(step, 7, batches);
  ASSERT_EQ(leases.size(), 8u);
  std::set<uint64_t> units;
  for (size_t i = 0; i < leases.size(); ++i) {
    EXPECT_EQ(UnitHigh(leases[i].unit), i < 4 ? 1u : 2u);
    EXPECT_NE(UnitLow(leases[i].unit), 1u) << "nothing to train on";
    units.insert(leases[i].unit);
  }
  EXPECT_EQ(units.size(), 8u);
  EXPECT_EQ(leases, PartitionLeases(step, 7, batches)) << "a pure function";
}

TEST(TrainingDealerTest, OrderOfPartitionsGoesBySeedAndEpoch) {
  const PhaseStep step{.phase = Phase(2), .epoch_begin = 0, .epoch_end = 2};
  const std::vector<uint64_t> batches(20, 1);
  const std::vector<LeaseId> one = PartitionLeases(step, 1, batches);
  EXPECT_NE(one, PartitionLeases(step, 2, batches));
  bool differs = false;
  for (size_t i = 0; i < 20; ++i) differs |= UnitLow(one[i].unit) != UnitLow(one[i + 20].unit);
  EXPECT_TRUE(differs);
}

TEST(TrainingDealerTest, LockstepLeasesEveryRank) {
  EXPECT_THAT(RankLeases(Phase(3), 2), ElementsAre(LeaseId{Phase(3), LeaseKind::kTrainRank, 0},
                                                   LeaseId{Phase(3), LeaseKind::kTrainRank, 1}));
}

TEST(TrainingDealerTest, NodeKeepsItsRankFromLeaseToLease) {
  TrainingDealer dealer(2);
  EXPECT_THAT(dealer.Settle(std::vector{Held(10, 1), Held(11, 2)}), IsEmpty());
  EXPECT_EQ(dealer.RankOf(Held(10, 1).lease), 0u);
  EXPECT_EQ(dealer.RankOf(Held(11, 2).lease), 1u);
  EXPECT_THAT(dealer.Settle(std::vector{Held(12, 2), Held(13, 1)}), IsEmpty());
  EXPECT_EQ(dealer.RankOf(Held(12, 2).lease), 1u);
  EXPECT_EQ(dealer.RankOf(Held(13, 1).lease), 0u);
}

TEST(TrainingDealerTest, RankWithoutWorkIsRetiredAndComesBackWithALease) {
  TrainingDealer dealer(3);
  EXPECT_THAT(dealer.Settle(std::vector{Held(10, 1)}),
              ElementsAre(RankChange{1, 1}, RankChange{2, 1}));
  EXPECT_THAT(dealer.Settle(std::vector{Held(10, 1)}), IsEmpty());
  EXPECT_THAT(dealer.Settle(std::vector{Held(10, 1), Held(11, 2)}), ElementsAre(RankChange{1, 2}));
  EXPECT_THAT(dealer.Settle(std::vector{Held(11, 2)}), ElementsAre(RankChange{0, 1}));
}

TEST(TrainingDealerTest, SuccessorOfADeadTrainerTakesAFreeRank) {
  TrainingDealer dealer(2);
  (void)dealer.Settle(std::vector{Held(10, 1), Held(11, 2)});
  (void)dealer.Settle(std::vector{Held(11, 2), Held(10, 3, 2)});
  EXPECT_EQ(dealer.RankOf(Held(10, 3).lease), 0u);
}

TEST(TrainingDealerTest, NoTwoLeasesEverShareARank) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    const auto ranks = static_cast<uint32_t>(1 + rng.Below(5));
    TrainingDealer dealer(ranks);
    std::vector<Granted> held;
    std::set<uint32_t> retired;
    std::map<uint32_t, uint32_t> changes;
    for (uint64_t event = 0; event < 200; ++event) {
      if (held.size() < ranks && rng.Below(2) == 0) {
        held.push_back(Held(event, 1 + rng.Below(3)));
      } else if (!held.empty()) {
        held.erase(held.begin() + static_cast<ptrdiff_t>(rng.Below(held.size())));
      }
      for (const RankChange& change : dealer.Settle(held)) {
        const bool gone = change.changes % 2 == 1;
        EXPECT_EQ(change.changes, ++changes[change.rank]);
        EXPECT_NE(retired.contains(change.rank), gone);
        if (gone) retired.insert(change.rank);
        if (!gone) retired.erase(change.rank);
      }
      std::set<uint32_t> taken;
      for (const Granted& lease : held) taken.insert(dealer.RankOf(lease.lease));
      EXPECT_EQ(taken.size(), held.size());
      EXPECT_EQ(taken.size() + retired.size(), ranks);
    }
  }
}

}  // namespace
}  // namespace skybridge::scheduler
