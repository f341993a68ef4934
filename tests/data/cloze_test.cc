// SPDX-License-Identifier: Apache-2.0
#include "data/cloze.h"

#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "data/tower_batch.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

constexpr std::string_view kText =
    "A program that plays chess. It is quite strong indeed. Boards are drawn in colour.";

class ClozeTest : public SmallJobTest {
 protected:
  ClozeTest() {
    options_.query_key.reset();
    options_.query.features = {TextFeature("ask")};
    options_.candidate.features = {IntegerFeature("item"), TextFeature("text")};
    folder_.Write("train.tsv", "item\ttext\n1\t" + std::string(kText) +
                                   "\n2\tAnother pair of sentences. Here it ends for good.\n");
  }
  Partition Load(double keep) {
    options_.train[0].inverse_cloze = {"text", "ask", keep};
    return *LoadPartition(options_, Plan().train[0], nullptr);
  }
};

TEST_F(ClozeTest, SentenceAndDocumentTogetherAreTheText) {
  const Partition partition = Load(0);
  std::map<std::string, int> sentences;
  for (uint32_t epoch = 0; epoch < 300; ++epoch) {
    const ClozePair pair = MakeCloze(options_, partition, epoch, 0);
    ++sentences[std::string(pair.sentence)];
    const size_t at = kText.find(pair.sentence);
    ASSERT_NE(at, std::string_view::npos);
    std::string rest(kText);
    rest.erase(at, pair.sentence.size());
    EXPECT_EQ(pair.document, rest);
  }
  EXPECT_EQ(sentences.size(), 3u);
  for (const auto& [sentence, times] : sentences) EXPECT_NEAR(times, 100, 40) << sentence;
}

TEST_F(ClozeTest, SentenceStaysInTheDocumentAsOftenAsAsked) {
  const Partition partition = Load(0.3);
  int kept = 0;
  for (uint32_t epoch = 0; epoch < 1000; ++epoch) {
    const ClozePair pair = MakeCloze(options_, partition, epoch, 0);
    kept += pair.document == kText;
  }
  EXPECT_NEAR(kept, 300, 75);
  EXPECT_EQ(MakeCloze(options_, Load(1), 0, 0).document, kText);
}

TEST_F(ClozeTest, PairDependsOnSeedEpochPartitionAndRecordAlone) {
  Partition partition = Load(0.5);
  const auto pairs = [&] {
    std::string all;
    for (uint32_t epoch = 0; epoch < 40; ++epoch) {
      const ClozePair pair = MakeCloze(options_, partition, epoch, 0);
      all += std::string(pair.sentence) + "|" + pair.document + "\n";
    }
    return all;
  };
  const std::string first = pairs();
  EXPECT_EQ(pairs(), first);
  options_.seed = 2;
  EXPECT_NE(pairs(), first);
  options_.seed = 1;
  partition.ref.index = 1;
  EXPECT_NE(pairs(), first);
}

TEST_F(ClozeTest, MadeColumnsComeFromThePairAndOthersFromTheFile) {
  const Partition partition = Load(0);
  ClozeMaker maker(options_);
  const ClozePair pair{.sentence = "chess boards", .document = "strong program"};
  TowerBatch queries = EmptyTower(options_.query), candidates = EmptyTower(options_.candidate);
  maker.AppendQuery(partition, 0, pair, &queries);
  maker.AppendCandidate(partition, 1, pair, &candidates);
  EXPECT_EQ(queries.count, 1u);
  EXPECT_EQ(candidates.count, 1u);
  const auto words = [](const FeatureBatch& bag) {
    return std::set<uint64_t>(bag.ids.begin(), bag.ids.end());
  };
  EXPECT_EQ(words(queries.features[0]),
            (std::set<uint64_t>{HashBytes("chess"), HashBytes("boards")}));
  EXPECT_EQ(candidates.features[0].ids, (std::vector<uint64_t>{2}));
  EXPECT_EQ(words(candidates.features[1]),
            (std::set<uint64_t>{HashBytes("strong"), HashBytes("program")}));
}

}  // namespace
}  // namespace skybridge::data
