// SPDX-License-Identifier: Apache-2.0
// Jobs that are checkpointed while they run, and jobs that go on from each of these checkpoints.
#include "scheduler/checkpoints.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/rng.h"
#include "proto/envelope.h"
#include "proto/manifest.h"
#include "scheduler/log_begin.h"
#include "tests/scheduler/fake_cluster.h"
#include "tests/support/fake_checkpoint.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::MemoryObjectStore;

// Training takes a second an epoch or so; a round a tenth of that.
SchedulerNodeOptions Options(bool lockstep) {
  SchedulerNodeOptions options = FakeOptions();
  options.staleness = lockstep ? 0 : -1;
  options.checkpoint_every = milliseconds(150);
  options.checkpoint_keep = 100;
  options.timings.round_poll = milliseconds(10);
  options.timings.round_backoff = milliseconds(20);
  options.job_text = std::string("name: 'x'");
  options.job_base = std::string("/base");
  return options;
}

std::vector<uint32_t> Rounds(MemoryObjectStore& store) { return *checkpoint::ListRounds(store); }

class CheckpointsTest : public testing::TestWithParam<bool> {
 protected:
  // Lockstep: shards commit a clock every 10 ms, 40 in an epoch.
  static void Slow(FakeCluster& cluster) {
    for (auto& trainer : cluster.trainers) trainer->work = milliseconds(400);
    cluster.world.batches = {30, 20, 40};
    struct Opened {
      size_t phases = 0;
      Instant at;
    };
    auto opened = std::make_shared<Opened>();
    cluster.world.committed = [&cluster, opened](uint32_t) -> uint64_t {
      if (cluster.phases.empty()) return 0;
      if (opened->phases != cluster.phases.size()) *opened = {cluster.phases.size(), cluster.now()};
      const wire::OpenPhase& phase = cluster.phases.back();
      if (phase.read_only()) return phase.clock_begin();
      const auto clocks = static_cast<uint64_t>((cluster.now() - opened->at) / milliseconds(10));
      return std::min(phase.clock_begin() + clocks, phase.clock_begin() / 40 * 40 + 40);
    };
  }
  // Every checkpoint is sound, and has what the shards had when they cut.
  void CheckStore(FakeCluster& cluster) { CheckStore(cluster, store, 1); }
  static void CheckStore(FakeCluster& cluster, MemoryObjectStore& store, uint32_t generation) {
    for (const uint32_t round : Rounds(store)) {
      const auto manifest = checkpoint::ReadManifest(store, round);
      ASSERT_TRUE(manifest) << manifest.error();
      if (manifest->generation() != generation) continue;
      checkpoint::SoundObjects sound;
      const auto verified = VerifyCheckpoint(store, *manifest, sound);
      ASSERT_TRUE(verified) << verified.error();
      std::set<uint64_t> done;
      for (const checkpoint::DoneLease& lease : manifest->state().done()) done.insert(lease.unit());
      for (uint32_t shard = 0; shard < cluster.shard_count(); ++shard) {
        const auto cut = cluster.world.cuts.find({round, shard});
        ASSERT_TRUE(cut != cluster.world.cuts.end()) << "round " << round;
        EXPECT_EQ(cut->second, done) << "round " << round << " shard " << shard << " (K3)";
      }
    }
  }
  static void ExpectSame(const JobResult& result, const JobResult& whole, bool lockstep) {
    ASSERT_TRUE(result.status.ok()) << result.status;
    EXPECT_EQ(result.evaluations, whole.evaluations);
    EXPECT_EQ(result.table_hashes, whole.table_hashes);
    EXPECT_EQ(result.training_pairs, whole.training_pairs);
    EXPECT_EQ(result.candidates, whole.candidates);
    EXPECT_EQ(result.steps, whole.steps);
    EXPECT_EQ(result.pushes, whole.pushes);
    EXPECT_EQ(result.duplicates, whole.duplicates);
    EXPECT_EQ(result.index_recall, whole.index_recall);
    EXPECT_EQ(result.export_folder, whole.export_folder);
    ASSERT_EQ(result.phases.size(), whole.phases.size());
    for (size_t i = 0; i < whole.phases.size(); ++i) {
      EXPECT_EQ(result.phases[i].name, whole.phases[i].name);
    }
    if (!lockstep) {
      EXPECT_EQ(result.examples_trained, whole.examples_trained);
    }
  }

