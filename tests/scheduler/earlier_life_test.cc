// SPDX-License-Identifier: Apache-2.0
#include "scheduler/earlier_life.h"

#include <gtest/gtest.h>

#include "proto/manifest.h"
#include "tests/support/fake_checkpoint.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::scheduler {
namespace {

class EarlierLifeTest : public testing::Test {
 protected:
  checkpoint::Manifest Put(uint32_t round, uint32_t generation) {
    checkpoint::Manifest manifest = support::MakeCheckpoint(store_, round);
    manifest.set_generation(generation);
    EXPECT_TRUE(store_.Put(checkpoint::ManifestKey(round), EncodeManifest(manifest)).ok());
    return manifest;
  }
  support::MemoryObjectStore store_;
};

// Of the run that was restored from this one before, and went on, processes may still be there.
TEST_F(EarlierLifeTest, AnOlderCheckpointKnowsOfTheLivesAfterIt) {
  const checkpoint::Manifest older = Put(3, 1);
  Put(7, 4);
  Put(9, 2);
  const auto life = FindEarlierLife(store_, older);
  ASSERT_TRUE(life) << life.error();
  EXPECT_EQ(life->generation, 4u);
  EXPECT_EQ(life->round, 9u);
  EXPECT_EQ(life->term, 4'000'000u);
  EXPECT_EQ(life->incarnation, uint64_t{4} << 40);
}

// A job that went back and has made no checkpoint since.
TEST_F(EarlierLifeTest, WhatIsLeftOfALogMayKnowMoreThanTheCheckpoints) {
  const checkpoint::Manifest manifest = Put(3, 1);
  EXPECT_EQ(FindEarlierLife(store_, manifest, 5)->generation, 5u);
  EXPECT_EQ(FindEarlierLife(store_, manifest, 0)->generation, 1u);
}

TEST_F(EarlierLifeTest, OfADamagedOneTheNumberCounts) {
  const checkpoint::Manifest sound = Put(3, 1);
  store_.entries[checkpoint::ManifestKey(12)] = {"torn", 0};
  const auto life = FindEarlierLife(store_, sound);
  ASSERT_TRUE(life) << life.error();
  EXPECT_EQ(life->generation, 1u);
  EXPECT_EQ(life->round, 12u);
}

TEST_F(EarlierLifeTest, AStoreThatIsAwayIsAnError) {
  const checkpoint::Manifest manifest = Put(3, 1);
  for (const uint64_t good : {0, 1}) {
    store_.FailAfter(good);
    EXPECT_EQ(FindEarlierLife(store_, manifest).error().code(), StatusCode::kUnavailable);
  }
}

}  // namespace
}  // namespace skybridge::scheduler
