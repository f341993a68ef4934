// SPDX-License-Identifier: Apache-2.0
#include "retrieval/exact_search.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "common/rng.h"

namespace skybridge::retrieval {
namespace {

// Small integers, so that products are exact and ties are many.
std::vector<float> RandomVectors(Rng& rng, size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.Below(5)) - 2;
  return values;
}

std::vector<Hit> Naive(std::span<const float> query, std::span<const float> candidates, uint32_t d,
                       uint32_t k, const std::set<uint32_t>& excluded) {
  std::vector<Hit> hits;
  for (uint32_t i = 0; i < candidates.size() / d; ++i) {
    if (excluded.contains(i)) continue;
    float score = 0;
    for (uint32_t j = 0; j < d; ++j) score += query[j] * candidates[i * d + j];
    hits.push_back({i, score});
  }
  std::ranges::stable_sort(hits, std::greater<>(), &Hit::score);
  if (hits.size() > k) hits.resize(k);
  return hits;
}

TEST(ExactSearchTest, AgreesWithSortingEverythingOnRandomSetsWithTiesAndExclusions) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    const auto d = static_cast<uint32_t>(1 + rng.Below(9));
    const size_t n = 1 + rng.Below(seed % 10 == 0 ? 5000 : 100);
    const size_t q = 1 + rng.Below(70);
    const auto k = static_cast<uint32_t>(1 + rng.Below(30));
    const auto candidates = RandomVectors(rng, n * d);
    const auto queries = RandomVectors(rng, q * d);
    std::vector<uint64_t> offsets{0};
    std::vector<uint32_t> positions;
    std::vector<std::set<uint32_t>> sets(q);
    for (auto& set : sets) {
      for (uint64_t i = rng.Below(10); i > 0; --i) set.insert(static_cast<uint32_t>(rng.Below(n)));
      positions.insert(positions.end(), set.begin(), set.end());
      offsets.push_back(positions.size());
    }
    const auto hits = *SearchExact(queries, candidates, d, k, {offsets, positions});
    ASSERT_EQ(hits.size(), q);
    for (size_t i = 0; i < q; ++i) {
      EXPECT_EQ(hits[i], Naive(std::span(queries).subspan(i * d, d), candidates, d, k, sets[i]));
    }
  }
}

TEST(ExactSearchTest, EqualScoresGoToTheLowerRow) {
  const std::vector<float> same(10, 1.0f);
  const std::vector<float> query{1};
  const auto hits = *SearchExact(query, same, 1, 3);
  EXPECT_EQ(hits[0], (std::vector<Hit>{{0, 1}, {1, 1}, {2, 1}}));
}

TEST(ExactSearchTest, NumbersThatAreNotFiniteAreRefusedByRow) {
  std::vector<float> candidates(12, 1.0f);
  candidates[7] = std::nanf("");
  const std::vector<float> query{1, 1, 1};
  const auto hits = SearchExact(query, candidates, 3, 1);
  ASSERT_FALSE(hits.has_value());
  EXPECT_NE(hits.error().message().find("candidate 2"), std::string::npos);
}

}  // namespace
}  // namespace skybridge::retrieval
