// SPDX-License-Identifier: Apache-2.0
#include "data/name_list.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::data {
namespace {

TEST(NameListTest, NamesAreSeparatedByCommas) {
  EXPECT_EQ(NameList(std::vector<std::string>{}), "");
  EXPECT_EQ(NameList(std::vector<std::string>{"user"}), "user");
  EXPECT_EQ(NameList(std::vector<std::string>{"user", "item", "age"}), "user, item, age");
}

}  // namespace
}  // namespace skybridge::data
