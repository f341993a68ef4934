// SPDX-License-Identifier: Apache-2.0
#include "scheduler/checkpoint_tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/manifest.h"
#include "tests/support/fake_checkpoint.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::scheduler {
namespace {

using support::MakeCheckpoint;
using support::MemoryObjectStore;

void Put(MemoryObjectStore& store, uint32_t round) {
  PutManifest put(store, MakeCheckpoint(store, round));
  put.Run();
  ASSERT_TRUE(put.status.ok()) << put.status;
  EXPECT_GT(put.bytes, 100u);
}

TEST(CheckpointTasksTest, TheNewestIsFoundWithItsAgeAndSize) {
  MemoryObjectStore store;
  FindCheckpoint none(store);
  none.Run();
  EXPECT_TRUE(none.status.ok());
  EXPECT_EQ(none.newest, 0u);
  Put(store, 3);
  store.now = 70;
  Put(store, 12);
  store.now = 100;
  FindCheckpoint found(store);
  found.Run();
  EXPECT_EQ(found.newest, 12u);
  EXPECT_EQ(found.age, 30);
  EXPECT_EQ(found.bytes, checkpoint::BytesOf(
                             *checkpoint::ObjectsOf(store, *checkpoint::ReadManifest(store, 12))));

  store.entries[checkpoint::ManifestKey(12)].bytes.back() ^= 1;
  FindCheckpoint damaged(store);
  damaged.Run();
  EXPECT_TRUE(damaged.status.ok());
  EXPECT_EQ(damaged.newest, 12u) << "its number is not given again";
  EXPECT_EQ(damaged.bytes, 0u);

  store.fail = [](std::string_view, const std::string&) {
    return Status(StatusCode::kUnavailable, "gone");
  };
  FindCheckpoint away(store);
  away.Run();
  EXPECT_EQ(away.status.code(), StatusCode::kUnavailable);
}

TEST(CheckpointTasksTest, AManifestIsNotWrittenOverFragmentsThatAreNotThere) {
  MemoryObjectStore store;
  const checkpoint::Manifest manifest = MakeCheckpoint(store, 3);
  store.entries.erase(manifest.fragment(0).object().key());
  PutManifest put(store, manifest);
  put.Run();
  EXPECT_EQ(put.status.code(), StatusCode::kNotFound);
  EXPECT_FALSE(store.entries.contains(checkpoint::ManifestKey(3)));
}

TEST(CheckpointTasksTest, PruneKeepsSoManyAndRemembersWhatIsSound) {
  MemoryObjectStore store;
  for (const uint32_t round : {1, 2, 3}) Put(store, round);
  PruneStore prune(store, 2, {}, {});
  prune.Run();
  EXPECT_TRUE(prune.status.ok()) << prune.status;
  EXPECT_EQ(prune.report.rounds, std::vector<uint32_t>{1});
  EXPECT_EQ(prune.sound.size(), 12u);
  store.entries[checkpoint::ManifestKey(3)].bytes.back() ^= 1;
  PruneStore again(store, 1, {}, {});
  again.Run();
  EXPECT_EQ(again.status.code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace skybridge::scheduler
