// SPDX-License-Identifier: Apache-2.0
#include "worker/export_table.h"

#include "retrieval/npy.h"
#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

using retrieval::NpyFile;
using retrieval::NpyType;

class ExportTableTest : public testing::Test {
 protected:
  LeaseOutcome Work(uint32_t table) {
    wire::ExportSpec spec;
    spec.set_folder(scratch_.path());
    spec.set_expect_committed(7);
    ExportTable work({.owner = 4, .table = table, .shard = 1, .attempt = 2}, spec, specs_,
                     runner_.calls);
    runner_.Run(work);
    EXPECT_TRUE(work.outcome().has_value()) << "it hangs";
    return work.outcome().value_or(LeaseOutcome{});
  }

  const TableSpecs specs_ = {{.name = "query/layer", .dim = 3}, {.name = "wide", .dim = 4}};
  data::ScratchFolder scratch_;
  WorkRunner runner_{2};
};

TEST_F(ExportTableTest, RowsOfAllPagesAreWrittenByAscendingId) {
  runner_.shards.scanned = {40, 7, 99, 1, 12};  // The shard's own order; pages of two.
  const LeaseOutcome outcome = Work(0);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.done.count(), 5u);
  EXPECT_EQ(runner_.shards.requests.size(), 3u);
  ASSERT_EQ(outcome.done.part_size(), 2);
  EXPECT_EQ(outcome.done.part(0).name(), "tables/query.layer-00001.a2.ids.npy");
  const auto path = [&](int i) { return scratch_.path() + "/" + outcome.done.part(i).name(); };
  const auto ids = NpyFile::Open(path(0), NpyType::kUint64, 1);
  const auto rows = NpyFile::Open(path(1), NpyType::kFloat32, 2);
  EXPECT_TRUE(std::ranges::equal(ids->uint64s(), std::vector<uint64_t>{1, 7, 12, 40, 99}));
  for (size_t i = 0; i < 5; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      EXPECT_EQ(rows->floats()[3 * i + j], ValueOf(0, ids->uint64s()[i], j));
    }
  }
}

TEST_F(ExportTableTest, ShardWithoutRowsMakesEmptyFiles) {
  const LeaseOutcome outcome = Work(0);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.done.part(0).rows(), 0u);
}

TEST_F(ExportTableTest, EveryPageIsOfOneCommittedState) {
  runner_.shards.scanned = {1, 2, 3};
  Work(0);
  for (const wire::Header& request : runner_.shards.requests) {
    EXPECT_EQ(request.scan().expect_committed(), 7u);
  }
}

TEST_F(ExportTableTest, ReplyOfAnotherWidthIsRefusedByTable) {
  runner_.shards.scanned = {1};  // Fake shards scan rows of width 3.
  const LeaseOutcome outcome = Work(1);
  EXPECT_EQ(outcome.status.code(), StatusCode::kInternal);
  EXPECT_NE(outcome.status.message().find("wide"), std::string::npos) << outcome.status;
}

}  // namespace
}  // namespace skybridge::worker
