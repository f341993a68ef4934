// SPDX-License-Identifier: Apache-2.0
#include "scheduler/lease.h"

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

TEST(LeaseTest, NamesTellTheUnitsApart) {
  const uint64_t unit = UnitOf(3, 7);
  EXPECT_EQ(UnitHigh(unit), 3u);
  EXPECT_EQ(UnitLow(unit), 7u);
  const auto name = [](LeaseKind kind, uint64_t of) { return LeaseName({Phase(1), kind, of}); };
  EXPECT_EQ(name(LeaseKind::kPreparePartition, 7), "prepare partition 7");
  EXPECT_EQ(name(LeaseKind::kTrainRank, 7), "train rank 7");
  EXPECT_EQ(name(LeaseKind::kTrainPartition, unit), "train partition 7 of epoch 3");
  EXPECT_EQ(name(LeaseKind::kExportPartition, 7), "export partition 7");
  EXPECT_EQ(name(LeaseKind::kExportTable, unit), "export table 3 of shard 7");
  EXPECT_EQ(name(LeaseKind::kEvaluatePartition, unit), "evaluate partition 7 of evaluation 3");
  EXPECT_EQ(name(LeaseKind::kBuildIndex, 0), "build the index");
  EXPECT_EQ(name(LeaseKind::kExportCommit, 0), "commit the export");
  EXPECT_EQ(name(LeaseKind{}, 0), "unknown lease");
}

}  // namespace
}  // namespace skybridge::scheduler
