// SPDX-License-Identifier: Apache-2.0
#include "worker/side_embedder.h"

#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

class SideEmbedderTest : public SmallWorldTest {
 protected:
  SideEmbedderTest() : candidates_(*dataset().LoadCandidates(0)) {}
  // Embeds the first partition's candidates, `block` at a time.
  std::vector<float> Embed(WorkRunner& runner, uint32_t block) const {
    SideEmbedder embedder({.owner = 4, .phase = 3, .expect_committed = 9, .block = block},
                          model::Side::kCandidate, model(), runner.calls, runner.cluster);
    Effects begun;
    embedder.Start(candidates_->features, {}, &begun);
    Status status;
    runner.Carry(
        std::move(begun),
        [&](const Answer& answer, Effects* out) {
          if (status.ok()) status = embedder.Take(answer, out);
        },
        [&](WorkTask& task, Effects* out) {
          embedder.Take(dynamic_cast<EmbedTask&>(task), {}, out);
        });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE(embedder.complete());
    return embedder.vectors();
  }

  const std::shared_ptr<const data::CandidatePartition> candidates_;
};

TEST_F(SideEmbedderTest, SliceHoldsItsExamplesAlone) {
  const data::TowerBatch& all = candidates_->features;
  ASSERT_GE(all.count, 3u);
  const data::TowerBatch cut = SliceTower(all, 1, 3);
  EXPECT_EQ(cut.count, 2u);
  for (size_t f = 0; f < all.features.size(); ++f) {
    const auto& from = all.features[f];
    const auto& to = cut.features[f];
    ASSERT_EQ(to.offsets.size(), 3u);
    EXPECT_EQ(to.offsets[0], 0u);
    for (uint32_t i = to.offsets[0]; i < to.offsets[2]; ++i) {
      EXPECT_EQ(to.ids[i], from.ids[from.offsets[1] + i]);
      EXPECT_EQ(to.weights[i], from.weights[from.offsets[1] + i]);
    }
  }
}

TEST_F(SideEmbedderTest, VectorsAreTheTowersWhateverTheBlocks) {
  const Binding binding = Binding::OfSide(model(), model::Side::kCandidate, candidates_->features);
  std::vector<float> expected(candidates_->keys.size() * model().dim());
  const PulledRows rows = RowsAt(specs(), binding.ids());
  model().Embed(model::Side::kCandidate, binding.Input(model::Side::kCandidate),
                ParametersOf(rows, {}), expected);
  for (const uint32_t block : {1u, 2u, 1024u}) {
    WorkRunner runner(2);
    EXPECT_EQ(Embed(runner, block), expected) << block;
  }
}

TEST_F(SideEmbedderTest, PullsReadOneCommittedStateAndChangeNothing) {
  WorkRunner runner(2);
  Embed(runner, 2);
  EXPECT_GE(runner.shards.pulls.size(), 4u);
  for (const auto& [shard, pull] : runner.shards.pulls) {
    EXPECT_TRUE(pull.read_only());
    EXPECT_EQ(pull.expect_committed(), 9u);
    EXPECT_EQ(pull.phase(), 3u);
  }
  EXPECT_TRUE(runner.shards.pushes.empty());
}

}  // namespace
}  // namespace skybridge::worker
