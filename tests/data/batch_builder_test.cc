// SPDX-License-Identifier: Apache-2.0
#include "data/batch_builder.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "common/rng.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

using Keys = std::vector<uint64_t>;
using Pairs = std::multiset<std::pair<uint64_t, uint64_t>>;

// Users 0 .. 29 with 1 to 8 of the items 0 .. 49 each; an item's only feature is its key.
class BatchBuilderTest : public SmallJobTest {
 protected:
  BatchBuilderTest() {
    options_.batch = 8;
    Rng rng(1, Purpose::kTest);
    std::string lines;
    for (uint64_t user = 0; user < 30; ++user) {
      std::set<uint64_t> items;
      for (uint64_t n = rng.Below(8) + 1; n > 0; --n) items.insert(rng.Below(50));
      lines += std::to_string(user);
      for (const uint64_t item : items) {
        lines += ' ';
        lines += std::to_string(item);
        pairs_.emplace(user, item);
      }
      lines += "\n";
    }
    TrainOnAdjacency(lines);
  }

  void Load(bool with_catalogue = true) {
    const DatasetPlan plan = Plan();
    if (with_catalogue) catalogue_.emplace(*Catalogue::Load(options_, plan));
    partition_ = *LoadPartition(options_, plan.train[0], catalogue());
  }
  const Catalogue* catalogue() const { return catalogue_ ? &*catalogue_ : nullptr; }
  TrainBatch Build(uint32_t epoch, uint64_t batch) const {
    return *BatchBuilder(options_, catalogue()).Build(partition_, epoch, batch);
  }

  static uint64_t User(const TrainBatch& batch, size_t query) {
    return batch.queries.features[0].ids[query];
  }
  static Keys Excluded(const TrainBatch& batch, size_t query) {
    Keys keys;
    for (uint32_t i = batch.excluded_offsets[query]; i < batch.excluded_offsets[query + 1]; ++i) {
      keys.push_back(batch.candidate_keys[batch.excluded[i]]);
    }
    std::ranges::sort(keys);
    return keys;
  }
  bool InHistory(uint64_t user, uint64_t item) const { return pairs_.contains({user, item}); }

  Pairs pairs_;
  std::optional<Catalogue> catalogue_;
  Partition partition_;
};

bool Same(const TowerBatch& a, const TowerBatch& b) {
  bool same = a.count == b.count;
  for (size_t i = 0; i < a.features.size(); ++i) {
    same &= a.features[i].ids == b.features[i].ids &&
            a.features[i].offsets == b.features[i].offsets &&
            a.features[i].weights == b.features[i].weights;
  }
  return same;
}

bool Same(const TrainBatch& a, const TrainBatch& b) {
  return Same(a.queries, b.queries) && Same(a.candidates, b.candidates) &&
         a.candidate_keys == b.candidate_keys && a.positives == b.positives &&
         a.excluded == b.excluded && a.excluded_offsets == b.excluded_offsets &&
         a.sampled_negative == b.sampled_negative;
}

TEST_F(BatchBuilderTest, BatchesOfAnEpochHoldEveryPairOnce) {
  for (const uint32_t positives : {1u, 3u, 100u}) {
    options_.positives = positives;
    Load(false);
    BatchBuilder builder(options_, nullptr);
    const uint64_t batches = BatchCount(options_, partition_);
    for (const uint32_t epoch : {0u, 1u}) {
      Pairs seen;
      for (uint64_t b = 0; b < batches; ++b) {
        const TrainBatch batch = *builder.Build(partition_, epoch, b);
        EXPECT_EQ(batch.queries.count == options_.batch,
                  b + 1 < batches || batch.queries.count == 8);
        std::map<uint32_t, uint32_t> per_query;
        for (const Positive& positive : batch.positives) {
          seen.emplace(User(batch, positive.query), batch.candidate_keys[positive.candidate]);
          ++per_query[positive.query];
        }
        EXPECT_EQ(per_query.size(), batch.queries.count);
        for (const auto& [query, count] : per_query) EXPECT_LE(count, positives);
        EXPECT_TRUE(std::ranges::is_sorted(batch.positives, {}, [](const Positive& p) {
          return std::pair(p.query, p.candidate);
        }));
      }
      EXPECT_EQ(seen, pairs_) << positives;
    }
  }
}

