// SPDX-License-Identifier: Apache-2.0
#include "env/task_pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include <gtest/gtest.h>

namespace skybridge::env {
namespace {

// Opened once; tasks wait for it.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

class GatedTask : public Task {
 public:
  GatedTask(int its_number, Gate& gate, std::atomic<int>& ran)
      : number(its_number), gate_(gate), ran_(ran) {}
  void Run() override {
    gate_.Pass();
    ++ran_;
  }
  const int number;

 private:
  Gate& gate_;
  std::atomic<int>& ran_;
};

class TaskPoolTest : public testing::Test {
 protected:
  std::unique_ptr<Task> Make(int number) {
    return std::make_unique<GatedTask>(number, gate_, ran_);
  }
  // Waits until `count` tasks were announced.
  void AwaitWakes(int count) {
    std::unique_lock lock(mutex_);
    woken_.wait(lock, [&] { return wakes_ >= count; });
  }
  std::function<void()> Wake() {
    return [this] {
      const std::lock_guard lock(mutex_);
      ++wakes_;
      woken_.notify_all();
    };
  }

  Gate gate_;
  std::atomic<int> ran_ = 0;
  std::mutex mutex_;
  std::condition_variable woken_;
  int wakes_ = 0;
};

TEST_F(TaskPoolTest, OneThreadRunsTasksInTheirOrderAndAnnouncesEach) {
  TaskPool pool(1);
  TaskQueue queue(pool, Wake());
  for (int i = 0; i < 20; ++i) queue.Start(Make(i));
  EXPECT_TRUE(queue.TakeFinished().empty());
  gate_.Open();
  AwaitWakes(20);
  const auto finished = queue.TakeFinished();
  ASSERT_EQ(finished.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(dynamic_cast<GatedTask&>(*finished[static_cast<size_t>(i)]).number, i);
  }
  EXPECT_TRUE(queue.TakeFinished().empty());
}

TEST_F(TaskPoolTest, QueuesGetTheirOwnTasksBack) {
  TaskPool pool(2);
  TaskQueue one(pool, Wake()), two(pool, Wake());
  one.Start(Make(1));
  two.Start(Make(2));
  gate_.Open();
  AwaitWakes(2);
  EXPECT_EQ(one.TakeFinished().size(), 1u);
  const auto finished = two.TakeFinished();
  ASSERT_EQ(finished.size(), 1u);
  EXPECT_EQ(dynamic_cast<GatedTask&>(*finished[0]).number, 2);
}

TEST_F(TaskPoolTest, QueueThatGoesAwayForgetsWhatHasNotBegun) {
  TaskPool pool(1);
  TaskQueue blocker(pool, Wake());
  blocker.Start(Make(0));
  {
    TaskQueue gone(pool, Wake());
    for (int i = 0; i < 10; ++i) gone.Start(Make(i));
  }
  gate_.Open();
  AwaitWakes(1);
  EXPECT_EQ(ran_, 1);
}

TEST_F(TaskPoolTest, QueueThatGoesAwayWaitsForWhatHasBegun) {
  TaskPool pool(1);
  gate_.Open();
  for (int round = 0; round < 50; ++round) {
    TaskQueue queue(pool, [] {});
    queue.Start(Make(round));
  }
  EXPECT_LE(ran_, 50);
}

}  // namespace
}  // namespace skybridge::env
