// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/node.h"

namespace skybridge::env {

class TaskQueue;

// Threads that run the tasks of the nodes of one process, in the order they were started.
class TaskPool {
 public:
  // threads: at least 1.
  explicit TaskPool(size_t threads);
  // All queues are gone by now.
  ~TaskPool();
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

 private:
  friend class TaskQueue;
  struct Entry {
    TaskQueue* owner;
    std::unique_ptr<Task> task;
  };
  void Work();

  std::mutex mutex_;
  std::condition_variable changed_;  // Work came, a task ended, or the pool stops.
  std::deque<Entry> waiting_;
  size_t queues_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// The tasks of one node in a pool. Use by one thread, which need not be the one that made it.
class TaskQueue {
 public:
  // `pool` outlives the queue. `wake` is called on a thread of the pool after each task that ran;
  // it must not block.
  TaskQueue(TaskPool& pool, std::function<void()> wake);
  // Forgets the tasks that have not begun and waits for those that have.
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  void Start(std::unique_ptr<Task> task);
  // The tasks that ran since the last call, in the order they ended.
  std::vector<std::unique_ptr<Task>> TakeFinished();

 private:
  friend class TaskPool;
  TaskPool& pool_;
  const std::function<void()> wake_;
  // Guarded by pool_.mutex_.
  std::vector<std::unique_ptr<Task>> finished_;
  size_t running_ = 0;
};

}  // namespace skybridge::env
