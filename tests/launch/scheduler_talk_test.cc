// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_talk.h"

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

using scheduler::NodeExit;

TEST(SchedulerTalkTest, OrdersComeBackAsTheyWere) {
  const Status how(StatusCode::kUnavailable, "a\tb\nc\\d\\n");
  for (const Order& order : {Order(NodeExit{{scheduler::Role::kTrainer, 3}, 77, true, how}),
                             Order(NodeExit{{scheduler::Role::kShard, 0}, {}, false, how}),
                             Order(StopRequest{"why\n"}), Order(ShardsWanted{6})}) {
    const std::string line = LineOf(order);
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_EQ(ParseOrder(line), order) << line;
  }
}

TEST(SchedulerTalkTest, NoticesComeBackAsTheyWere) {
  for (const Notice& notice :
       {Notice(Listening{"tcp://127.0.0.1:4567"}), Notice(Progress{"train", 7, 2, "train  7 %"}),
        Notice(Progress{"train", 7, 2, "train  7 %", 2, 3, true}),
        Notice(Lost{12, "silent for 12 s"}), Notice(Report{"one\ntwo\n"}), Notice(Ended{}),
        Notice(Ended{Status(StatusCode::kDataLoss, "record 3")})}) {
    const std::string line = LineOf(notice);
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_EQ(ParseNotice(line), notice) << line;
  }
}

TEST(SchedulerTalkTest, LineWithoutSenseIsNothing) {
  for (const char* line :
       {"", "hello", "exited\t1", "exited\tx\t1\t2\tfinal\t7\thow",
        "exited\t1\t1\tx\tfinal\t7\thow", "stop", "progress\ttrain\t-1\t0\tline",
        "progress\ttrain\t1\t0\tline\tx\t1\tscaled", "shards\tmany", "ended\t\t", "lost\tx\twhy"}) {
    EXPECT_EQ(ParseOrder(line), std::nullopt) << line;
    EXPECT_EQ(ParseNotice(line), std::nullopt) << line;
  }
}

}  // namespace
}  // namespace skybridge::launch
