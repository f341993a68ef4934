// SPDX-License-Identifier: Apache-2.0
#include "launch/restart_policy.h"

#include <vector>

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RestartPolicyTest : public testing::Test {
 protected:
  // One life; the job gets on by `progress` meanwhile.
  std::optional<Duration> Live(Duration life, uint64_t progress) {
    policy_.Started(now_, progress_);
    now_ = now_ + life;
    progress_ += progress;
    return policy_.Ended(now_, progress_);
  }

  RestartPolicy policy_{{.futile_max = 6}};
  Instant now_;
  uint64_t progress_ = 0;
};

TEST_F(RestartPolicyTest, FutileLivesWaitLongerAndAreGivenUp) {
  for (const Duration delay : std::vector<Duration>{milliseconds(0), milliseconds(200), seconds(1),
                                                    seconds(5), seconds(5), seconds(5)}) {
    EXPECT_EQ(Live(milliseconds(100), 0), delay);
  }
  EXPECT_EQ(Live(milliseconds(100), 0), std::nullopt);
  EXPECT_EQ(policy_.restarts(), 6u);
}

TEST_F(RestartPolicyTest, JobThatGetsOnExcusesAShortLifeButNotTheShortest) {
  EXPECT_EQ(Live(milliseconds(100), 1), milliseconds(0));
  EXPECT_EQ(Live(milliseconds(999), 1), milliseconds(200));
  EXPECT_EQ(Live(seconds(1), 1), milliseconds(0));
  EXPECT_EQ(Live(seconds(1), 0), milliseconds(0)) << "the first of a new series";
  EXPECT_EQ(Live(seconds(9), 0), milliseconds(200));
  EXPECT_EQ(Live(seconds(10), 0), milliseconds(0));
  EXPECT_EQ(policy_.futile(), 0u);
}

TEST_F(RestartPolicyTest, ProcessThatWorksInBetweenIsStartedForEver) {
  for (int life = 0; life < 1000; ++life) ASSERT_EQ(Live(seconds(2), 1), Duration::zero()) << life;
}

}  // namespace
}  // namespace skybridge::launch
