// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/checkpoint_checker.h"

#include <gtest/gtest.h>

#include "proto/manifest.h"
#include "tests/support/fake_checkpoint.h"

namespace skybridge::sim {
namespace {

constexpr double kOld = 4000;  // Seconds.

class CheckpointsWholeTest : public testing::Test {
 protected:
  void Make(uint32_t round) {
    Put(support::MakeCheckpoint(store_, round));
    checker_.Passed({});
  }
  void Put(const checkpoint::Manifest& manifest) {
    const std::string key = checkpoint::ManifestKey(manifest.round());
    ASSERT_TRUE(store_.Put(key, EncodeManifest(manifest)).ok());
  }
  void Delete(const std::string& key) {
    ASSERT_TRUE(store_.Delete(key).ok());
    checker_.Passed({});
  }
  // An object that the newest checkpoint has, whose name contains this.
  std::string Named(const std::string& part) {
    for (const auto& [key, entry] : store_.entries) {
      if (key.find(part) != key.npos) return key;
    }
    return "";
  }
  std::string broken() const {
    return checker_.violation() ? checker_.violation()->invariant : std::string();
  }

  SimObjectStore store_{1, 0};
  std::string wrong_;
  CheckpointsWhole checker_{store_, 2, [this](const checkpoint::Manifest&) { return wrong_; }};
};

TEST_F(CheckpointsWholeTest, CheckpointsComeAndGo) {
  for (uint32_t round = 1; round <= 4; ++round) {
    Make(round);
    store_.now += kOld;
    if (round > 2) Delete(checkpoint::ManifestKey(round - 2));
    checker_.Pruned();
  }
  Delete(Named("new0"));  // Of the first, which nobody names.
  checker_.Ended();
  EXPECT_EQ(broken(), "") << checker_.violation()->what;
}

TEST_F(CheckpointsWholeTest, FiresIfAnObjectIsNotThereFromTheStart) {
  const checkpoint::Manifest manifest = support::MakeCheckpoint(store_, 1);
  store_.entries.erase(Named("new1"));
  Put(manifest);
  checker_.Passed({});
  EXPECT_EQ(broken(), "I8");
}

TEST_F(CheckpointsWholeTest, FiresIfTheCutIsNoCut) {
  wrong_ = "rows differ";
  Make(1);
  EXPECT_EQ(broken(), "I8");
}

TEST_F(CheckpointsWholeTest, FiresIfSomethingNamedIsDeleted) {
  Make(1);
  store_.now += kOld;
  Delete(Named("tail"));
  EXPECT_EQ(broken(), "I8");
}

TEST_F(CheckpointsWholeTest, FiresIfSomethingYoungIsDeleted) {
  Make(1);
  support::PutObject(store_, "next", "rows");
  Delete(Named("next"));
  EXPECT_EQ(broken(), "I8");
}

TEST_F(CheckpointsWholeTest, FiresIfTooFewManifestsStay) {
  Make(1);
  Make(2);
  Delete(checkpoint::ManifestKey(1));
  EXPECT_EQ(broken(), "I8");
}

TEST_F(CheckpointsWholeTest, FiresIfPruningLeavesTooMany) {
  Make(1);
  Make(2);
  checker_.Pruned();
  EXPECT_EQ(broken(), "");
  Make(3);
  checker_.Pruned();
  EXPECT_EQ(broken(), "I8");
}

TEST_F(CheckpointsWholeTest, FiresIfBytesChange) {
  Make(1);
  store_.entries[Named("base2")].bytes += "x";
  checker_.Ended();
  EXPECT_EQ(broken(), "I8");
}

}  // namespace
}  // namespace skybridge::sim
