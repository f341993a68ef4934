// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_log.h"

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
  const std::vector<Record> records = {{Bytes(GivenUp())}, {"two"}, {Bytes(Ended(7))}};
  ASSERT_TRUE(OpenSchedulerLog(scratch.path())->log->Write(records).ok());
  const auto again = OpenSchedulerLog(scratch.path());
  ASSERT_EQ(again->records.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(again->records[i].bytes, records[i].bytes);
}

TEST(SchedulerLogTest, AReopenedJobForgetsItsUntimelyEndAlone) {
  const data::ScratchFolder scratch;
  ASSERT_TRUE(ReopenJob(scratch.path() + "/none").ok());
  const std::vector<Record> records = {{"one"}, {Bytes(GivenUp())}, {Bytes(Ended(7))}};
  ASSERT_TRUE(OpenSchedulerLog(scratch.path())->log->Write(records).ok());
  ASSERT_TRUE(ReopenJob(scratch.path()).ok());
  const std::vector<Record> later = {{Bytes(Ended(0))}, {Bytes(Ended(9))}};
  ASSERT_TRUE(OpenSchedulerLog(scratch.path())->log->Write(later).ok());
  const auto again = OpenSchedulerLog(scratch.path());
  ASSERT_EQ(again->records.size(), 3u);
  EXPECT_EQ(again->records[0].bytes, "one");
  EXPECT_EQ(again->records[1].bytes, later[0].bytes);
  EXPECT_EQ(again->records[2].bytes, later[1].bytes);
}

}  // namespace
}  // namespace skybridge::launch