  const bool lockstep = GetParam();
  const SchedulerNodeOptions options = Options(lockstep);
  MemoryObjectStore store;
};

INSTANTIATE_TEST_SUITE_P(, CheckpointsTest, testing::Bool(), [](const auto& mode) {
  return std::string(mode.param ? "Lockstep" : "Async");
});

TEST_P(CheckpointsTest, ARunningJobIsCheckpointedAndDoesNotNotice) {
  FakeCluster whole(options);
  Slow(whole);
  whole.Run(seconds(60));
  FakeCluster cluster(options, &store);
  Slow(cluster);
  JobProgress seen;
  cluster.script = [&](Instant) {
    const JobProgress progress = cluster.scheduler().progress(cluster.scheduler_now());
    if (progress.checkpoint.round > 0) seen = progress;
  };
  cluster.Run(seconds(60));
  ASSERT_TRUE(cluster.scheduler().finished());
  ExpectSame(cluster.scheduler().result(), whole.scheduler().result(), lockstep);
  const std::vector<uint32_t> rounds = Rounds(store);
  EXPECT_GE(rounds.size(), 2u);
  CheckStore(cluster);
  const checkpoint::Manifest manifest = *checkpoint::ReadManifest(store, rounds.back());
  EXPECT_EQ(manifest.job_low(), 9u);
  EXPECT_EQ(manifest.generation(), 1u);
  EXPECT_EQ(manifest.job(), "name: 'x'");
  EXPECT_EQ(manifest.base(), "/base");
  EXPECT_EQ(manifest.state().steps_total(), lockstep ? 80u : 180u);
  EXPECT_GT(manifest.state().epoch(), 0);
  const CheckpointInfo& last = cluster.scheduler().result().checkpoint;
  EXPECT_EQ(last.round, rounds.back());
  EXPECT_EQ(last.bytes, checkpoint::BytesOf(*checkpoint::ObjectsOf(store, manifest)));
  EXPECT_EQ(last.new_bytes, 200u);
  EXPECT_GT(last.seconds, 0);
  EXPECT_EQ(seen.checkpoint.round, rounds.back());
}

TEST_P(CheckpointsTest, AJobGoesOnFromEachOfItsCheckpoints) {
  FakeCluster whole(options, &store);
  Slow(whole);
  whole.Run(seconds(60));
  for (const uint32_t round : Rounds(store)) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    const checkpoint::Manifest manifest = *checkpoint::ReadManifest(store, round);
    auto log = RestoredLog(options, manifest.state(), {.round = round, .term = 1});
    ASSERT_TRUE(log) << log.error();
    MemoryObjectStore copy;
    copy.entries = store.entries;
    FakeCluster cluster(options, &copy, manifest.state(), *log);
    Slow(cluster);
    cluster.Run(seconds(60));
    ASSERT_TRUE(cluster.scheduler().finished());
    ExpectSame(cluster.scheduler().result(), whole.scheduler().result(), lockstep);
    ASSERT_FALSE(cluster.phases.empty());
    EXPECT_EQ(cluster.phases[0].phase(), manifest.state().phase()) << "nothing is done again";
    for (const wire::Grant& grant : cluster.grants) {
      for (const checkpoint::DoneLease& done : manifest.state().done()) {
        EXPECT_FALSE(grant.lease().phase() == manifest.state().phase() &&
                     grant.lease().unit() == done.unit());
      }
    }
    CheckStore(cluster, copy, 2);
    for (const uint32_t later : Rounds(copy)) {
      const auto read = checkpoint::ReadManifest(copy, later);
      ASSERT_TRUE(read) << read.error();
      EXPECT_EQ(read->generation(),
                store.entries.contains(checkpoint::ManifestKey(later)) ? 1u : 2u);
    }
  }
}

