// SPDX-License-Identifier: Apache-2.0
#include "ps/row_check.h"

#include <limits>

#include <gtest/gtest.h>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {{.name = "user", .dim = 2},
                            {.name = "seen", .kind = TableKind::kCounts}};
const OwnSlots kAll = {.version = MapVersion(3), .slots = {0, kSlotCount}};

std::vector<RowId> Ids(std::vector<uint64_t> numbers) {
  std::vector<RowId> ids;
  for (const uint64_t number : numbers) ids.push_back(RowId(number));
  return ids;
}

PushRows Push(std::vector<float> gradients) {
  return {.parts = {{TableId(0), Ids({1, 2}), std::move(gradients), {}}}};
}

TEST(RowCheckTest, IdsMustAscendAndBeUnique) {
  EXPECT_TRUE(CheckIds(kTables, TableId(0), Ids({1, 2, 9}), kAll).ok());
  EXPECT_EQ(CheckIds(kTables, TableId(0), Ids({1, 1}), kAll).code(), StatusCode::kInvalidArgument);
  const Status status = CheckIds(kTables, TableId(0), Ids({2, 1}), kAll);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("table user, row 1"), std::string::npos) << status;
}

TEST(RowCheckTest, RowsOfOtherShardsMeanAStaleMap) {
  const uint32_t slot = Number(SlotOf(TableId(0), RowId(5)));
  const OwnSlots mine = {.version = MapVersion(3), .slots = {slot, slot + 1}};
  EXPECT_TRUE(CheckIds(kTables, TableId(0), Ids({5}), mine).ok());
  for (const SlotRange range : {SlotRange{0, slot}, SlotRange{slot + 1, kSlotCount}}) {
    const Status status = CheckIds(kTables, TableId(0), Ids({5}), {MapVersion(3), range});
    EXPECT_EQ(status.code(), StatusCode::kStaleMap);
    EXPECT_EQ(status.detail(), 3u);
  }
}

TEST(RowCheckTest, ATableThatDoesNotExistIsRefused) {
  EXPECT_EQ(CheckIds(kTables, TableId(2), {}, kAll).code(), StatusCode::kInvalidArgument);
}

TEST(RowCheckTest, GradientsMustFitAndBeFinite) {
  EXPECT_TRUE(CheckPush(kTables, Push({1, 2, 3, 4}), kAll).ok());
  EXPECT_EQ(CheckPush(kTables, Push({1, 2, 3}), kAll).code(), StatusCode::kInvalidArgument);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    const Status status = CheckPush(kTables, Push({1, 2, 3, bad}), kAll);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("table user, row 2: gradient 1"), std::string::npos) << status;
  }
  EXPECT_TRUE(CheckPush(kTables, Push({1, 2, 3, std::numeric_limits<float>::max()}), kAll).ok());
}

TEST(RowCheckTest, SightingsMustFit) {
  PushRows push{.parts = {{TableId(1), Ids({1, 2}), {}, {1}}}};
  EXPECT_EQ(CheckPush(kTables, push, kAll).code(), StatusCode::kInvalidArgument);
  push.parts[0].sightings.push_back(1);
  EXPECT_TRUE(CheckPush(kTables, push, kAll).ok());
}

TEST(RowCheckTest, TablesOfAPushMustAscend) {
  PushRows push;
  push.parts = {{TableId(1), {}, {}, {}}, {TableId(0), {}, {}, {}}};
  EXPECT_EQ(CheckPush(kTables, push, kAll).code(), StatusCode::kInvalidArgument);
  push.parts = {{TableId(0), {}, {}, {}}, {TableId(0), {}, {}, {}}};
  EXPECT_EQ(CheckPush(kTables, push, kAll).code(), StatusCode::kInvalidArgument);
}

TEST(RowCheckTest, TheRateMustBeFiniteAndNotNegative) {
  PushRows push;
  push.rate = -1;
  EXPECT_EQ(CheckPush(kTables, push, kAll).code(), StatusCode::kInvalidArgument);
  push.rate = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(CheckPush(kTables, push, kAll).code(), StatusCode::kInvalidArgument);
  push.rate = 0;
  EXPECT_TRUE(CheckPush(kTables, push, kAll).ok());
}

TEST(RowCheckTest, PullsAreCheckedPartByPart) {
  PullRequest pull;
  pull.parts = {{TableId(0), Ids({1}), false}, {TableId(1), Ids({2, 2}), true}};
  EXPECT_EQ(CheckPull(kTables, pull, kAll).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skybridge::ps
