// SPDX-License-Identifier: Apache-2.0
#include "data/partition.h"

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

class PartitionTest : public SmallJobTest {
 protected:
  Result<Partition> Load(size_t i = 0, const Catalogue* catalogue = nullptr) {
    return LoadPartition(options_, Plan().train[i], catalogue);
  }
  static Keys Positives(const Partition& partition, size_t record) {
    Keys keys;
    for (uint32_t i = partition.positive_offsets[record];
         i < partition.positive_offsets[record + 1]; ++i) {
      keys.push_back(partition.candidate_keys[partition.positives[i]]);
    }
    return keys;
  }
  static Keys Bag(const TowerBatch& tower, size_t feature, size_t example) {
    const FeatureBatch& bag = tower.features[feature];
    return {bag.ids.begin() + bag.offsets[example], bag.ids.begin() + bag.offsets[example + 1]};
  }
};

TEST_F(PartitionTest, RecordsKeepTheirCandidatesInOrderAndOnce) {
  TrainOnAdjacency("7 30 10 30\n8\n9 20 10\n");
  const Partition partition = *Load();
  ASSERT_EQ(partition.records(), 2u);
  EXPECT_EQ(partition.candidate_keys, (Keys{10, 20, 30}));
  EXPECT_EQ(Positives(partition, 0), (Keys{30, 10}));
  EXPECT_EQ(Positives(partition, 1), (Keys{20, 10}));
  EXPECT_EQ(Bag(partition.queries, 0, 1), (Keys{9}));
  ASSERT_TRUE(partition.candidates.has_value());
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(Bag(*partition.candidates, 0, i), (Keys{partition.candidate_keys[i]}));
  }
  EXPECT_EQ(partition.query_keys, (Keys{HashBytes("7"), HashBytes("9")}));
  EXPECT_EQ(partition.pairs(), 4u);
  EXPECT_EQ(partition.skipped, 1u);
}

TEST_F(PartitionTest, RunOfRowsOfOneQueryIsOneRecord) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n7\t2\n8\t1\n7\t3\n");
  const Partition partition = *Load();
  ASSERT_EQ(partition.records(), 3u);
  EXPECT_EQ(Positives(partition, 0), (Keys{1, 2}));
  EXPECT_EQ(Positives(partition, 2), (Keys{3}));
}

TEST_F(PartitionTest, RowsThatDifferInAQueryColumnAreTwoRecords) {
  options_.query.features.push_back(IntegerFeature("hour"));
  folder_.Write("train.tsv", "user\titem\thour\n7\t1\t5\n7\t2\t5\n7\t3\t6\n");
  EXPECT_EQ(Load()->records(), 2u);
}

TEST_F(PartitionTest, WithoutQueryKeyEveryRowIsARecord) {
  options_.query_key.reset();
  folder_.Write("train.tsv", "user\titem\n7\t1\n7\t2\n");
  EXPECT_EQ(Load()->records(), 2u);
}

TEST_F(PartitionTest, CuttingTheFilesChangesNoPair) {
  std::string text = "user\titem\n";
  for (int i = 0; i < 200; ++i) {
    text += std::to_string(i / 7) + "\t" + std::to_string((i * 31) % 50) + "\n";
  }
  folder_.Write("train.tsv", text);
  std::set<std::pair<uint64_t, uint64_t>> whole;
  for (const uint64_t bytes : {100000u, 100u, 17u, 3u}) {
    options_.partition_bytes = bytes;
    std::set<std::pair<uint64_t, uint64_t>> pairs;
    uint64_t count = 0;
    for (size_t i = 0; i < Plan().train.size(); ++i) {
      const Partition partition = *Load(i);
      count += partition.pairs();
      for (size_t record = 0; record < partition.records(); ++record) {
        for (const uint64_t key : Positives(partition, record)) {
          pairs.emplace(partition.query_keys[record], key);
        }
      }
    }
    if (whole.empty()) whole = pairs;
    EXPECT_EQ(pairs, whole) << bytes;
    EXPECT_EQ(count, 200u) << bytes;
  }
}

TEST_F(PartitionTest, HeldOutPairsAreLeftOut) {
  options_.holdout = 0.3;
  std::string text = "user\titem\n";
  uint64_t held_out = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    text += std::to_string(i / 10) + "\t" + std::to_string(i) + "\n";
    held_out += IsHeldOut(options_, HashBytes(std::to_string(i / 10)), i);
  }
  folder_.Write("train.tsv", text);
  const Partition partition = *Load();
  EXPECT_EQ(partition.held_out, held_out);
  EXPECT_EQ(partition.pairs(), 300 - held_out);
  EXPECT_GT(held_out, 0u);
  for (size_t record = 0; record < partition.records(); ++record) {
    EXPECT_FALSE(Positives(partition, record).empty());
    for (const uint64_t key : Positives(partition, record)) {
      EXPECT_FALSE(IsHeldOut(options_, partition.query_keys[record], key));
    }
  }
}

