// SPDX-License-Identifier: Apache-2.0
#include "common/status.h"

#include <gtest/gtest.h>

namespace skybridge {
namespace {

Result<int> Half(int x) {
  if (x % 2 != 0) return Status(StatusCode::kInvalidArgument, "halve 3: odd");
  return x / 2;
}

Result<int> Quarter(int x) {
  SKY_ASSIGN_OR_RETURN(const int half, Half(x));
  SKY_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

TEST(StatusTest, MacrosPassValuesOnAndLeaveWithErrors) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).error().code(), StatusCode::kInvalidArgument);
}

TEST(StatusTest, TimeMendsRefusalsOfAPeerThatIsNotReadyYet) {
  EXPECT_TRUE(TimeMends(StatusCode::kNotReady));
  EXPECT_TRUE(TimeMends(StatusCode::kResourceExhausted));
  EXPECT_TRUE(TimeMends(StatusCode::kStaleMap));
  EXPECT_FALSE(TimeMends(StatusCode::kFenced));
  EXPECT_FALSE(TimeMends(StatusCode::kGone));
  EXPECT_FALSE(TimeMends(StatusCode::kOk));
}

TEST(StatusTest, ContextGoesBeforeTheMessage) {
  const Status status = Half(3).error().WithContext("load job.pbtxt");
  EXPECT_EQ(status.ToString(), "invalid argument: load job.pbtxt: halve 3: odd");
  EXPECT_TRUE(Status().WithContext("x").ok());
}

}  // namespace
}  // namespace skybridge
