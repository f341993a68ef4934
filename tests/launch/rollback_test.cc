// SPDX-License-Identifier: Apache-2.0
#include "launch/rollback.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <glog/logging.h>
#include <gtest/gtest.h>

#include "proto/checkpoint_store.h"
#include "tests/data/scratch_folder.h"
#include "tests/support/fake_checkpoint.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

class TidyRollbackTest : public testing::Test {
 protected:
  void Put(const std::string& path, const std::string& text) const {
    const fs::path whole = fs::path(folder_.path) / path;
    fs::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  std::string Get(const std::string& path) const {
    std::ifstream file(fs::path(folder_.path) / path);
    std::string text;
    std::getline(file, text);
    return text;
  }
  bool Has(const std::string& path) const { return fs::exists(fs::path(folder_.path) / path); }

  data::ScratchFolder scratch_;
  const RunFolder folder_{scratch_.path()};
};

// It died while it made the new state: the old one is all there is.
TEST_F(TidyRollbackTest, WhatWasNotWholeIsDropped) {
  Put("store/shard-0/rows", "old");
  Put("scheduler/log", "old");
  Put("rollback/store/shard-0/rows", "half");
  ASSERT_TRUE(TidyRollback(folder_).ok());
  EXPECT_EQ(Get("store/shard-0/rows"), "old");
  EXPECT_EQ(Get("scheduler/log"), "old");
  EXPECT_FALSE(Has("rollback"));
}

// It died after `moved` of the two folders had taken their places.
TEST_F(TidyRollbackTest, WhatWasWholeTakesItsPlaceWhereverThatStopped) {
  for (int moved = 0; moved <= 2; ++moved) {
    Put("temp/vectors-3", "old");
    Put("rolled_back/empty", "");
    Put(moved > 0 ? "store/rows" : "rolled_back/store/rows", "new");
    Put(moved > 1 ? "scheduler/log" : "rolled_back/scheduler/log", "new");
    if (moved == 0) Put("store/other_rows", "old");
    if (moved <= 1) Put("scheduler/other_log", "old");
    ASSERT_TRUE(TidyRollback(folder_).ok()) << moved;
    EXPECT_EQ(Get("store/rows"), "new") << moved;
    EXPECT_EQ(Get("scheduler/log"), "new") << moved;
    for (const char* gone : {"store/other_rows", "scheduler/other_log", "temp", "rolled_back"}) {
      EXPECT_FALSE(Has(gone)) << gone << moved;
    }
    fs::remove_all(folder_.store_folder());
    fs::remove_all(folder_.scheduler_folder());
  }
}

TEST_F(TidyRollbackTest, WithNothingToTidyNothingChanges) {
  Put("store/rows", "old");
  ASSERT_TRUE(TidyRollback(folder_).ok());
  EXPECT_EQ(Get("store/rows"), "old");
}

// Three checkpoints, of another job than the one that is to go back: a sound one is refused as
// such.
class RollbackTest : public testing::Test {
 protected:
  RollbackTest() {
    for (const uint32_t round : {1, 2, 3}) {
      CHECK(checkpoint::PutCheckpoint(store_, support::MakeCheckpoint(store_, round)));
    }
  }
  // Reading the manifests comes to these, oldest first.
  Status RollBackWith(const std::vector<StatusCode>& codes) {
    store_.fail = [codes](std::string_view call, const std::string& key) {
      for (uint32_t round = 1; round <= codes.size(); ++round) {
        const StatusCode code = codes[round - 1];
        if (call != "Get" || key != checkpoint::ManifestKey(round)) continue;
        return code == StatusCode::kOk ? Status() : Status(code, "read " + key);
      }
      return Status();
    };
    return RollBack(store_, job(), {1, 2}, {scratch_.path() + "/run"}, [](const auto&) {}).status();
  }

 private:
  OpenJob job() const {
    scratch_.Write("t.tsv", "user\titem\n1\t2\n");
    auto loaded = JobFromText(R"(
      name: "small"
      data { train { path: "t.tsv" } candidate_key: "item" }
      query { dim: 4 feature { column: "user" id { form: INTEGER } } }
      candidate { dim: 4 feature { column: "item" id { form: INTEGER } } })",
                              {.path = "job"}, scratch_.path());
    CHECK(loaded) << loaded.error();
    auto job = OpenLoadedJob(*std::move(loaded));
    CHECK(job) << job.error();
    return *std::move(job);
  }

  data::ScratchFolder scratch_;
  support::MemoryObjectStore store_;
};

constexpr StatusCode kSound = StatusCode::kOk, kDamaged = StatusCode::kDataLoss;

TEST_F(RollbackTest, WhereNoneIsSoundOneThatCannotBeReadForNowIsWhatToMend) {
  constexpr StatusCode kAway = StatusCode::kUnavailable, kNoRoom = StatusCode::kResourceExhausted;
  const struct {
    std::vector<StatusCode> codes;
    StatusCode expected;
    std::string named;
  } cases[] = {
      {{kDamaged, kDamaged, kDamaged}, StatusCode::kNotFound, "no sound checkpoint"},
      {{kAway, kAway, kAway}, kAway, "MANIFEST-00000003"},
      {{kAway, kNoRoom, kDamaged}, kNoRoom, "MANIFEST-00000002"},
      {{kDamaged, kDamaged, kNoRoom}, kNoRoom, "MANIFEST-00000003"},
      {{kSound, kAway, kAway}, StatusCode::kFailedPrecondition, "checkpoint 1 is of job"},
  };
  for (const auto& [codes, expected, named] : cases) {
    const Status status = RollBackWith(codes);
    EXPECT_EQ(status.code(), expected) << status;
    EXPECT_NE(status.message().find(named), std::string::npos) << status;
  }
}

TEST(RollbackLimitTest, ACheckpointThatLeadsNowhereIsNotGoneBackToForEver) {
  RollbackLimit limit;
  for (uint32_t times = 0; times < RollbackLimit::kSameMax; ++times) {
    EXPECT_TRUE(limit.Note(7).ok());
    EXPECT_TRUE(limit.Note(8).ok());
  }
  const Status refused = limit.Note(7);
  EXPECT_EQ(refused.code(), StatusCode::kStateLost);
  EXPECT_NE(refused.message().find("checkpoint 7"), std::string::npos) << refused;
}

}  // namespace
}  // namespace skybridge::launch
