// SPDX-License-Identifier: Apache-2.0
#include "launch/restore_state.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

TEST(RestoreStateTest, ReadingACheckpointIsTalkedOfOnceAGigabyte) {
  std::vector<std::string> said;
  const checkpoint::ReadProgress progress =
      EachGigabyte([&said](const std::string& line) { said.push_back(line); });
  constexpr uint64_t kAll = 5ull << 30;
  for (uint64_t read = 0; read <= kAll; read += 100 << 20) progress(read, kAll);
  ASSERT_EQ(said.size(), 4u);
  EXPECT_EQ(said.front(), "read 1.15 G of 5.37 G bytes");
}

}  // namespace
}  // namespace skybridge::launch
