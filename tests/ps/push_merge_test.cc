// SPDX-License-Identifier: Apache-2.0
#include "ps/push_merge.h"

#include <map>

#include <gtest/gtest.h>

#include "common/rng.h"

namespace skybridge::ps {
namespace {

PushPart Part(std::vector<uint64_t> ids) {
  PushPart part;
  for (const uint64_t id : ids) part.ids.push_back(RowId(id));
  return part;
}

using Merged = std::map<uint64_t, std::vector<std::pair<uint32_t, uint32_t>>>;

Merged Collect(const std::vector<PushPart>& parts, size_t rows_max) {
  std::vector<const PushPart*> pointers;
  for (const PushPart& part : parts) pointers.push_back(&part);
  PushMerge merge(pointers);
  Merged merged;
  uint64_t last = 0;
  while (merge.Next(rows_max)) {
    EXPECT_LE(merge.ids().size(), rows_max);
    for (size_t i = 0; i < merge.ids().size(); ++i) {
      const uint64_t id = Number(merge.ids()[i]);
      EXPECT_TRUE(merged.empty() || id > last) << id;
      last = id;
      for (const auto& [part, position] : merge.sources(i)) {
        merged[id].emplace_back(part, position);
      }
    }
  }
  return merged;
}

TEST(PushMergeTest, RowsComeInIdOrderWithTheirPushesInRankOrder) {
  const std::vector<PushPart> parts = {Part({2, 5}), Part({}), Part({1, 5, 9})};
  const Merged expected = {{1, {{2, 0}}}, {2, {{0, 0}}}, {5, {{0, 1}, {2, 1}}}, {9, {{2, 2}}}};
  EXPECT_EQ(Collect(parts, 100), expected);
  EXPECT_EQ(Collect(parts, 1), expected);
  EXPECT_EQ(Collect(parts, 3), expected);
}

TEST(PushMergeTest, RandomPushesAgreeWithAMap) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    std::vector<PushPart> parts(1 + rng.Below(6));
    Merged expected;
    for (uint32_t p = 0; p < parts.size(); ++p) {
      for (uint64_t id = 0; id < 60; ++id) {
        if (rng.Below(3) != 0) continue;
        expected[id].emplace_back(p, static_cast<uint32_t>(parts[p].ids.size()));
        parts[p].ids.push_back(RowId(id));
      }
    }
    EXPECT_EQ(Collect(parts, 1 + rng.Below(20)), expected);
  }
}

}  // namespace
}  // namespace skybridge::ps
