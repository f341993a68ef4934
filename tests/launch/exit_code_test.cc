// SPDX-License-Identifier: Apache-2.0
#include "launch/exit_code.h"

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

TEST(ExitCodeTest, CodesSayWhetherToTryAgain) {
  EXPECT_EQ(ExitCodeOf({}), 0);
  EXPECT_EQ(ExitCodeOf({StatusCode::kInvalidArgument, ""}), 1);
  EXPECT_EQ(ExitCodeOf({StatusCode::kDataLoss, ""}), 1);
  EXPECT_EQ(ExitCodeOf({StatusCode::kStateLost, ""}), 5);
  EXPECT_EQ(ExitCodeOf({StatusCode::kUnavailable, ""}), 3);
  EXPECT_EQ(ExitCodeOf({StatusCode::kResourceExhausted, ""}), 3);
  EXPECT_EQ(ExitCodeOf({StatusCode::kFenced, ""}), 4);
  EXPECT_EQ(ExitCodeOf({StatusCode::kCancelled, ""}), 130);
}

TEST(ExitCodeTest, StatusOfACodeHasThatCodeAgain) {
  for (const int code : {0, 1, 3, 4, 5, 130}) {
    EXPECT_EQ(ExitCodeOf(StatusOfExit(code, "server-0")), code);
  }
  EXPECT_NE(StatusOfExit(3, "server-0").message().find("server-0"), std::string::npos);
}

}  // namespace
}  // namespace skybridge::launch
