// SPDX-License-Identifier: Apache-2.0
#include "worker/step_source.h"

#include "tests/worker/training_work.h"

namespace skybridge::worker {
namespace {

class StepSourceTest : public TrainingWorkTest {
 protected:
  // Asks for `position`; null if nothing was begun.
  std::unique_ptr<StepTask> Want(const BatchPosition& position) {
    Effects out;
    source_.Want(position, &out);
    if (out.start.empty()) return nullptr;
    return std::unique_ptr<StepTask>(dynamic_cast<StepTask*>(out.start[0].release()));
  }

  StepSource source_{4, model(), dataset(), cache_};
};

TEST_F(StepSourceTest, BatchIsThereOnceAfterItsTaskRan) {
  const BatchPosition position{.partition = 1, .batch = 1};
  const auto task = Want(position);
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(task->owner(), 4u);
  EXPECT_EQ(source_.Collect(position), nullptr);
  EXPECT_EQ(Want(position), nullptr) << "it is under way";
  task->Run();
  ASSERT_TRUE(source_.Take(*task).ok());
  const auto step = source_.Collect(position);
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->batch.candidate_keys, Prepare(position)->batch.candidate_keys);
}

TEST_F(StepSourceTest, PartitionIsReadOnce) {
  const auto first = Want({.partition = 1});
  EXPECT_EQ(first->partition, nullptr);
  first->Run();
  ASSERT_TRUE(source_.Take(*first).ok());
  EXPECT_NE(source_.Collect({.partition = 1}), nullptr);
  EXPECT_EQ(Want({.partition = 1, .batch = 1})->partition, first->partition);
}

TEST_F(StepSourceTest, CacheKeepsWhatWasUsedLastWithinItsBytesAndAtLeastOne) {
  const auto load = [&](uint32_t p) { return *dataset().LoadTraining(p); };
  PartitionCache roomy(1 << 20), narrow(1);
  for (uint32_t p = 0; p < 3; ++p) {
    roomy.Keep(p, load(p));
    narrow.Keep(p, load(p));
  }
  EXPECT_NE(roomy.Find(0), nullptr);
  EXPECT_EQ(narrow.Find(0), nullptr);
  EXPECT_EQ(narrow.Find(1), nullptr);
  EXPECT_NE(narrow.Find(2), nullptr);
}

TEST_F(StepSourceTest, FileThatIsGoneIsAnErrorByName) {
  std::filesystem::remove(scratch_.path() + "/train.tsv");
  const auto task = Want({});
  task->Run();
  const Status status = source_.Take(*task);
  EXPECT_EQ(status.code(), StatusCode::kNotFound) << status;
}

}  // namespace
}  // namespace skybridge::worker