TEST_F(BatchBuilderTest, CandidateRowsAreDistinctPositivesInOrderOfFirstOccurrence) {
  options_.batch = 40;
  Load(false);
  const TrainBatch batch = Build(0, 0);
  EXPECT_EQ(batch.in_batch, batch.candidates.count);
  EXPECT_EQ(batch.candidate_keys, batch.candidates.features[0].ids);
  EXPECT_EQ(std::set(batch.candidate_keys.begin(), batch.candidate_keys.end()).size(),
            batch.candidate_keys.size());
  uint32_t known = 0;
  for (const Positive& positive : batch.positives) {  // One positive a query.
    EXPECT_LE(positive.candidate, known);
    known = std::max(known, positive.candidate + 1);
  }
  EXPECT_EQ(known, batch.in_batch);
  EXPECT_LT(known, batch.positives.size()) << "no candidate came twice: the case tests nothing";
}

TEST_F(BatchBuilderTest, BatchDoesNotDependOnWhatWasBuiltBefore) {
  options_.uniform_negatives = 5;
  options_.sample_negatives = true;
  Load();
  BatchBuilder builder(options_, catalogue());
  Rng rng(3, Purpose::kTest);
  for (int i = 0; i < 60; ++i) {
    const auto epoch = static_cast<uint32_t>(rng.Below(3));
    const uint64_t b = rng.Below(BatchCount(options_, partition_));
    EXPECT_TRUE(Same(*builder.Build(partition_, epoch, b), Build(epoch, b)));
  }
  EXPECT_FALSE(Same(Build(0, 0), Build(1, 0)));
}

TEST_F(BatchBuilderTest, BatchPastTheLastOneIsRefused) {
  Load(false);
  BatchBuilder builder(options_, nullptr);
  const uint64_t batches = BatchCount(options_, partition_);
  EXPECT_EQ(batches, (pairs_.size() + 7) / 8);
  EXPECT_TRUE(builder.Build(partition_, 0, batches - 1).has_value());
  EXPECT_EQ(builder.Build(partition_, 0, batches).error().code(), StatusCode::kOutOfRange);
}

TEST_F(BatchBuilderTest, UniformNegativesAreDistinctAndNoneOfThePositives) {
  options_.uniform_negatives = 12;
  Load();
  const uint64_t size = catalogue()->size();
  std::map<uint64_t, int> drawn;
  double expected = 0;
  for (uint32_t epoch = 0; epoch < 400; ++epoch) {
    const TrainBatch batch = Build(epoch, 0);
    EXPECT_EQ(batch.uniform_drawn, 12u);
    EXPECT_EQ(batch.candidate_keys, batch.candidates.features[0].ids);
    EXPECT_EQ(std::set(batch.candidate_keys.begin(), batch.candidate_keys.end()).size(),
              batch.candidate_keys.size());
    EXPECT_LE(batch.candidates.count, batch.in_batch + 12);
    for (size_t row = batch.in_batch; row < batch.candidates.count; ++row) {
      ++drawn[batch.candidate_keys[row]];
    }
    const double share = 12.0 / static_cast<double>(size);
    expected += share * static_cast<double>(size - batch.in_batch);
  }
  int sum = 0;
  for (const auto& [key, times] : drawn) sum += times;
  EXPECT_NEAR(sum, expected, 5 * std::sqrt(expected));
  EXPECT_EQ(drawn.size(), size) << "every candidate is drawn now and then";
  options_.uniform_negatives = 1000;
  const TrainBatch all = Build(0, 0);
  EXPECT_EQ(all.uniform_drawn, size);
  EXPECT_EQ(all.candidates.count, size) << "the whole catalogue, each candidate once";
}

TEST_F(BatchBuilderTest, ExcludedAreOwnPositivesThoseOfTheSameQueryAndHistory) {
  options_.uniform_negatives = 20;
  for (const bool history : {true, false}) {
    options_.mask_history = history;
    Load();
    for (uint32_t epoch = 0; epoch < 20; ++epoch) {
      const TrainBatch batch = Build(epoch, 0);
      std::map<uint64_t, std::set<uint64_t>> in_batch;  // Positives by user.
      for (const Positive& positive : batch.positives) {
        in_batch[User(batch, positive.query)].insert(batch.candidate_keys[positive.candidate]);
      }
      for (size_t query = 0; query < batch.queries.count; ++query) {
        const uint64_t user = User(batch, query);
        Keys expected;
        for (const uint64_t key : batch.candidate_keys) {
          if (history ? InHistory(user, key) : in_batch[user].contains(key)) {
            expected.push_back(key);
          }
        }
        std::ranges::sort(expected);
        EXPECT_EQ(Excluded(batch, query), expected);
      }
    }
  }
}

