// SPDX-License-Identifier: Apache-2.0
#include "launch/checkpoint_report.h"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/checkpoint_store.h"
#include "proto/manifest.h"
#include "tests/support/fake_checkpoint.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A store in which something happens once its manifests were listed.
class BusyStore : public support::MemoryObjectStore {
 public:
  Result<std::vector<std::string>> List(const std::string& prefix) override {
    auto keys = MemoryObjectStore::List(prefix);
    if (meanwhile) meanwhile();
    return keys;
  }

  std::function<void()> meanwhile;
};

class CheckpointReportTest : public testing::Test {
 protected:
  CheckpointReportTest() {
    for (const uint32_t round : {3, 5, 8}) {
      const auto put = checkpoint::PutCheckpoint(store_, support::MakeCheckpoint(store_, round));
      EXPECT_TRUE(put) << put.error();
    }
  }
  Status List() {
    return ListCheckpoints(store_, [this](const std::string& line) { said_.push_back(line); });
  }
  Status Verify(std::optional<uint32_t> wanted = std::nullopt) {
    return VerifyCheckpoints(store_, wanted,
                             [this](const std::string& line) { said_.push_back(line); });
  }

  BusyStore store_;
  std::vector<std::string> said_;
};

TEST_F(CheckpointReportTest, EachCheckpointHasItsLine) {
  ASSERT_TRUE(List().ok());
  EXPECT_THAT(
      said_, ElementsAre(HasSubstr("round"), HasSubstr(" 3 "), HasSubstr(" 5 "), HasSubstr(" 8 ")));
  said_.clear();
  ASSERT_TRUE(Verify().ok());
  EXPECT_THAT(said_,
              ElementsAre(HasSubstr("checkpoint 3 is sound"), HasSubstr("checkpoint 5 is sound"),
                          HasSubstr("checkpoint 8 is sound")));
}

// Promise: beside a job that prunes, nothing is called damaged that is not.
TEST_F(CheckpointReportTest, ACheckpointThatIsPrunedMeanwhileIsNotDamaged) {
  store_.meanwhile = [this] { store_.entries.erase(checkpoint::ManifestKey(3)); };
  ASSERT_TRUE(List().ok());
  EXPECT_THAT(said_, ElementsAre(HasSubstr("round"), HasSubstr(" 5 "), HasSubstr(" 8 ")));
  said_.clear();
  store_.meanwhile = [this] { store_.entries.erase(checkpoint::ManifestKey(5)); };
  const Status status = Verify();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(said_,
              ElementsAre("checkpoint 5 was pruned meanwhile", HasSubstr("checkpoint 8 is sound")));
  store_.meanwhile = [this] { store_.entries.erase(checkpoint::ManifestKey(8)); };
  EXPECT_EQ(Verify(8).code(), StatusCode::kNotFound) << "it was asked for by name";
}

TEST_F(CheckpointReportTest, AnObjectThatIsGoneBesideItsManifestIsDamage) {
  const auto manifest = checkpoint::ReadManifest(store_, 5);
  ASSERT_TRUE(manifest.has_value());
  store_.entries.erase(manifest->fragment(0).object().key());
  EXPECT_EQ(Verify().code(), StatusCode::kNotFound);
  EXPECT_THAT(said_,
              ElementsAre(HasSubstr("checkpoint 3 is sound"), HasSubstr("checkpoint 5 is damaged"),
                          HasSubstr("checkpoint 8 is sound")));
}

TEST_F(CheckpointReportTest, AManifestThatCannotBeReadIsListedAsDamaged) {
  store_.entries[checkpoint::ManifestKey(5)].bytes = "torn";
  ASSERT_TRUE(List().ok());
  EXPECT_THAT(said_, ElementsAre(HasSubstr("round"), HasSubstr(" 3 "), HasSubstr("5 damaged"),
                                 HasSubstr(" 8 ")));
}

}  // namespace
}  // namespace skybridge::launch
