// SPDX-License-Identifier: Apache-2.0
#include "data/evaluation_source.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "data/pair_reader.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

using Keys = std::vector<uint64_t>;
using Pairs = std::set<std::pair<uint64_t, uint64_t>>;  // (query key, candidate key)

class EvaluationSourceTest : public SmallJobTest {
 protected:
  EvaluationSourceTest() {
    options_.evaluations = {{.name = "test", .source = {.paths = {"test.tsv"}}}};
  }
  EvaluationQueries Load(size_t evaluation = 0, uint32_t share = 0) {
    Result<EvaluationQueries> queries = LoadEvaluation(options_, Plan(), evaluation, share);
    CHECK(queries.has_value()) << queries.error();
    return *std::move(queries);
  }
  static Keys Of(const KeySets& sets, size_t query) {
    return {sets.of(query).begin(), sets.of(query).end()};
  }
  static Pairs Listed(const EvaluationQueries& queries, const KeySets& sets) {
    Pairs pairs;
    for (size_t q = 0; q < queries.query_keys.size(); ++q) {
      for (const uint64_t key : sets.of(q)) pairs.emplace(queries.query_keys[q], key);
    }
    return pairs;
  }
};

TEST_F(EvaluationSourceTest, RowsOfAQueryComeTogetherByAscendingKey) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  folder_.Write("test.tsv", "user\titem\n7\t9\n8\t2\n7\t3\n7\t9\n9\t1\n");
  const EvaluationQueries queries = Load();
  ASSERT_EQ(queries.query_keys.size(), 3u);
  EXPECT_TRUE(std::is_sorted(queries.query_keys.begin(), queries.query_keys.end()));
  EXPECT_EQ(queries.queries.count, 3u);
  for (size_t q = 0; q < 3; ++q) {
    const uint64_t user = queries.queries.features[0].ids[q];
    EXPECT_EQ(queries.query_keys[q], HashBytes(std::to_string(user)));
    EXPECT_EQ(Of(queries.relevant, q), user == 7 ? Keys({3, 9}) : user == 8 ? Keys{2} : Keys{1});
    EXPECT_TRUE(Of(queries.seen, q).empty());
  }
}

TEST_F(EvaluationSourceTest, SharesTogetherHaveEachQueryOnce) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  std::string text = "user\titem\n";
  for (int i = 0; i < 100; ++i) text += std::to_string(i % 40) + "\t" + std::to_string(i) + "\n";
  folder_.Write("test.tsv", text);
  options_.partition_bytes = 100;
  const size_t shares = Plan().evaluation[0].size();
  ASSERT_GT(shares, 3u);
  std::set<uint64_t> keys;
  size_t pairs = 0, busy = 0;
  for (uint32_t share = 0; share < shares; ++share) {
    const EvaluationQueries queries = Load(0, share);
    for (const uint64_t key : queries.query_keys) EXPECT_TRUE(keys.insert(key).second);
    pairs += queries.relevant.keys.size();
    busy += !queries.query_keys.empty();
  }
  EXPECT_EQ(keys.size(), 40u);
  EXPECT_EQ(pairs, 100u);
  EXPECT_GT(busy, 1u);
}

TEST_F(EvaluationSourceTest, SeenCandidatesAreThoseOfTraining) {
  options_.evaluations[0].mask_seen = true;
  options_.holdout = 0.5;  // Held-out pairs are in the log, so they count as seen.
  folder_.Write("train.tsv", "user\titem\n7\t5\n7\t1\n9\t8\n7\t5\n8\t4\n7\t3\n7\t2\n");
  folder_.Write("test.tsv", "user\titem\n7\t6\n10\t6\n8\t1\n");
  const EvaluationQueries queries = Load();
  for (size_t q = 0; q < 3; ++q) {
    const uint64_t user = queries.queries.features[0].ids[q];
    EXPECT_EQ(Of(queries.seen, q), user == 7 ? Keys({1, 2, 3, 5}) : user == 8 ? Keys{4} : Keys{});
  }
}

TEST_F(EvaluationSourceTest, HoldoutRanksWhatTrainingLeavesOutAndHasSeenTheRest) {
  options_.evaluations = {{.name = "valid", .holdout = true, .mask_seen = true}};
  options_.holdout = 0.3;
  std::string text = "user\titem\n";
  Pairs held_out, kept;
  for (uint64_t i = 0; i < 200; ++i) {
    const uint64_t user = i / 10;
    text += std::to_string(user) + "\t" + std::to_string(i) + "\n";
    const uint64_t key = HashBytes(std::to_string(user));
    (IsHeldOut(options_, key, i) ? held_out : kept).emplace(key, i);
  }
  folder_.Write("train.tsv", text);
  const EvaluationQueries queries = Load();
  EXPECT_EQ(Listed(queries, queries.relevant), held_out);
  Pairs kept_of_queries;
  const std::set<uint64_t> known(queries.query_keys.begin(), queries.query_keys.end());
  for (const auto& pair : kept) {
    if (known.contains(pair.first)) kept_of_queries.insert(pair);
  }
  EXPECT_EQ(Listed(queries, queries.seen), kept_of_queries);
}

TEST_F(EvaluationSourceTest, PairsOfInverseClozeAreNeitherRankedNorSeen) {
  SourceOptions cloze{.paths = {"docs.tsv"}, .inverse_cloze = InverseClozeOptions{"text", "ask"}};
  options_.train.push_back(cloze);
  options_.evaluations[0].mask_seen = true;
  options_.evaluations.push_back({.name = "valid", .holdout = true});
  options_.holdout = 0.999;
  folder_.Write("docs.tsv", "user\titem\ttext\n7\t50\tOne sentence of it. Two sentences of it.\n");
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  folder_.Write("test.tsv", "user\titem\n7\t9\n");
  EXPECT_EQ(Load(0).seen.keys, (Keys{1}));
  EXPECT_EQ(Load(1).relevant.keys, (Keys{1}));
}

}  // namespace
}  // namespace skybridge::data
