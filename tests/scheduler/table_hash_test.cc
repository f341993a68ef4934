// SPDX-License-Identifier: Apache-2.0
#include "scheduler/table_hash.h"

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

TEST(TableHashTest, SumsShardsPerTableModuloTwoToThe64) {
  TableHash hash(2);
  hash.Add(0, {{"users", ~uint64_t{0}, 3}, {"items", 5, 1}});
  EXPECT_FALSE(hash.complete());
  hash.Add(0, {{"users", 9, 9}});
  EXPECT_FALSE(hash.complete()) << "a shard counts once";
  hash.Add(1, {{"users", 2, 4}});
  EXPECT_TRUE(hash.complete());
  EXPECT_EQ(hash.sums(), (std::vector<TableSum>{{"items", 5, 1}, {"users", 1, 7}}));
}

}  // namespace
}  // namespace skybridge::scheduler
