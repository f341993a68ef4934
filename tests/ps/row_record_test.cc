// SPDX-License-Identifier: Apache-2.0
#include "ps/row_record.h"

#include <gtest/gtest.h>

namespace skybridge::ps {
namespace {

TableSpec Spec(RowOptimizer kind, uint32_t dim) {
  return {.name = "t", .dim = dim, .optimizer = {.kind = kind}};
}

TEST(RowRecordTest, EachOptimizerHasItsState) {
  EXPECT_EQ(OptimizerStateSize(RowOptimizer::kSgd, 64), 0u);
  EXPECT_EQ(OptimizerStateSize(RowOptimizer::kAdagrad, 64), 64u);
  EXPECT_EQ(OptimizerStateSize(RowOptimizer::kRowwiseAdagrad, 64), 1u);
  EXPECT_EQ(OptimizerStateSize(RowOptimizer::kAdam, 64), 129u);
}

TEST(RowRecordTest, ARecordIsHeaderWeightsAndStateRoundedToEightBytes) {
  EXPECT_EQ(RowLayout(Spec(RowOptimizer::kSgd, 64)).bytes, 16u + 256u);
  EXPECT_EQ(RowLayout(Spec(RowOptimizer::kRowwiseAdagrad, 64)).bytes, 16u + 260u + 4u);
  EXPECT_EQ(RowLayout(Spec(RowOptimizer::kAdam, 1)).bytes, 16u + 16u);
  const TableSpec counts{.name = "c", .kind = TableKind::kCounts};
  EXPECT_EQ(RowLayout(counts).bytes, 16u);
  EXPECT_EQ(RecordBytes({counts, Spec(RowOptimizer::kSgd, 2)}), (std::vector<size_t>{16, 24}));
}

TEST(RowRecordTest, TheViewsOfARecordDoNotOverlap) {
  const RowLayout layout(Spec(RowOptimizer::kAdagrad, 3));
  alignas(8) char record[40] = {};
  ASSERT_EQ(layout.bytes, sizeof(record));
  layout.header(record) = {.lsn = 1, .last_clock = 2, .count = 3};
  for (float& w : layout.weights(record)) w = 4;
  for (float& s : layout.optimizer_state(record)) s = 5;
  EXPECT_EQ(layout.header(record).lsn, 1u);
  EXPECT_EQ(layout.header(record).last_clock, 2u);
  EXPECT_EQ(layout.header(record).count, 3u);
  for (const float w : layout.weights(record)) EXPECT_EQ(w, 4);
  EXPECT_EQ(layout.optimizer_state(record).size(), 3u);
}

}  // namespace
}  // namespace skybridge::ps
