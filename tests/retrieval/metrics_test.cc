// SPDX-License-Identifier: Apache-2.0
#include "retrieval/metrics.h"

#include <cmath>

#include <gtest/gtest.h>

namespace skybridge::retrieval {
namespace {

TEST(MetricsTest, AreWhatTheDefinitionsSay) {
  std::vector<MetricSums> sums{{.k = 2}, {.k = 4}};
  const std::vector<uint32_t> ranked{9, 3, 7, 1};
  const std::vector<uint32_t> relevant{1, 3};
  AddQuery(ranked, relevant, 3, sums);  // One relevant candidate is not in the catalogue.
  const double at2 = 1 / std::log2(3.0);
  const double at4 = at2 + 1 / std::log2(5.0);
  EXPECT_DOUBLE_EQ(sums[0].recall, 1.0 / 3);
  EXPECT_DOUBLE_EQ(sums[0].ndcg, at2 / (1 + 1 / std::log2(3.0)));
  EXPECT_DOUBLE_EQ(sums[0].mrr, 0.5);
  EXPECT_DOUBLE_EQ(sums[0].hit, 1);
  EXPECT_DOUBLE_EQ(sums[1].recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(sums[1].ndcg, at4 / (1 + 1 / std::log2(3.0) + 0.5));
}

TEST(MetricsTest, QueriesAddUpAndOneWithoutAnswersAddsNothing) {
  std::vector<MetricSums> sums{{.k = 1}};
  AddQuery(std::vector<uint32_t>{5}, std::vector<uint32_t>{5}, 1, sums);
  AddQuery(std::vector<uint32_t>{5}, std::vector<uint32_t>{6}, 1, sums);
  AddQuery(std::vector<uint32_t>{5}, {}, 0, sums);
  EXPECT_DOUBLE_EQ(sums[0].recall, 1);
  EXPECT_DOUBLE_EQ(sums[0].hit, 1);
}

}  // namespace
}  // namespace skybridge::retrieval
