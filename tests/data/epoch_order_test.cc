// SPDX-License-Identifier: Apache-2.0
#include "data/epoch_order.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::data {
namespace {

// Records of sizes[i] positives each, all different.
Partition Records(const std::vector<uint32_t>& sizes) {
  Partition partition;
  partition.positive_offsets = {0};
  for (const uint32_t size : sizes) {
    partition.query_keys.push_back(partition.query_keys.size());
    for (uint32_t i = 0; i < size; ++i) {
      partition.positives.push_back(static_cast<uint32_t>(partition.positives.size()));
    }
    partition.positive_offsets.push_back(static_cast<uint32_t>(partition.positives.size()));
  }
  return partition;
}

std::vector<uint32_t> RecordsOf(const EpochOrder& order) {
  std::vector<uint32_t> records;
  for (const Unit& unit : order.units) records.push_back(unit.record);
  return records;
}

TEST(EpochOrderTest, EveryPositiveStandsInOneUnitOfItsRecord) {
  const Partition partition = Records({7, 1, 3, 4, 12});
  const DatasetOptions options{.positives = 3};
  const EpochOrder order = OrderEpoch(options, partition, 0);
  std::set<uint32_t> seen;
  std::map<uint32_t, std::vector<uint32_t>> sizes;
  for (const Unit& unit : order.units) {
    sizes[unit.record].push_back(unit.end - unit.begin);
    for (uint32_t i = unit.begin; i < unit.end; ++i) {
      const uint32_t positive = order.positives[i];
      EXPECT_TRUE(seen.insert(positive).second);
      EXPECT_GE(positive, partition.positive_offsets[unit.record]);
      EXPECT_LT(positive, partition.positive_offsets[unit.record + 1]);
    }
  }
  EXPECT_EQ(seen.size(), 27u);
  std::ranges::sort(sizes[0], std::greater());
  EXPECT_EQ(sizes[0], (std::vector<uint32_t>{3, 3, 1}));
  EXPECT_EQ(order.units.size(), 3u + 1 + 1 + 2 + 4);
  EXPECT_EQ(UnitCount(options, partition), order.units.size());
}

TEST(EpochOrderTest, OrderDependsOnSeedEpochAndPartitionAlone) {
  Partition partition = Records(std::vector<uint32_t>(50, 2));
  DatasetOptions options;
  const EpochOrder order = OrderEpoch(options, partition, 3);
  const auto same = [&](const EpochOrder& other) {
    return RecordsOf(other) == RecordsOf(order) && other.positives == order.positives;
  };
  EXPECT_TRUE(same(OrderEpoch(options, partition, 3)));
  EXPECT_FALSE(same(OrderEpoch(options, partition, 4)));
  options.seed = 2;
  EXPECT_FALSE(same(OrderEpoch(options, partition, 3)));
  options.seed = 1;
  partition.ref.index = 1;
  EXPECT_FALSE(same(OrderEpoch(options, partition, 3)));
}

TEST(EpochOrderTest, EveryRecordComesFirstNowAndThenAndPositivesChangePlaces) {
  const Partition partition = Records(std::vector<uint32_t>(10, 3));
  const DatasetOptions options{.positives = 3};
  std::vector<int> first_record(10), first_positive(3);
  for (uint32_t epoch = 0; epoch < 1000; ++epoch) {
    const EpochOrder order = OrderEpoch(options, partition, epoch);
    ++first_record[order.units[0].record];
    ++first_positive[order.positives[0]];
  }
  for (const int times : first_record) EXPECT_NEAR(times, 100, 50);
  for (const int times : first_positive) EXPECT_NEAR(times, 333, 80);
}

TEST(EpochOrderTest, UnitsOfAGroupStaySideBySide) {
  Partition partition = Records(std::vector<uint32_t>(60, 2));
  for (uint64_t record = 0; record < 60; ++record) partition.groups.push_back(record * 7 % 6);
  const DatasetOptions options;
  std::set<uint64_t> first_groups;
  std::set<std::vector<uint32_t>> within;
  for (uint32_t epoch = 0; epoch < 60; ++epoch) {
    const EpochOrder order = OrderEpoch(options, partition, epoch);
    EXPECT_EQ(order.units.size(), 120u);
    std::vector<uint64_t> groups;
    std::vector<uint32_t> records;
    for (const Unit& unit : order.units) {
      const uint64_t group = partition.groups[unit.record];
      if (groups.empty() || groups.back() != group) groups.push_back(group);
      if (group == 0) records.push_back(unit.record);
    }
    EXPECT_EQ(groups.size(), 6u) << "a group was torn apart";
    first_groups.insert(groups[0]);
    within.insert(records);
  }
  EXPECT_EQ(first_groups.size(), 6u) << "groups are shuffled";
  EXPECT_GT(within.size(), 50u) << "units of a group are shuffled";
}

TEST(EpochOrderTest, PartitionWithoutRecordsHasNoUnit) {
  EXPECT_TRUE(OrderEpoch({}, Records({}), 0).units.empty());
  EXPECT_EQ(UnitCount({}, Records({})), 0u);
}

}  // namespace
}  // namespace skybridge::data
