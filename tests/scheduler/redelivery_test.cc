// SPDX-License-Identifier: Apache-2.0
#include "scheduler/redelivery.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Instant kStart;

TEST(RedeliveryTest, RepeatsUntilAcknowledged) {
  Redelivery<int> messages(milliseconds(500));
  messages.Want({1, 2});
  EXPECT_THAT(messages.Due(kStart), ElementsAre(1, 2));
  messages.Want({1, 2});
  EXPECT_THAT(messages.Due(kStart + milliseconds(499)), IsEmpty());
  messages.Acknowledge(1, true);
  EXPECT_THAT(messages.Due(kStart + milliseconds(500)), ElementsAre(2));
}

TEST(RedeliveryTest, ReceiverThatLostItGetsItAgain) {
  Redelivery<int> messages(milliseconds(500));
  messages.Want({1});
  (void)messages.Due(kStart);
  messages.Acknowledge(1, true);
  messages.Acknowledge(1, false);
  EXPECT_THAT(messages.Due(kStart + milliseconds(499)), IsEmpty());
  EXPECT_THAT(messages.Due(kStart + milliseconds(500)), ElementsAre(1));
}

TEST(RedeliveryTest, WhatIsNoLongerWantedIsForgotten) {
  Redelivery<int> messages(milliseconds(500));
  messages.Want({1});
  (void)messages.Due(kStart);
  messages.Want({2});
  EXPECT_THAT(messages.Due(kStart), ElementsAre(2));
  messages.Acknowledge(1, true);
  messages.Want({1, 2});
  EXPECT_THAT(messages.Due(kStart), ElementsAre(1)) << "wanted anew, due at once";
}

}  // namespace
}  // namespace skybridge::scheduler
