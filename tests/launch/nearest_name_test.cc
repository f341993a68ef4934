// SPDX-License-Identifier: Apache-2.0
#include "launch/nearest_name.h"

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

TEST(NearestNameTest, DistanceCountsEdits) {
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", "abc"), 0u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("tabel", "table"), 1u);
}

TEST(NearestNameTest, FirstOfTheNearestWins) {
  EXPECT_EQ(NearestName("batc", {"bath", "batch"}), "bath");
}

TEST(NearestNameTest, FarNamesAreNotOffered) {
  EXPECT_EQ(NearestName("frobnicate", {"epochs", "batch"}), "");
  EXPECT_EQ(Suggestion("frobnicate", {"epochs", "batch"}), "; known: epochs, batch");
  EXPECT_EQ(Suggestion("frobnicate", {}), "");
}

}  // namespace
}  // namespace skybridge::launch
