// SPDX-License-Identifier: Apache-2.0
#include "worker/build_index.h"

#include "common/rng.h"
#include "retrieval/index.h"
#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

constexpr uint32_t kDim = 8;

class BuildIndexTest : public testing::Test {
 protected:
  // An export of `count` random vectors.
  wire::ExportSpec Export(size_t count) const {
    Rng rng(1, Purpose::kTest);
    std::vector<uint64_t> keys(count);
    std::vector<float> vectors(count * kDim);
    for (size_t i = 0; i < count; ++i) keys[i] = 1000 + i;
    for (float& number : vectors) number = rng.Normal();
    wire::ExportSpec spec;
    spec.set_folder(scratch_.path());
    for (const auto& file : WritePart(scratch_.path(), 0, kDim, keys, vectors)) {
      *spec.add_part() = file;
    }
    return spec;
  }
  static LeaseOutcome Work(const wire::ExportSpec& spec, const std::string& factory = "") {
    BuildIndex work({.owner = 4, .attempt = 3, .dim = kDim, .index = {.factory = factory}}, spec);
    WorkRunner runner(1);
    runner.Run(work);
    EXPECT_TRUE(work.outcome().has_value()) << "it hangs";
    return work.outcome().value_or(LeaseOutcome{});
  }

  data::ScratchFolder scratch_;
};

TEST_F(BuildIndexTest, FlatIndexFindsEverything) {
  const LeaseOutcome outcome = Work(Export(500));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.done.metrics().at(0).recall(), 1.0);
  EXPECT_NE(outcome.done.report().find("\"candidates\": 500"), std::string::npos);
  ASSERT_EQ(outcome.done.part_size(), 1);
  EXPECT_EQ(outcome.done.part(0).name(), "index/index.a3.faiss");
  EXPECT_EQ(outcome.done.part(0).rows(), 500u);
  EXPECT_TRUE(std::filesystem::exists(scratch_.path() + "/index/index.a3.faiss"));
}

TEST_F(BuildIndexTest, FewerCandidatesThanRecallLooksAtAreFine) {
  EXPECT_EQ(Work(Export(3)).done.metrics().at(0).recall(), 1.0);
}

TEST_F(BuildIndexTest, NoCandidatesAndWrongFactoriesAreRefused) {
  EXPECT_EQ(Work(Export(0)).status.code(), StatusCode::kInvalidArgument);
  const LeaseOutcome outcome = Work(Export(50), "Nonsense");
  EXPECT_EQ(outcome.status.code(), StatusCode::kInvalidArgument) << outcome.status;
  EXPECT_NE(outcome.status.message().find("Nonsense"), std::string::npos) << outcome.status;
}

}  // namespace
}  // namespace skybridge::worker