TEST_F(BatchBuilderTest, QueriesOfOneMaskAreNotContrastedWithEachOthersPositives) {
  options_.mask_history = false;
  folder_.Write("train.tsv", "user\titem\ttopic\n1\t10\ta\n2\t20\tb\n3\t30\ta\n4\t40\tc\n");
  options_.train = {{.paths = {"train.tsv"}, .mask_by = "topic"}};
  Load(false);
  const TrainBatch batch = Build(0, 0);
  const std::map<uint64_t, Keys> expected{{1, {10, 30}}, {2, {20}}, {3, {10, 30}}, {4, {40}}};
  for (size_t query = 0; query < 4; ++query) {
    EXPECT_EQ(Excluded(batch, query), expected.at(User(batch, query)));
  }
}

TEST_F(BatchBuilderTest, SampledNegativesAreAllowedOnesAndUniformIfThereAreAny) {
  options_.sample_negatives = true;
  for (const uint32_t uniform : {0u, 6u}) {
    options_.uniform_negatives = uniform;
    Load();
    std::set<uint32_t> rows;
    for (uint32_t epoch = 0; epoch < 50; ++epoch) {
      const TrainBatch batch = Build(epoch, 0);
      ASSERT_EQ(batch.sampled_negative.size(), batch.positives.size());
      for (size_t i = 0; i < batch.positives.size(); ++i) {
        const uint64_t user = User(batch, batch.positives[i].query);
        const uint32_t row = batch.sampled_negative[i];
        ASSERT_LT(row, batch.candidates.count);
        EXPECT_FALSE(InHistory(user, batch.candidate_keys[row]));
        bool uniform_left = false;
        for (uint32_t r = batch.in_batch; r < batch.candidates.count; ++r) {
          uniform_left |= !InHistory(user, batch.candidate_keys[r]);
        }
        EXPECT_EQ(row >= batch.in_batch, uniform_left);
        rows.insert(row);
      }
    }
    EXPECT_GT(rows.size(), 4u);
  }
}

TEST_F(BatchBuilderTest, PairWithoutAnyAllowedNegativeLeavesTheBatch) {
  options_.sample_negatives = true;
  TrainOnAdjacency("1 10 20\n2 10\n");  // User 1 has every candidate.
  Load(false);
  const TrainBatch batch = Build(0, 0);
  ASSERT_EQ(batch.positives.size(), 1u);
  EXPECT_EQ(User(batch, batch.positives[0].query), 2u);
  ASSERT_EQ(batch.sampled_negative.size(), 1u);
  EXPECT_EQ(batch.candidate_keys[batch.sampled_negative[0]], 20u);
}

TEST_F(BatchBuilderTest, CandidatesThatRowsDoNotDescribeComeFromTheCatalogue) {
  folder_.Write("train.tsv", "user\titem\n7\t30\n8\t10\n");
  folder_.Write("items.tsv", "item\ttitle\n10\tchess\n20\tgo\n30\tbridge\n");
  options_.train = {{.paths = {"train.tsv"}}};
  options_.candidates = SourceOptions{.paths = {"items.tsv"}};
  options_.candidate.features = {TextFeature("title")};
  Load();
  const TrainBatch batch = Build(0, 0);
  const std::map<uint64_t, uint64_t> titles{{10, HashBytes("chess")}, {30, HashBytes("bridge")}};
  ASSERT_EQ(batch.candidates.count, 2u);
  for (size_t row = 0; row < 2; ++row) {
    EXPECT_EQ(batch.candidates.features[0].ids[row], titles.at(batch.candidate_keys[row]));
  }
}

TEST_F(BatchBuilderTest, EqualSentencesOfInverseClozeAreOneQuery) {
  folder_.Write("train.tsv",
                "item\ttext\n1\tThe same long words. The same long words.\n"
                "2\tThe same long words. The same long words.\n");
  options_.train = {
      {.paths = {"train.tsv"}, .inverse_cloze = InverseClozeOptions{"text", "ask", 0}}};
  options_.query.features = {TextFeature("ask")};
  options_.candidate.features = {TextFeature("text")};
  options_.query_key.emplace("ask");
  Load(false);
  const TrainBatch batch = Build(0, 0);
  ASSERT_EQ(batch.queries.count, 2u);
  EXPECT_EQ(batch.queries.features[0].ids.size(), 8u);
  EXPECT_EQ(batch.candidates.features[0].ids.size(), 8u);
  for (size_t query = 0; query < 2; ++query) EXPECT_EQ(Excluded(batch, query), (Keys{1, 2}));
}

}  // namespace
}  // namespace skybridge::data
