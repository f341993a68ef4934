// SPDX-License-Identifier: Apache-2.0
#include "worker/export_partition.h"

#include "retrieval/npy.h"
#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

using retrieval::NpyFile;
using retrieval::NpyType;

class ExportPartitionTest : public SmallWorldTest {
 protected:
  LeaseOutcome Work(bool vectors_only, uint32_t attempt = 1) {
    wire::ExportSpec spec;
    spec.set_folder(Folder());
    spec.set_vectors_only(vectors_only);
    spec.set_expect_committed(5);
    ExportPartition work({.owner = 4, .phase = 3, .partition = 1, .attempt = attempt}, spec,
                         model(), dataset(), runner_.calls, runner_.cluster);
    runner_.Run(work);
    EXPECT_TRUE(work.outcome().has_value()) << "it hangs";
    return work.outcome().value_or(LeaseOutcome{});
  }
  // The file of a kind; empty if there is none.
  static std::string NameOf(const LeaseOutcome& outcome, const std::string& kind) {
    for (const wire::PartFile& file : outcome.done.part()) {
      if (file.kind() == kind) return file.name();
    }
    return "";
  }

  WorkRunner runner_{2};
};

TEST_F(ExportPartitionTest, FilesHoldKeysAndTheTowersVectors) {
  const LeaseOutcome outcome = Work(true);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  const auto candidates = *dataset().LoadCandidates(1);
  const Binding binding = Binding::OfSide(model(), model::Side::kCandidate, candidates->features);
  std::vector<float> expected(candidates->keys.size() * model().dim());
  const PulledRows rows = RowsAt(specs(), binding.ids());
  model().Embed(model::Side::kCandidate, binding.Input(model::Side::kCandidate),
                ParametersOf(rows, {}), expected);
  const auto vectors =
      NpyFile::Open(Folder() + "/" + NameOf(outcome, "vectors"), NpyType::kFloat32, 2);
  ASSERT_TRUE(vectors.has_value()) << vectors.error();
  EXPECT_TRUE(std::ranges::equal(vectors->floats(), expected));
  const auto ids = NpyFile::Open(Folder() + "/" + NameOf(outcome, "ids"), NpyType::kUint64, 1);
  EXPECT_TRUE(std::ranges::equal(ids->uint64s(), candidates->keys));
  EXPECT_EQ(outcome.done.count(), candidates->keys.size());
  EXPECT_EQ(NameOf(outcome, "labels"), "");
}

TEST_F(ExportPartitionTest, LabelsComeWithAWholeExport) {
  const LeaseOutcome outcome = Work(false);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_NE(NameOf(outcome, "labels"), "");
}

TEST_F(ExportPartitionTest, AttemptsHaveFilesOfTheirOwn) {
  EXPECT_NE(NameOf(Work(true, 1), "vectors"), NameOf(Work(true, 2), "vectors"));
}

TEST_F(ExportPartitionTest, ShardThatMovedOnEndsTheLeaseByName) {
  runner_.shards.refuse = [](size_t, const wire::Header&) {
    return Status(StatusCode::kGone, "committed is 6");
  };
  const LeaseOutcome outcome = Work(true);
  EXPECT_EQ(outcome.status.code(), StatusCode::kGone);
  EXPECT_NE(outcome.status.message().find("candidate partition 1"), std::string::npos)
      << outcome.status;
  EXPECT_FALSE(std::filesystem::exists(Folder() + "/parts"));
}

}  // namespace
}  // namespace skybridge::worker
