// SPDX-License-Identifier: Apache-2.0
#include "env/task_pool.h"

#include <utility>

#include <glog/logging.h>

namespace skybridge::env {

TaskPool::TaskPool(size_t threads) {
  CHECK_GT(threads, 0u);
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

TaskPool::~TaskPool() {
  {
    const std::lock_guard lock(mutex_);
    CHECK_EQ(queues_, 0u) << "a queue outlives its pool";
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void TaskPool::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    ++entry.owner->running_;
    lock.unlock();
    entry.task->Run();
    lock.lock();
    entry.owner->finished_.push_back(std::move(entry.task));
    lock.unlock();
    entry.owner->wake_();  // Before running_ goes down: until then the owner cannot go away.
    lock.lock();
    --entry.owner->running_;
    changed_.notify_all();
  }
}

TaskQueue::TaskQueue(TaskPool& pool, std::function<void()> wake)
    : pool_(pool), wake_(std::move(wake)) {
  CHECK(wake_);
  const std::lock_guard lock(pool_.mutex_);
  ++pool_.queues_;
}

TaskQueue::~TaskQueue() {
  std::unique_lock lock(pool_.mutex_);
  std::erase_if(pool_.waiting_, [&](const TaskPool::Entry& entry) { return entry.owner == this; });
  pool_.changed_.wait(lock, [&] { return running_ == 0; });
  --pool_.queues_;
}

void TaskQueue::Start(std::unique_ptr<Task> task) {
  CHECK(task);
  {
    const std::lock_guard lock(pool_.mutex_);
    pool_.waiting_.push_back({this, std::move(task)});
  }
  pool_.changed_.notify_all();
}

std::vector<std::unique_ptr<Task>> TaskQueue::TakeFinished() {
  const std::lock_guard lock(pool_.mutex_);
  return std::exchange(finished_, {});
}

}  // namespace skybridge::env
