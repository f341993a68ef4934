// SPDX-License-Identifier: Apache-2.0
#include "launch/push_size.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "env/files.h"
#include "tests/retrieval/temp_folder.h"

namespace skybridge::launch {
namespace {

class PushSizeTest : public testing::Test {
 protected:
  // A job over `pairs` pairs, each of a user and an item of its own.
  Result<PushSize> Measure(int pairs, const std::vector<std::string>& set = {}) {
    std::string rows = "user\titem\n";
    for (int i = 0; i < pairs; ++i) rows += fmt::format("{}\t{}\n", i, 1000 + i);
    SKY_RETURN_IF_ERROR(env::WriteFileDurably(folder_ / "t.tsv", rows));
    SKY_ASSIGN_OR_RETURN(LoadedJob loaded, JobFromText(R"(
      name: "small"
      data { train { path: "t.tsv" } candidate_key: "item" }
      query { dim: 4 feature { column: "user" id { form: INTEGER } } }
      candidate { dim: 4 feature { column: "item" id { form: INTEGER } } }
      training { batch: 10 })",
                                                       {.path = "job", .set = set}, folder_ / "."));
    SKY_ASSIGN_OR_RETURN(const OpenJob job, OpenLoadedJob(std::move(loaded)));
    return MeasurePushes(job);
  }

  const retrieval::TempFolder folder_;
};

constexpr uint64_t kRowBytes = 8 + 4 * 4;

TEST_F(PushSizeTest, APushIsTheIdsAndGradientsOfABatch) {
  const auto size = Measure(95);
  ASSERT_TRUE(size) << size.error();
  EXPECT_EQ(size->batches, 8u);
  EXPECT_EQ(size->bytes_mean, 20 * kRowBytes) << "the last batch, which is not full, is left out";
  EXPECT_EQ(size->bytes_most, 20 * kRowBytes);
}

TEST_F(PushSizeTest, ABatchThatIsNotFullIsBetterThanNone) {
  const auto size = Measure(3);
  ASSERT_TRUE(size) << size.error();
  EXPECT_EQ(size->batches, 1u);
  EXPECT_EQ(size->bytes_most, 6 * kRowBytes);
}

TEST_F(PushSizeTest, OfSeveralShardsTheFullestCounts) {
  const auto size = Measure(95, {"cluster.servers=4"});
  ASSERT_TRUE(size) << size.error();
  EXPECT_GE(size->bytes_mean, 5 * kRowBytes);
  EXPECT_LT(size->bytes_mean, 20 * kRowBytes);
  EXPECT_GE(size->bytes_most, size->bytes_mean);
}

}  // namespace
}  // namespace skybridge::launch