TEST_F(PartitionTest, GroupsAndMasksAreThoseOfTheColumns) {
  options_.train[0].group_by = "source";
  options_.train[0].mask_by = "topic";
  folder_.Write("train.tsv", "user\titem\tsource\ttopic\n7\t1\ta\tx\n8\t2\ta\ty\n9\t3\tb\tx\n");
  const Partition partition = *Load();
  EXPECT_EQ(partition.groups, (Keys{HashBytes("a"), HashBytes("a"), HashBytes("b")}));
  EXPECT_EQ(partition.masks, (Keys{HashBytes("x"), HashBytes("y"), HashBytes("x")}));
}

TEST_F(PartitionTest, CandidatesThatRowsDoNotDescribeAreLookedUp) {
  folder_.Write("train.tsv", "user\titem\n7\t30\n8\t10\n");
  folder_.Write("items.tsv", "item\ttitle\n10\tchess\n20\tgo\n30\tbridge\n");
  options_.candidates = SourceOptions{.paths = {"items.tsv"}};
  options_.candidate.features = {TextFeature("title")};
  const Catalogue catalogue = *Catalogue::Load(options_, Plan());
  const Partition partition = *Load(0, &catalogue);
  EXPECT_FALSE(partition.candidates.has_value());
  EXPECT_EQ(partition.candidate_keys, (Keys{10, 30}));
  EXPECT_EQ(partition.catalogue_positions, (std::vector<uint32_t>{0, 2}));
  EXPECT_EQ(Load()->pairs(), 2u) << "counting needs no catalogue";
}

TEST_F(PartitionTest, CandidateThatNobodyDescribesIsRefusedByPlaceAndName) {
  folder_.Write("train.tsv", "user\titem\n7\t30\n8\t99\n");
  folder_.Write("items.tsv", "item\ttitle\n30\tbridge\n");
  options_.candidates = SourceOptions{.paths = {"items.tsv"}};
  options_.candidate.features = {TextFeature("title")};
  const Catalogue catalogue = *Catalogue::Load(options_, Plan());
  EXPECT_EQ(Load(0, &catalogue).error(),
            Status(StatusCode::kInvalidArgument,
                   "train.tsv:3: column item: '99': neither the row nor the catalogue describes "
                   "it"));
}

TEST_F(PartitionTest, RowsThatDescribeCandidatesNeedNoCatalogueEntry) {
  folder_.Write("train.tsv", "user\titem\n7\t30\n8\t99\n");
  folder_.Write("items.tsv", "item\n30\n");
  options_.candidates = SourceOptions{.paths = {"items.tsv"}};
  const Catalogue catalogue = *Catalogue::Load(options_, Plan());
  EXPECT_EQ(Load(0, &catalogue)->catalogue_positions, (std::vector<uint32_t>{0, kNotInCatalogue}));
}

TEST_F(PartitionTest, InverseClozeKeepsDocumentsOfSeveralSentences) {
  options_.train[0].inverse_cloze = {"text", "ask", 0.0};
  options_.query.features = {TextFeature("ask")};
  options_.candidate.features = {IntegerFeature("item"), TextFeature("text")};
  options_.query_key.reset();
  options_.holdout = 0.9;
  folder_.Write(
      "train.tsv",
      "item\ttext\n1\tA program that plays chess. It is quite strong.\n"
      "2\tOnly one sentence stands here.\n3\tAnother pair of sentences. Here it ends at last.\n");
  const Partition partition = *Load();
  EXPECT_EQ(partition.candidate_keys, (Keys{1, 3})) << "and nothing is held out";
  EXPECT_EQ(partition.skipped, 1u);
  ASSERT_TRUE(partition.cloze.has_value());
  EXPECT_EQ(partition.cloze->sentence_offsets, (Keys{0, 2, 4}));
  EXPECT_EQ(partition.cloze->bytes.substr(partition.cloze->begins[3]), "Here it ends at last.");
  EXPECT_EQ(Bag(*partition.candidates, 0, 1), (Keys{3}));
  EXPECT_TRUE(Bag(*partition.candidates, 1, 1).empty()) << "the document is made at batch time";
  EXPECT_TRUE(Bag(partition.queries, 0, 0).empty());
}

TEST_F(PartitionTest, BadValuesAreRefusedWithPlaceAndColumn) {
  options_.query.features.push_back({.column = "age", .kind = FeatureKind::kNumber});
  folder_.Write("train.tsv", "user\titem\tage\n7\t1\t30\n8\t2\tnan\n");
  EXPECT_EQ(Load().error().message(),
            "train.tsv:3: column age: 'nan' is no finite number of single precision; leave the "
            "field empty and set `missing`");
  folder_.Write("train.tsv", "user\titem\tage\n7\t1\t30\n8\tx\t1\n");
  EXPECT_EQ(Load().error().message(),
            "train.tsv:3: column item: 'x' is no unsigned whole number (form: INTEGER)");
}

}  // namespace
}  // namespace skybridge::data
