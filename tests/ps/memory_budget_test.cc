// SPDX-License-Identifier: Apache-2.0
#include "ps/memory_budget.h"

#include <gtest/gtest.h>

namespace skybridge::ps {
namespace {

TEST(MemoryBudgetTest, GivesUpToTheLimitAndNotOneByteMore) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.TryTake(60));
  EXPECT_FALSE(budget.TryTake(41));
  EXPECT_EQ(budget.used(), 60u);
  EXPECT_TRUE(budget.TryTake(40));
  budget.Give(100);
  EXPECT_EQ(budget.used(), 0u);
}

TEST(MemoryBudgetTest, AHugeRequestDoesNotWrapAround) {
  MemoryBudget budget(100);
  ASSERT_TRUE(budget.TryTake(10));
  EXPECT_FALSE(budget.TryTake(~uint64_t{0}));
}

}  // namespace
}  // namespace skybridge::ps
