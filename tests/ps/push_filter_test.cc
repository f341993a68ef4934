// SPDX-License-Identifier: Apache-2.0
#include "ps/push_filter.h"

#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

PushRows Rows() {
  PushRows rows{.rate = 0.5f, .parts = {{TableId(0), {}, {}, {}}, {TableId(1), {}, {}, {}}}};
  for (uint32_t id = 0; id < 40; ++id) {
    for (PushPart& part : rows.parts) part.ids.push_back(RowId(id));
    for (const float number : {0.25f, 0.5f}) {
      rows.parts[0].gradients.push_back(static_cast<float>(id) + number);
    }
    rows.parts[1].sightings.push_back(100 + id);
  }
  return rows;
}

TEST(PushFilterTest, RowsOfTheSlotsStayWithWhatBelongsToThem) {
  PushRows rows = Rows();
  const SlotRange slots[] = {{0, 1000}, {3000, 3500}};
  KeepSlots(rows, slots);
  EXPECT_EQ(rows.rate, 0.5f);
  ASSERT_EQ(rows.parts.size(), 2u);
  for (const PushPart& part : rows.parts) {
    std::vector<RowId> expected;
    for (uint32_t id = 0; id < 40; ++id) {
      const uint32_t slot = Number(SlotOf(part.table, RowId(id)));
      if (slot < 1000 || (slot >= 3000 && slot < 3500)) expected.push_back(RowId(id));
    }
    EXPECT_EQ(part.ids, expected);
    EXPECT_GT(expected.size(), 0u);
    EXPECT_LT(expected.size(), 40u);
    for (size_t i = 0; i < part.ids.size(); ++i) {
      const auto id = static_cast<uint32_t>(Number(part.ids[i]));
      if (part.table == TableId(0)) {
        EXPECT_EQ(part.gradients[2 * i], static_cast<float>(id) + 0.25f);
        EXPECT_EQ(part.gradients[2 * i + 1], static_cast<float>(id) + 0.5f);
      } else {
        EXPECT_EQ(part.sightings[i], 100 + id);
      }
    }
  }
  EXPECT_EQ(rows.parts[0].gradients.size(), 2 * rows.parts[0].ids.size());
  EXPECT_EQ(rows.parts[1].sightings.size(), rows.parts[1].ids.size());
}

TEST(PushFilterTest, AllSlotsKeepAllRowsAndNoneKeepNone) {
  PushRows rows = Rows();
  const SlotRange all[] = {{0, kSlotCount}};
  KeepSlots(rows, all);
  EXPECT_EQ(rows.parts[0].ids.size(), 40u);
  KeepSlots(rows, {});
  EXPECT_EQ(rows.parts.size(), 2u);
  EXPECT_EQ(rows.bytes(), 0u);
}

}  // namespace
}  // namespace skybridge::ps
