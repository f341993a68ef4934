// SPDX-License-Identifier: Apache-2.0
#include "proto/checkpoint_store.h"

#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/manifest.h"
#include "tests/support/fake_checkpoint.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::checkpoint {
namespace {

using support::MakeCheckpoint;
using support::MemoryObjectStore;
using testing::ElementsAre;
using testing::HasSubstr;

void Put(MemoryObjectStore& store, uint32_t round) {
  const auto put = PutCheckpoint(store, MakeCheckpoint(store, round));
  ASSERT_TRUE(put) << put.error();
}

// Whether a restore from it would find all it needs.
Status Sound(MemoryObjectStore& store, uint32_t round) {
  const auto manifest = ReadManifest(store, round);
  if (!manifest) return manifest.error();
  SoundObjects sound;
  return VerifyCheckpoint(store, *manifest, sound).status();
}

TEST(CheckpointStoreTest, ACheckpointIsReadBackAsItWasPut) {
  MemoryObjectStore store;
  const Manifest manifest = MakeCheckpoint(store, 17);
  EXPECT_TRUE(ListRounds(store)->empty());
  const auto put = PutCheckpoint(store, manifest);
  ASSERT_TRUE(put) << put.error();
  EXPECT_EQ(put->size(), 12u) << "of each shard two files, a tail and a fragment";
  EXPECT_THAT(*ListRounds(store), ElementsAre(17));
  EXPECT_EQ(ReadManifest(store, 17)->SerializeAsString(), manifest.SerializeAsString());
  EXPECT_EQ(ReadFragments(store, manifest)->size(), 3u);
  EXPECT_EQ(*ObjectsOf(store, manifest), *put);
  uint64_t bytes = 0;
  for (const auto& [key, entry] : store.entries) {
    if (key.starts_with("objects/")) bytes += entry.bytes.size();
  }
  EXPECT_EQ(BytesOf(*put), bytes);
  EXPECT_EQ(PutCheckpoint(store, manifest).error().code(), StatusCode::kAlreadyExists);
}

TEST(CheckpointStoreTest, ARoundThatIsNotThereIsRefusedWithThoseThatAre) {
  EXPECT_EQ(ChooseRound({}, 3).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*ChooseRound({6, 7, 9}, std::nullopt), 9u);
  EXPECT_EQ(*ChooseRound({6, 7, 9}, 7), 7u);
  const Status none = ChooseRound({6, 7, 9}, 8).status();
  EXPECT_EQ(none.code(), StatusCode::kNotFound);
  EXPECT_EQ(none.message(), "there is no checkpoint 8; there are 6, 7, 9");
}

TEST(CheckpointStoreTest, ACheckpointThatLacksAnythingIsNotPut) {
  for (const int damage : {0, 1, 2, 3, 4}) {
    MemoryObjectStore store;
    Manifest manifest = MakeCheckpoint(store, 17);
    const std::string key = manifest.fragment(1).object().key();
    if (damage == 0) store.entries.erase(key);
    if (damage == 1) store.entries[key].bytes.back() ^= 1;
    if (damage == 2) manifest.mutable_state()->set_clock(41);
    const std::string file = support::PutObject(store, "base1", "rows of shard 1").key();
    if (damage == 3) store.entries.erase(file);
    if (damage == 4) store.entries[file].bytes += "more";
    EXPECT_FALSE(PutCheckpoint(store, manifest)) << damage;
    EXPECT_TRUE(ListRounds(store)->empty()) << damage;
  }
}

TEST(CheckpointStoreTest, VerifyFindsWhateverIsMissingOrDamaged) {
  MemoryObjectStore whole;
  Put(whole, 17);
  ASSERT_TRUE(Sound(whole, 17).ok());
  for (const auto& [key, entry] : whole.entries) {
    for (const int damage : {0, 1, 2}) {
      MemoryObjectStore store;
      store.entries = whole.entries;
      if (damage == 0) store.entries.erase(key);
      if (damage == 1) store.entries[key].bytes[entry.bytes.size() / 2] ^= 1;
      if (damage == 2) store.entries[key].bytes.pop_back();
      const Status status = Sound(store, 17);
      EXPECT_FALSE(status.ok()) << key;
      EXPECT_THAT(status.message(), HasSubstr(key));
    }
  }
}

TEST(CheckpointStoreTest, WhatWasFoundSoundIsNotReadAgain) {
  MemoryObjectStore store;
  Put(store, 1);
  Put(store, 2);
  SoundObjects sound;
  ASSERT_TRUE(VerifyCheckpoint(store, *ReadManifest(store, 1), sound));
  store.reads.clear();
  uint64_t last = 0;
  const auto progress = [&last](uint64_t read, uint64_t all) {
    EXPECT_GT(read, last);
    EXPECT_LE(read, all);
    last = read;
  };
  const auto objects = VerifyCheckpoint(store, *ReadManifest(store, 2), sound, {}, progress);
  ASSERT_TRUE(objects);
  EXPECT_EQ(last, BytesOf(*objects));
  for (const auto& [key, count] : store.reads) {
    EXPECT_FALSE(key.starts_with("objects/base")) << "both rounds have it";
  }
  EXPECT_GE(store.reads.size(), 9u);
  // Its size is looked at all the same.
  store.entries.erase(PutObject(store, "base0", "rows of shard 0").key());
  EXPECT_EQ(VerifyCheckpoint(store, *ReadManifest(store, 2), sound).error().code(),
            StatusCode::kNotFound);
}

TEST(CheckpointStoreTest, PruneKeepsTheNewestAndWhatTheyName) {
  MemoryObjectStore store;
  for (const uint32_t round : {3, 5, 8, 9}) Put(store, round);
  support::PutObject(store, "of-a-round-that-failed", "x");
  store.now = 7200;
  support::PutObject(store, "of-a-round-that-goes-on", "y");
  SoundObjects sound;
  const auto report = Prune(store, {.keep = 2}, sound);
  ASSERT_TRUE(report) << report.error();
  EXPECT_THAT(report->rounds, ElementsAre(3, 5));
  EXPECT_THAT(*ListRounds(store), ElementsAre(8, 9));
  EXPECT_EQ(report->objects, 19u) << "3 files, 3 tails, 3 fragments of each, and the stray";
  EXPECT_GT(report->bytes, 19u);
  EXPECT_EQ(store.entries.size(), 2u + 3 + 2 * 9 + 1);
  for (const uint32_t round : {8, 9}) EXPECT_TRUE(Sound(store, round).ok());
  EXPECT_EQ(Prune(store, {.keep = 2}, sound)->objects, 0u);
}

TEST(CheckpointStoreTest, AYoungObjectStays) {
  MemoryObjectStore store;
  for (const uint32_t round : {1, 2}) Put(store, round);
  SoundObjects sound;
  store.now = 3599;
  EXPECT_EQ(Prune(store, {.keep = 1}, sound)->objects, 0u);
  EXPECT_THAT(*ListRounds(store), ElementsAre(2));
  store.now = 3600;
  EXPECT_EQ(Prune(store, {.keep = 1}, sound)->objects, 9u);
}

TEST(CheckpointStoreTest, NothingGoesWhileTheNewestIsDamaged) {
  MemoryObjectStore store;
  for (const uint32_t round : {1, 2, 3}) Put(store, round);
  store.now = 7200;
  const std::string tail = support::PutObject(store, "tail", "log of shard 2 in round 3").key();
  store.entries[tail].bytes[0] ^= 1;
  const auto before = store.entries.size();
  SoundObjects sound;
  EXPECT_EQ(Prune(store, {.keep = 1}, sound).error().code(), StatusCode::kDataLoss);
  EXPECT_EQ(store.entries.size(), before);
}

// Nobody knows what it names.
TEST(CheckpointStoreTest, NoObjectGoesWhileAKeptManifestCannotBeRead) {
  MemoryObjectStore store;
  for (const uint32_t round : {1, 2, 3}) Put(store, round);
  store.now = 7200;
  store.entries[ManifestKey(2)].bytes[40] ^= 1;
  const auto objects = store.List("objects/")->size();
  SoundObjects sound;
  EXPECT_EQ(Prune(store, {.keep = 2}, sound).error().code(), StatusCode::kDataLoss);
  EXPECT_EQ(store.List("objects/")->size(), objects);
  EXPECT_THAT(*ListRounds(store), ElementsAre(1, 2, 3)) << "only two can be gone back to";
  Put(store, 4);
  EXPECT_TRUE(Prune(store, {.keep = 2}, sound)) << "the damaged one has gone";
  EXPECT_THAT(*ListRounds(store), ElementsAre(3, 4));
}

// Any call may fail, or be the last one before the process dies.
TEST(CheckpointStoreTest, PruneMayEndAnywhere) {
  MemoryObjectStore whole;
  for (const uint32_t round : {1, 2, 3, 4}) Put(whole, round);
  for (uint64_t good = 0;; ++good) {
    MemoryObjectStore store;
    store.entries = whole.entries;
    store.now = 7200;
    uint64_t calls = 0;
    store.fail = [&](std::string_view, const std::string&) {
      return ++calls > good ? Status(StatusCode::kUnavailable, "gone") : Status();
    };
    SoundObjects sound;
    const bool done = Prune(store, {.keep = 2}, sound).has_value();
    store.fail = nullptr;
    const std::vector<uint32_t> rounds = *ListRounds(store);
    for (const uint32_t round : rounds) ASSERT_TRUE(Sound(store, round).ok()) << good;
    ASSERT_GE(rounds.size(), 2u);
    ASSERT_TRUE(Prune(store, {.keep = 2}, sound));
    EXPECT_EQ(store.entries.size(), 2u + 3 + 2 * 9) << good << " calls went well";
    if (done) break;
  }
}

// Promise: pruning that says that it is done has left as many as it should.
TEST(CheckpointStoreTest, PruneThatMissedACallSaysSoOrDidIt) {
  MemoryObjectStore whole;
  for (const uint32_t round : {1, 2, 3, 4}) Put(whole, round);
  uint64_t calls = 0;
  for (uint64_t bad = 1; calls + 1 >= bad; ++bad) {
    MemoryObjectStore store;
    store.entries = whole.entries;
    store.now = 7200;
    calls = 0;
    store.fail = [&](std::string_view, const std::string&) {
      return ++calls == bad ? Status(StatusCode::kUnavailable, "busy") : Status();
    };
    SoundObjects sound;
    const bool done = Prune(store, {.keep = 2}, sound).has_value();
    store.fail = nullptr;
    EXPECT_TRUE(!done || ListRounds(store)->size() == 2) << "call " << bad;
    ASSERT_TRUE(Prune(store, {.keep = 2}, sound));
    EXPECT_EQ(store.entries.size(), 2u + 3 + 2 * 9) << "call " << bad;
  }
  EXPECT_GT(calls, 4u);
}

TEST(CheckpointStoreTest, VerifyEndsWhenToldTo) {
  MemoryObjectStore store;
  Put(store, 1);
  std::stop_source stop;
  stop.request_stop();
  SoundObjects sound;
  EXPECT_EQ(
      VerifyCheckpoint(store, *ReadManifest(store, 1), sound, stop.get_token()).error().code(),
      StatusCode::kCancelled);
}

TEST(CheckpointStoreTest, ACheckpointThatComesMeanwhileStaysWhole) {
  bool came = true;
  for (uint64_t before = 0; came; ++before) {
    MemoryObjectStore store;
    for (const uint32_t round : {1, 2}) Put(store, round);
    store.now = 7200;
    came = false;
    uint64_t calls = 0;
    store.fail = [&](std::string_view, const std::string&) {
      if (!came && calls++ == before) {
        came = true;
        Put(store, 3);
      }
      return Status();
    };
    SoundObjects sound;
    ASSERT_TRUE(Prune(store, {.keep = 1}, sound));
    const std::vector<uint32_t> rounds = *ListRounds(store);
    EXPECT_EQ(rounds.back(), came ? 3u : 2u);
    for (const uint32_t round : rounds) EXPECT_TRUE(Sound(store, round).ok()) << before;
  }
}

}  // namespace
}  // namespace skybridge::checkpoint