// K5: wherever the scheduler dies, what has a manifest is whole, and no number is given twice.
TEST_P(CheckpointsTest, TheSchedulerMayDieAnywhere) {
  FakeCluster whole(options, &store);
  Slow(whole);
  whole.Run(seconds(60));
  size_t most = 0;
  for (uint64_t n = 0; n < whole.effects(); ++n) {
    SCOPED_TRACE(testing::Message() << "dies in effects " << n);
    store.entries.clear();
    FakeCluster cluster(options, &store);
    Slow(cluster);
    cluster.crash = [&](uint64_t at, size_t parts) {
      return at == n ? std::optional<size_t>(parts * (n % 3) / 2) : std::nullopt;
    };
    cluster.Run(seconds(60));
    ASSERT_TRUE(cluster.scheduler().finished());
    ExpectSame(cluster.scheduler().result(), whole.scheduler().result(), lockstep);
    CheckStore(cluster);
    most = std::max(most, Rounds(store).size());
    if (HasFailure()) return;
  }
  EXPECT_GE(most, 2u);
}

TEST_P(CheckpointsTest, StormsOfDeathsAndLossesLeaveWholeCheckpoints) {
  FakeCluster whole(options);
  Slow(whole);
  whole.Run(seconds(60));
  size_t checkpoints = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed, Purpose::kTest);
    store.entries.clear();
    FakeCluster cluster(options, &store);
    Slow(cluster);
    cluster.copies = [&](uint64_t, const Envelope&) {
      const uint64_t die = rng.Below(20);
      return die == 0 ? 0 : die == 1 ? 2 : 1;
    };
    cluster.crash = [&](uint64_t, size_t parts) {
      return rng.Below(150) == 0 ? std::optional<size_t>(rng.Below(parts + 1)) : std::nullopt;
    };
    // What shards write arrives: how they cope is theirs to test.
    store.fail = [&](std::string_view call, const std::string&) {
      const bool upload = call == "Create" || call == "Append" || call == "Finish";
      return !upload && rng.Below(30) == 0 ? Status(StatusCode::kUnavailable, "gone") : Status();
    };
    uint32_t pids = 900;
    cluster.script = [&](Instant now) {
      for (uint32_t index = 0; index < 2; ++index) {
        const auto alive = std::ranges::find_if(cluster.shards, [&](const auto& shard) {
          return shard->index() == index && shard->alive;
        });
        if (alive == cluster.shards.end()) {
          cluster.AddShard(index, ++pids);  // By its supervisor.
        } else if (cluster.phases.size() >= 2 && now < Instant{seconds(20)} &&
                   rng.Below(200) == 0) {
          (*alive)->alive = false;
          cluster.scheduler().NodeExited(
              {.place = {Role::kShard, index}, .how = {StatusCode::kUnavailable, "x"}});
        }
      }
    };
    cluster.Run(seconds(300));
    store.fail = nullptr;
    ASSERT_TRUE(cluster.scheduler().finished());
    ASSERT_TRUE(cluster.scheduler().result().status.ok()) << cluster.scheduler().result().status;
    EXPECT_EQ(cluster.scheduler().result().evaluations, whole.scheduler().result().evaluations);
    CheckStore(cluster);
    checkpoints += Rounds(store).size();
    if (HasFailure()) return;
  }
  EXPECT_GT(checkpoints, 20u);
}

TEST_P(CheckpointsTest, WhatFailsInARoundOnlyEndsTheRound) {
  for (const auto body :
       {wire::Header::kPrepareRound, wire::Header::kCutRound, wire::Header::kCollectRound}) {
    store.entries.clear();
    FakeCluster cluster(options, &store);
    Slow(cluster);
    int spoilt = 0;
    uint32_t aborted = 0;
    cluster.shards[1]->spoil =
        [&](const wire::Header& header) -> std::optional<wire::RoundReply::State> {
      if (header.has_end_round() && !header.end_round().committed()) {
        aborted = header.end_round().round();
      }
      if (header.body_case() != body || spoilt >= 2) return std::nullopt;
      ++spoilt;
      return wire::RoundReply::FAILED;
    };
    cluster.Run(seconds(60));
    EXPECT_TRUE(cluster.scheduler().result().status.ok());
    EXPECT_EQ(spoilt, 2);
    EXPECT_GE(aborted, 1u);
    EXPECT_FALSE(store.entries.contains(checkpoint::ManifestKey(1)));
    EXPECT_GE(Rounds(store).size(), 1u);
    CheckStore(cluster);
  }
}

