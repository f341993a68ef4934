// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_log.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

TEST(SchedulerLogTest, RecordsComeBackUpToTheOneThatACrashCutOff) {
  const data::ScratchFolder scratch;
  const std::vector<Record> records = {{"one"}, {""}, {std::string("t\0wo", 4)}};
  ASSERT_TRUE(OpenSchedulerLog(scratch.path())->log->Write(records).ok());
  const std::string path = scratch.path() + "/log";
  const auto whole = fs::file_size(path);
  EXPECT_EQ(OpenSchedulerLog(scratch.path())->records.size(), 3u);
  for (auto size = whole - 1; size > whole - 20; --size) {
    fs::resize_file(path, size);
    SchedulerLog log = *OpenSchedulerLog(scratch.path());
    ASSERT_EQ(log.records.size(), 2u) << size;
    ASSERT_TRUE(log.log->Write(std::vector<Record>{records[2]}).ok());
    log = *OpenSchedulerLog(scratch.path());
    ASSERT_EQ(log.records.size(), 3u) << size;
    EXPECT_EQ(log.records[2].bytes, records[2].bytes);
  }
}

}  // namespace
}  // namespace skybridge::launch
