// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_log.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/scheduler_log.pb.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

std::string Bytes(const history::Entry& entry) { return entry.SerializeAsString(); }

history::Entry Ended(uint32_t code) {
  history::Entry entry;
  entry.mutable_job_ended()->mutable_status()->set_code(code);
  return entry;
}

history::Entry GivenUp() {
  history::Entry entry;
  entry.mutable_place_given_up();
  return entry;
}

TEST(SchedulerLogTest, RecordsComeBackInTheirOrder) {
  const data::ScratchFolder scratch;
  const std::string folder = scratch.path() + "/scheduler";
  const std::vector<Record> records = {{Bytes(GivenUp())}, {"two"}, {Bytes(Ended(7))}};
  ASSERT_TRUE(OpenSchedulerLog(folder)->log->Write(records).ok());
  const auto again = OpenSchedulerLog(folder);
  ASSERT_EQ(again->records.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(again->records[i].bytes, records[i].bytes);
}

TEST(SchedulerLogTest, AReopenedJobForgetsItsUntimelyEndAlone) {
  const data::ScratchFolder scratch;
  const std::string folder = scratch.path() + "/scheduler";
  ASSERT_TRUE(ReopenJob(folder).ok());
  const std::vector<Record> records = {{"one"}, {Bytes(GivenUp())}, {Bytes(Ended(7))}};
  ASSERT_TRUE(OpenSchedulerLog(folder)->log->Write(records).ok());
  ASSERT_TRUE(ReopenJob(folder).ok());
  const std::vector<Record> later = {{Bytes(Ended(0))}, {Bytes(Ended(9))}};
  ASSERT_TRUE(OpenSchedulerLog(folder)->log->Write(later).ok());
  const auto again = OpenSchedulerLog(folder);
  ASSERT_EQ(again->records.size(), 4u);
  EXPECT_EQ(again->records[0].bytes, "one");
  EXPECT_EQ(again->records[1].bytes, "") << "what was given up is tried again";
  EXPECT_EQ(again->records[2].bytes, later[0].bytes);
  EXPECT_EQ(again->records[3].bytes, later[1].bytes);
}

// Promise: a job whose history is gone does not begin anew over what is left of it.
TEST(SchedulerLogTest, ALogThatIsGoneIsLostUnlessItWasDeleted) {
  const data::ScratchFolder scratch;
  const std::string folder = scratch.path() + "/scheduler";
  const std::vector<Record> records = {{"one"}};
  ASSERT_TRUE(BeginSchedulerLog(folder, records).ok());
  std::filesystem::remove_all(folder);
  EXPECT_EQ(OpenSchedulerLog(folder).status().code(), StatusCode::kStateLost);
  EXPECT_EQ(ReopenJob(folder).code(), StatusCode::kStateLost);
  DeleteSchedulerLog(folder);
  ASSERT_TRUE(ReopenJob(folder).ok());
  EXPECT_TRUE(OpenSchedulerLog(folder)->records.empty());
}

}  // namespace
}  // namespace skybridge::launch
