// SPDX-License-Identifier: Apache-2.0
#include "ps/durable_replies.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/memory_redo_log.h"

namespace skybridge::ps {
namespace {

class DurableRepliesTest : public testing::Test {
 protected:
  void Append() {
    const std::string_view pieces[] = {"record"};
    ASSERT_TRUE(log_.Append(1, pieces));
  }
  void Add(const std::string& name) {
    replies_->Add({.peer = name, .header = "header", .payload = "payload"}, &out_);
  }
  // Who gets what left since the last call; keeps the sync that was started.
  std::vector<std::string> Left() {
    replies_->Advance(now_, &out_);
    for (auto& task : out_.start) {
      EXPECT_EQ(sync_, nullptr) << "two syncs at a time";
      sync_ = std::move(task);
    }
    std::vector<std::string> names;
    for (const Envelope& envelope : out_.send) names.push_back(envelope.peer);
    out_ = {};
    return names;
  }
  // The sync ends; then as Left.
  std::vector<std::string> Synced() {
    EXPECT_NE(sync_, nullptr);
    sync_->Run();
    EXPECT_TRUE(replies_->Finish(*std::exchange(sync_, nullptr)));
    return Left();
  }

  using Names = std::vector<std::string>;
  support::MemoryRedoLog log_;
  MemoryBudget budget_{1000};
  std::optional<DurableReplies> replies_{std::in_place, Durability::kPower, log_, budget_};
  Instant now_{std::chrono::seconds(1)};
  Effects out_;
  std::unique_ptr<Task> sync_;
};

TEST_F(DurableRepliesTest, WhatStandsOnASyncedLogLeavesAtOnce) {
  Add("a");
  EXPECT_EQ(Left(), Names{"a"});
  EXPECT_EQ(sync_, nullptr);
  Append();
  ASSERT_TRUE(log_.Sync().ok());
  Add("b");
  EXPECT_EQ(Left(), Names{"b"});
  EXPECT_EQ(sync_, nullptr);
}

TEST_F(DurableRepliesTest, AnAnswerWaitsForTheSyncOfWhatItStandsOn) {
  Append();
  Add("a");
  EXPECT_EQ(Left(), Names{});
  EXPECT_NE(sync_, nullptr);
  EXPECT_EQ(Left(), Names{});
  EXPECT_EQ(Synced(), Names{"a"});
  EXPECT_EQ(replies_->held(), 0u);
  EXPECT_EQ(sync_, nullptr);
}

TEST_F(DurableRepliesTest, TheNextSyncCoversAllThatCameMeanwhile) {
  Append();
  Add("a");
  Left();
  Append();
  Add("b");
  Append();
  Add("c");
  Add("d");
  EXPECT_EQ(Left(), Names{});
  EXPECT_EQ(Synced(), Names{"a"});
  EXPECT_EQ(Synced(), (Names{"b", "c", "d"}));
  EXPECT_EQ(sync_, nullptr);
}

TEST_F(DurableRepliesTest, NothingIsSyncedThatNobodyWaitsFor) {
  Append();
  EXPECT_EQ(Left(), Names{});
  EXPECT_EQ(sync_, nullptr);
}

TEST_F(DurableRepliesTest, ASyncOfAnotherLetsAnswersOutTooAndInTheirOrder) {
  Append();
  Add("a");
  Left();
  ASSERT_TRUE(log_.Sync().ok());
  Add("b");
  EXPECT_EQ(Left(), (Names{"a", "b"}));
  EXPECT_EQ(Synced(), Names{});
}

TEST_F(DurableRepliesTest, WithoutRoomTheLogIsSyncedAtOnce) {
  Append();
  const std::string large(300, 'x');
  for (const char* name : {"a", "b", "c", "d"}) {
    replies_->Add({.peer = name, .header = {}, .payload = large}, &out_);
  }
  EXPECT_LE(budget_.used(), budget_.limit());
  EXPECT_EQ(log_.synced(), log_.last());
  EXPECT_EQ(Left(), (Names{"a", "b", "c", "d"}));
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(DurableRepliesTest, ItsBytesAreThoseOfWhatWaits) {
  Append();
  Add("a");
  const uint64_t one = budget_.used();
  EXPECT_GT(one, std::string("aheaderpayload").size());
  Add("b");
  EXPECT_EQ(budget_.used(), 2 * one);
  Left();
  Synced();
  EXPECT_EQ(budget_.used(), 0u);
  Append();
  Add("c");
  replies_.reset();
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(DurableRepliesTest, AfterAFailedSyncNothingLeaves) {
  Append();
  Add("a");
  Left();
  ASSERT_TRUE(replies_->failure().ok());
  EXPECT_TRUE(replies_->Finish(*sync_));  // It did not run.
  EXPECT_EQ(replies_->failure().code(), StatusCode::kUnavailable);
  sync_.reset();
  ASSERT_TRUE(log_.Sync().ok());
  Add("b");
  EXPECT_EQ(Left(), Names{});
  EXPECT_EQ(sync_, nullptr);
}

TEST_F(DurableRepliesTest, ALogThatFailsForLackOfRoomLetsNothingOut) {
  Append();
  const std::string large(300, 'x');
  for (const char* name : {"a", "b"}) {
    replies_->Add({.peer = name, .header = {}, .payload = large}, &out_);
  }
  log_.failure = Status(StatusCode::kUnavailable, "broken");
  replies_->Add({.peer = "c", .header = {}, .payload = large + large}, &out_);
  EXPECT_EQ(replies_->failure().message(), "broken");
  EXPECT_EQ(Left(), Names{});
}

TEST_F(DurableRepliesTest, AtProcessAnswersLeaveAtOnceAndTheLogIsSyncedNowAndThen) {
  replies_.emplace(Durability::kProcess, log_, budget_);
  Append();
  Add("a");
  EXPECT_EQ(Left(), Names{"a"});
  EXPECT_EQ(budget_.used(), 0u);
  ASSERT_NE(sync_, nullptr);
  Append();
  Add("b");
  now_ = now_ + DurableReplies::kSyncEvery;
  EXPECT_EQ(Left(), Names{"b"});  // No second one beside the first.
  Synced();
  EXPECT_EQ(log_.synced(), 1u);
  ASSERT_NE(sync_, nullptr);
  Synced();
  EXPECT_EQ(log_.synced(), 2u);
  EXPECT_EQ(sync_, nullptr);  // There is nothing new.
  Append();
  Left();
  EXPECT_EQ(sync_, nullptr);  // Too soon.
  now_ = now_ + DurableReplies::kSyncEvery;
  Left();
  EXPECT_NE(sync_, nullptr);
}

TEST_F(DurableRepliesTest, TasksOfOthersAreNotTaken) {
  class Other : public Task {
    void Run() override {}
  };
  EXPECT_FALSE(replies_->Finish(Other()));
}

}  // namespace
}  // namespace skybridge::ps