// Promise: a store that is full does not stay so for want of a checkpoint.
TEST_P(CheckpointsTest, WhatFormerRoundsLeftGoesThoughNoneSucceeds) {
  FakeCluster cluster(options, &store);
  Slow(cluster);
  bool left = false;
  cluster.shards[1]->spoil =
      [&](const wire::Header& header) -> std::optional<wire::RoundReply::State> {
    if (header.body_case() != wire::Header::kCollectRound) return std::nullopt;
    if (!std::exchange(left, true)) {
      support::PutObject(store, "of-a-round-that-failed", "x");
      store.now += 7200;
    }
    return wire::RoundReply::FAILED;
  };
  cluster.Run(seconds(60));
  ASSERT_TRUE(left);
  EXPECT_TRUE(Rounds(store).empty());
  EXPECT_TRUE(store.entries.empty()) << store.entries.begin()->first;
}

TEST_P(CheckpointsTest, AStoreThatFailsCostsCheckpointsAndNothingElse) {
  for (const std::string broken : {"List", "Put", "Age", "Delete", "Get", "Read"}) {
    store.entries.clear();
    FakeCluster cluster(options, &store);
    Slow(cluster);
    store.fail = [&](std::string_view call, const std::string&) {
      return call == broken ? Status(StatusCode::kUnavailable, "gone") : Status();
    };
    cluster.Run(seconds(60));
    ASSERT_TRUE(cluster.scheduler().finished()) << broken;
    EXPECT_TRUE(cluster.scheduler().result().status.ok());
    store.fail = nullptr;
    CheckStore(cluster);
  }
}

TEST_P(CheckpointsTest, OldOnesGo) {
  SchedulerNodeOptions few = options;
  few.checkpoint_keep = 1;
  few.checkpoint_every = milliseconds(50);
  FakeCluster cluster(few, &store);
  Slow(cluster);
  cluster.script = [&](Instant now) { store.now = 100000 * ToSeconds(now.since_start); };
  cluster.Run(seconds(60));
  const std::vector<uint32_t> rounds = Rounds(store);
  ASSERT_EQ(rounds.size(), 1u);
  EXPECT_GE(rounds[0], 2u);
  CheckStore(cluster);
  EXPECT_EQ(store.entries.size(), 1 + 8u) << "of each shard two files, a tail and a fragment";
}

TEST_P(CheckpointsTest, NumbersGoOnAboveThoseInTheStore) {
  ASSERT_TRUE(store.Put(checkpoint::ManifestKey(41), "whatever").ok());
  FakeCluster cluster(options, &store);
  Slow(cluster);
  cluster.Run(seconds(60));
  const std::vector<uint32_t> rounds = Rounds(store);
  ASSERT_GE(rounds.size(), 2u);
  EXPECT_EQ(rounds[0], 41u);
  EXPECT_EQ(rounds[1], 42u);
}

TEST_P(CheckpointsTest, WithoutAStoreOrAnIntervalNoShardHearsOfRounds) {
  for (const bool has_store : {false, true}) {
    SchedulerNodeOptions never = options;
    if (has_store) never.checkpoint_every = Duration{0};
    FakeCluster cluster(never, has_store ? &store : nullptr);
    cluster.copies = [](uint64_t, const Envelope& message) {
      const wire::Header header = *wire::Open(message);
      EXPECT_FALSE(header.has_prepare_round() || header.has_end_round());
      return 1;
    };
    cluster.Run(seconds(60));
    EXPECT_TRUE(cluster.scheduler().result().status.ok());
    EXPECT_EQ(cluster.scheduler().result().checkpoint.round, 0u);
    EXPECT_TRUE(store.entries.empty());
  }
}

}  // namespace
}  // namespace skybridge::scheduler
