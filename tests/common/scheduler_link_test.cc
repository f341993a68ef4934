// SPDX-License-Identifier: Apache-2.0
#include "common/scheduler_link.h"

#include <string>
#include <vector>

#include <glog/logging.h>
#include <gtest/gtest.h>

namespace skybridge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr Instant kStart{seconds(100)};

class SchedulerLinkTest : public testing::Test {
 protected:
  // Steps of half a second, so that nothing looks like a pause.
  void RunUntil(Instant end) {
    while (now_ < end) link_.Observe(now_ = now_ + milliseconds(500));
  }

  SchedulerLink link_{{.endpoint = "tcp://here:1"}};
  Instant now_ = kStart;
};

TEST_F(SchedulerLinkTest, RegistersEverySecondThenBeatsAsItIsTold) {
  EXPECT_FALSE(link_.TakeDue(kStart));  // It has not begun.
  link_.Observe(kStart);
  EXPECT_TRUE(link_.TakeDue(kStart));
  EXPECT_FALSE(link_.TakeDue(kStart + milliseconds(999)));
  EXPECT_TRUE(link_.TakeDue(kStart + seconds(1)));
  link_.Welcome(milliseconds(200), kStart + milliseconds(1100));
  EXPECT_TRUE(link_.TakeDue(kStart + milliseconds(1100)));
  EXPECT_FALSE(link_.TakeDue(kStart + milliseconds(1299)));
  EXPECT_TRUE(link_.TakeDue(kStart + milliseconds(1300)));
}

TEST_F(SchedulerLinkTest, ASilentSchedulerIsGivenUpByName) {
  link_.Observe(kStart);
  link_.Welcome(seconds(1), kStart);
  RunUntil(kStart + seconds(600));
  EXPECT_TRUE(link_.Check(now_).ok()) << "it may be starting again";
  RunUntil(kStart + seconds(601));
  EXPECT_EQ(link_.Check(now_).code(), StatusCode::kUnavailable);
  EXPECT_NE(link_.Check(now_).message().find("tcp://here:1"), std::string::npos);
  link_.Heard(now_);
  EXPECT_TRUE(link_.Check(now_).ok());
}

TEST_F(SchedulerLinkTest, BeforeTheWelcomePatienceIsLonger) {
  link_.Observe(kStart);
  RunUntil(kStart + seconds(300));
  EXPECT_TRUE(link_.Check(now_).ok());
  RunUntil(kStart + seconds(301));
  EXPECT_EQ(link_.Check(now_).code(), StatusCode::kUnavailable);
}

TEST_F(SchedulerLinkTest, APauseOfThisProcessIsNoSilence) {
  link_.Observe(kStart);
  link_.Welcome(seconds(1), kStart);
  link_.Observe(kStart + seconds(40));
  EXPECT_TRUE(link_.Check(kStart + seconds(40)).ok());
  now_ = kStart + seconds(40);
  RunUntil(kStart + seconds(641));
  EXPECT_FALSE(link_.Check(now_).ok());
}

class LineCount : public google::LogSink {
 public:
  LineCount() { google::AddLogSink(this); }
  ~LineCount() override { google::RemoveLogSink(this); }
  void send(google::LogSeverity, const char*, const char*, int, const google::LogMessageTime&,
            const char* message, size_t length) override {
    lines.emplace_back(message, length);
  }
  std::vector<std::string> lines;
};

TEST_F(SchedulerLinkTest, AnOutageHasALineEveryFewSeconds) {
  link_.Observe(kStart);
  link_.Welcome(seconds(1), kStart);
  LineCount log;
  RunUntil(kStart + milliseconds(4500));
  EXPECT_TRUE(log.lines.empty());
  RunUntil(kStart + seconds(16));
  ASSERT_EQ(log.lines.size(), 3u);
  EXPECT_EQ(log.lines[1],
            "the scheduler at tcp://here:1 has been silent for 10 s; going on without it for up to "
            "600 s");
  link_.Heard(now_);
  RunUntil(now_ + milliseconds(4500));
  EXPECT_EQ(log.lines.size(), 3u);
}

TEST_F(SchedulerLinkTest, NobodyAsksInSilenceForASchedulerThatIsNotThere) {
  link_.Observe(kStart);
  LineCount log;
  RunUntil(kStart + seconds(6));
  ASSERT_EQ(log.lines.size(), 1u);
  EXPECT_EQ(log.lines[0],
            "the scheduler at tcp://here:1 has not answered for 5 s; asking for up to 300 s: does "
            "it run there, and with the same --keys?");
}

}  // namespace
}  // namespace skybridge
