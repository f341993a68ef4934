// SPDX-License-Identifier: Apache-2.0
#include "common/hash.h"

#include <vector>

#include <gtest/gtest.h>

namespace skybridge {
namespace {

TEST(HashTest, Crc32cIsTheIscsiChecksum) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);  // RFC 3720, the usual check value.
  EXPECT_EQ(Crc32c("56789", Crc32c("1234")), Crc32c("123456789"));
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(HashTest, SlotsSpreadSequentialIdsEvenly) {
  std::vector<int> rows(kSlotCount);
  for (uint64_t id = 0; id < 100 * kSlotCount; ++id) ++rows[Number(SlotOf(TableId(0), RowId(id)))];
  for (const int count : rows) {
    EXPECT_GT(count, 40);
    EXPECT_LT(count, 170);
  }
}

TEST(HashTest, NamesHashDifferentlyUnderOtherSeeds) {
  EXPECT_EQ(HashBytes("user"), HashBytes("user"));
  EXPECT_NE(HashBytes("user", 1), HashBytes("user", 2));
}

}  // namespace
}  // namespace skybridge
