// SPDX-License-Identifier: Apache-2.0
#include "worker/lease_work.h"

#include <gtest/gtest.h>

namespace skybridge::worker {
namespace {

// Ends when its first task comes back: well, or with an error.
class OneTask : public LeaseWork {
 public:
  explicit OneTask(Status end) : end_(std::move(end)) {}
  void Begin(Instant, Effects*) override { progress_.set_done(3); }
  void OnAnswer(const Answer&, Instant, Effects*) override {}
  void OnTask(WorkTask& task, Instant, Effects*) override {
    wire::LeaseDone done;
    done.set_count(task.owner());
    end_.ok() ? Complete(std::move(done)) : Fail(end_);
  }

 private:
  const Status end_;
};

class NoTask : public WorkTask {
 public:
  using WorkTask::WorkTask;
  void Run() override {}
};

TEST(LeaseWorkTest, CompletedWorkReportsItsCountAndProgress) {
  OneTask work{Status()};
  Effects out;
  work.Begin({}, &out);
  EXPECT_FALSE(work.outcome().has_value());
  NoTask task(8);
  work.OnTask(task, {}, &out);
  ASSERT_TRUE(work.outcome().has_value());
  EXPECT_TRUE(work.outcome()->status.ok());
  EXPECT_EQ(work.outcome()->done.count(), 8u);
  EXPECT_EQ(work.outcome()->done.progress().done(), 3u);
}

TEST(LeaseWorkTest, FailedWorkKeepsItsStatus) {
  const Status full(StatusCode::kResourceExhausted, "disk full");
  OneTask work(full);
  Effects out;
  NoTask task(8);
  work.OnTask(task, {}, &out);
  ASSERT_TRUE(work.outcome().has_value());
  EXPECT_EQ(work.outcome()->status, full);
}

}  // namespace
}  // namespace skybridge::worker
