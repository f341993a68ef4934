// SPDX-License-Identifier: Apache-2.0
#include "worker/calls.h"

#include <gtest/gtest.h>

#include "proto/envelope.h"
#include "tests/worker/test_cluster.h"

namespace skybridge::worker {
namespace {

using std::chrono::seconds;
constexpr Instant kStart{};

wire::Header Query() {
  wire::Header header;
  header.mutable_rank_query()->set_rank(3);
  return header;
}

wire::Header Reply(uint64_t call) {
  wire::Header header;
  header.set_request(call);
  header.mutable_rank_reply();
  return header;
}

TEST(CallsTest, UnansweredCallIsRepeatedWithTheSameBytesEverMoreSlowly) {
  const ClusterView cluster = TestCluster(2);
  Calls calls({.retry_first = seconds(1), .retry_max = seconds(3)}, cluster);
  Effects first;
  calls.Start(7, 1, Query(), "payload", kStart, &first);
  ASSERT_EQ(first.send.size(), 1u);
  EXPECT_EQ(first.send[0].peer, "shard-1");

  std::vector<int> repeated_at;
  for (int s = 1; s <= 10; ++s) {
    Effects out;
    calls.Tick(kStart + seconds(s), &out);
    if (out.send.empty()) continue;
    repeated_at.push_back(s);
    EXPECT_EQ(out.send[0].header, first.send[0].header);
    EXPECT_EQ(out.send[0].payload, "payload");
  }
  EXPECT_EQ(repeated_at, (std::vector<int>{1, 3, 6, 9}));  // 1, then 2, then 3 s apart.
  EXPECT_EQ(calls.repeats(), 4u);
}

TEST(CallsTest, OnlyTheFirstAnswerReachesTheOwner) {
  const ClusterView cluster = TestCluster(2);
  Calls calls({}, cluster);
  Effects out;
  const uint64_t call = calls.Start(7, 1, Query(), {}, kStart, &out);
  const auto answer = calls.Match(Reply(call), {}, kStart);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->owner, 7u);
  EXPECT_EQ(answer->shard, 1u);
  EXPECT_TRUE(answer->status.ok());
  EXPECT_FALSE(calls.Match(Reply(call), {}, kStart).has_value());
  EXPECT_FALSE(calls.Match(Reply(call + 1), {}, kStart).has_value());
}

TEST(CallsTest, RefusalThatTimeMendsIsRepeatedAndOthersReachTheOwner) {
  const ClusterView cluster = TestCluster(1);
  Calls calls({.retry_first = seconds(1)}, cluster);
  Effects out;
  const uint64_t call = calls.Start(7, 0, Query(), {}, kStart, &out);
  const auto refuse = [&](StatusCode code) {
    wire::Header header;
    header.set_request(call);
    header.mutable_error()->set_code(static_cast<uint32_t>(code));
    return calls.Match(header, {}, kStart);
  };
  EXPECT_FALSE(refuse(StatusCode::kNotReady).has_value());
  EXPECT_FALSE(refuse(StatusCode::kResourceExhausted).has_value());
  Effects repeat;
  calls.Tick(kStart + seconds(1), &repeat);
  EXPECT_EQ(repeat.send.size(), 1u);
  const auto fenced = refuse(StatusCode::kFenced);
  ASSERT_TRUE(fenced.has_value());
  EXPECT_EQ(fenced->status.code(), StatusCode::kFenced);
  EXPECT_EQ(calls.pending(), 0u);
}

// S8.
TEST(CallsTest, AShardThatHasNoRoomForLongIsTheOwnersMatter) {
  const ClusterView cluster = TestCluster(1);
  Calls calls({.no_room_max = seconds(600)}, cluster);
  Effects out;
  const uint64_t call = calls.Start(7, 0, Query(), {}, kStart, &out);
  const auto refuse = [&](StatusCode code, int second) {
    wire::Header header;
    header.set_request(call);
    header.mutable_error()->set_code(static_cast<uint32_t>(code));
    header.mutable_error()->set_message("segment-3: disk full");
    return calls.Match(header, {}, kStart + seconds(second));
  };
  EXPECT_FALSE(refuse(StatusCode::kResourceExhausted, 0).has_value());
  EXPECT_FALSE(refuse(StatusCode::kResourceExhausted, 599).has_value());
  EXPECT_FALSE(refuse(StatusCode::kNotReady, 600).has_value()) << "it died and is back";
  EXPECT_FALSE(refuse(StatusCode::kResourceExhausted, 601).has_value());
  EXPECT_FALSE(refuse(StatusCode::kResourceExhausted, 1200).has_value());
  const auto answer = refuse(StatusCode::kResourceExhausted, 1201);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_NE(answer->status.message().find("segment-3: disk full"), std::string::npos)
      << answer->status;
}

TEST(CallsTest, RefusalsOfAnOldMapWaitForTheNewOne) {
  ClusterView cluster = TestCluster(2);
  Calls calls({.retry_first = seconds(1)}, cluster);
  Effects out;
  const uint64_t call = calls.Start(7, 1, Query(), "payload", kStart, &out);
  calls.Start(7, 0, Query(), {}, kStart, &out);
  for (const StatusCode code : {StatusCode::kStaleMap, StatusCode::kWrongIncarnation}) {
    wire::Header header;
    header.set_request(call);
    header.mutable_error()->set_code(static_cast<uint32_t>(code));
    EXPECT_FALSE(calls.Match(header, {}, kStart).has_value());
  }
  std::vector<ShardMap::Shard> shards = cluster.map.shards();
  shards[1].incarnation = Incarnation(999);
  shards[1].endpoint = "elsewhere";
  cluster.map = *ShardMap::Create(MapVersion(9), shards);
  Effects again;
  calls.Resend(1, kStart, &again);
  ASSERT_EQ(again.send.size(), 1u) << "the other shard is the same";
  EXPECT_EQ(again.send[0].peer, "elsewhere");
  EXPECT_EQ(again.send[0].payload, "payload");
  const wire::Header sent = *wire::Open(again.send[0]);
  EXPECT_EQ(sent.request(), call);
  EXPECT_EQ(sent.identity().target_incarnation(), 999u);
  EXPECT_EQ(sent.identity().map_version(), 9u);
}

TEST(CallsTest, DroppedOwnersHearNothingAndSendNothing) {
  const ClusterView cluster = TestCluster(1);
  Calls calls({}, cluster);
  Effects out;
  const uint64_t mine = calls.Start(7, 0, Query(), {}, kStart, &out);
  const uint64_t other = calls.Start(8, 0, Query(), {}, kStart, &out);
  calls.Drop(7);
  EXPECT_FALSE(calls.Match(Reply(mine), {}, kStart).has_value());
  EXPECT_TRUE(calls.Match(Reply(other), {}, kStart).has_value());
}

TEST(CallsTest, LongWaitIsNamed) {
  const ClusterView cluster = TestCluster(1);
  Calls calls({}, cluster);
  Effects out;
  calls.Start(7, 0, Query(), {}, kStart, &out);
  EXPECT_EQ(calls.Overdue(kStart + seconds(4), seconds(5)), "");
  EXPECT_EQ(calls.Overdue(kStart + seconds(12), seconds(5)),
            "rank_query to shard 0 unanswered for 12 s");
}

}  // namespace
}  // namespace skybridge::worker
