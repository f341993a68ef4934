// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/beginning.h"

#include <gtest/gtest.h>

#include "proto/checkpoint_store.h"
#include "tests/data/scratch_folder.h"
#include "tests/sim/training_cluster.h"

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class BeginningTest : public testing::Test {
 protected:
  // Runs a cluster until there are two checkpoints; the newest.
  checkpoint::Manifest Train() {
    TrainingCluster cluster(*job_, {.swarm = swarm_, .objects = &objects_, .look_at_cut = Sound});
    EXPECT_FALSE(cluster.Run([&] { return objects_.manifests() == 2; }));
    EXPECT_FALSE(cluster.checkers().violation());
    return *checkpoint::ReadManifest(objects_, checkpoint::ListRounds(objects_)->back());
  }
  static std::string Sound(const checkpoint::Manifest&) { return ""; }

  const data::ScratchFolder folder_;
  const std::unique_ptr<const TinyJob> job_ = TinyJob::Create({.epochs = 6}, folder_.path());
  const Swarm swarm_{.seed = 1,
                     .shards = 2,
                     .trainers = 2,
                     .ranks = 2,
                     .epochs = 6,
                     .image_log_bytes = 1 << 30,
                     .tick = milliseconds(20),
                     .checkpoint_every = milliseconds(300),
                     .links = {.delay_min = Duration(1000), .delay_max = milliseconds(20)},
                     .heal_at = {seconds(100)},
                     .deadline = {seconds(200)}};
  SimObjectStore objects_{1, 0};
};

TEST_F(BeginningTest, TheCutHasTheRowsOfTheReferenceAtItsClock) {
  const checkpoint::Manifest manifest = Train();
  ASSERT_GT(manifest.state().clock(), 0u);
  std::vector<uint64_t> expected;
  support::ReferenceTrainer trainer = job_->Reference(2);
  ASSERT_TRUE(trainer.Prepare().ok());
  const auto look = [&](uint64_t clock) {
    if (clock != manifest.state().clock()) return;
    for (uint32_t t = 0; t < job_->model().tables().size(); ++t) {
      expected.push_back(trainer.TableHash(TableId(t)));
    }
  };
  ASSERT_TRUE(trainer.Train(look).ok());
  const auto hashes = HashesAtCut(objects_, manifest, RestoreShapeOf(*job_, swarm_));
  ASSERT_TRUE(hashes) << hashes.error();
  EXPECT_EQ(*hashes, expected);
}

TEST_F(BeginningTest, AClusterGoesOnWithOtherShardsInTheNextGeneration) {
  const checkpoint::Manifest manifest = Train();
  Swarm swarm = swarm_;
  swarm.seed = 2;
  swarm.shards = 5;
  auto beginning = RestoreCluster(objects_, manifest, RestoreShapeOf(*job_, swarm),
                                  SchedulerOptionsOf(*job_, swarm, ""));
  ASSERT_TRUE(beginning) << beginning.error();
  TrainingCluster cluster(*job_, {.swarm = swarm, .objects = &objects_, .look_at_cut = Sound},
                          *std::move(beginning));
  ASSERT_TRUE(cluster.Run());
  EXPECT_TRUE(cluster.result().status.ok()) << cluster.result().status;
  support::ReferenceTrainer trainer = job_->Reference(2);
  ASSERT_TRUE(trainer.Prepare().ok());
  ASSERT_TRUE(trainer.Train().ok());
  const std::vector<uint64_t> hashes = cluster.TableHashes();
  for (uint32_t t = 0; t < hashes.size(); ++t) EXPECT_EQ(hashes[t], trainer.TableHash(TableId(t)));
  const uint32_t newest = checkpoint::ListRounds(objects_)->back();
  EXPECT_GT(newest, manifest.round());
  EXPECT_EQ(checkpoint::ReadManifest(objects_, newest)->generation(), 2u);
}

TEST_F(BeginningTest, DamageIsAnError) {
  const checkpoint::Manifest manifest = Train();
  const std::string key = manifest.fragment(0).object().key();
  objects_.entries[key].bytes.back() ^= 1;
  const RestoreShape shape = RestoreShapeOf(*job_, swarm_);
  EXPECT_EQ(HashesAtCut(objects_, manifest, shape).error().code(), StatusCode::kDataLoss);
  EXPECT_FALSE(RestoreCluster(objects_, manifest, shape, SchedulerOptionsOf(*job_, swarm_, "")));
}

}  // namespace
}  // namespace skybridge::sim
