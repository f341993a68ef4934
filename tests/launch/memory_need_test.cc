// SPDX-License-Identifier: Apache-2.0
#include "launch/memory_need.h"

#include <string>

#include <gtest/gtest.h>

#include "launch/job_resolve.h"

namespace skybridge::launch {
namespace {

constexpr uint64_t kMiB = 1 << 20;

job::Job JobOf(uint32_t trainers, int32_t staleness) {
  job::Job job;
  job.mutable_cluster()->set_shards_per_server(2);
  job.mutable_cluster()->set_shard_memory_bytes(128 * kMiB);
  job.mutable_consistency()->set_trainers(trainers);
  job.mutable_consistency()->set_staleness(staleness);
  return ResolveJob(job);
}

PushSize Push(uint64_t bytes) { return {.batches = 1, .bytes_mean = bytes, .bytes_most = bytes}; }

TEST(MemoryNeedTest, AServerNeedsRowsPushesMessagesAndWhatIsBesides) {
  const MemoryNeed need = MemoryNeedOf(JobOf(20, 0), Push(kMiB));
  EXPECT_EQ(need.rows, 2 * 128 * kMiB);
  EXPECT_EQ(need.pushes, 2 * 64 * kMiB);
  // Five copies of a push and the rows of a pull, for 20 trainers, at 2 shards.
  EXPECT_EQ(need.messages, 2 * 20 * 6 * kMiB);
  EXPECT_EQ(need.total(), need.rows + need.pushes + need.messages + 96 * kMiB);
}

TEST(MemoryNeedTest, AQueueHoldsMessagesNotWholePushes) {
  const MemoryNeed need = MemoryNeedOf(JobOf(1, 0), Push(40 * kMiB));
  EXPECT_EQ(need.messages, 2 * (5 * (4 * kMiB + (64 << 10)) + 40 * kMiB));
}

TEST(MemoryNeedTest, InLockstepPushesOfAllTrainersWaitTogether) {
  EXPECT_EQ(BytesTogether(JobOf(20, 0), kMiB), 20 * kMiB);
  EXPECT_EQ(BytesTogether(JobOf(20, 1), kMiB), 0u);
  EXPECT_EQ(BytesTogether(JobOf(20, -1), 5 * kMiB), 100 * kMiB) << "they come in chunks";
}

TEST(MemoryNeedTest, PushesThatNeverFitTogetherAreRefusedWithNumbersAndAdvice) {
  EXPECT_TRUE(CheckRoomForPushes(JobOf(16, 0), Push(4 * kMiB)).ok());
  const Status status = CheckRoomForPushes(JobOf(20, 0), Push(4 * kMiB));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  for (const char* part : {"cluster.push_memory_bytes", "20 trainers", "83886080", "fewer trainers",
                           "smaller batch", "more shards"}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << part << ": " << status;
  }
}

}  // namespace
}  // namespace skybridge::launch
