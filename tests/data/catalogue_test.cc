// SPDX-License-Identifier: Apache-2.0
#include "data/catalogue.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

class CatalogueTest : public SmallJobTest {
 protected:
  Result<Catalogue> Load() { return Catalogue::Load(options_, Plan()); }
  static std::vector<uint64_t> Keys(const Catalogue& catalogue) {
    return {catalogue.keys().begin(), catalogue.keys().end()};
  }
};

TEST_F(CatalogueTest, DistinctCandidatesOfTrainingInOrderOfKey) {
  options_.holdout = 0.9;  // Held-out pairs count too.
  TrainOnAdjacency("7 30 10\n8 20 10 5\n");
  const Catalogue catalogue = *Load();
  EXPECT_EQ(Keys(catalogue), (std::vector<uint64_t>{5, 10, 20, 30}));
  EXPECT_EQ(catalogue.features().count, 4u);
  EXPECT_EQ(catalogue.features().features[0].ids, (std::vector<uint64_t>{5, 10, 20, 30}));
  EXPECT_EQ(catalogue.label(2), "20");
  EXPECT_EQ(catalogue.Find(20), 2u);
  EXPECT_EQ(catalogue.Find(21), std::nullopt);
  EXPECT_EQ(catalogue.duplicates(), 0u);
}

TEST_F(CatalogueTest, FirstOfSeveralCandidatesWithOneKeyWins) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  folder_.Write("items.tsv", "item\ttitle\n2\tgo\n1\tchess\n2\tshogi\n");
  options_.candidates = SourceOptions{.paths = {"items.tsv"}};
  options_.candidate.features = {TextFeature("title")};
  const Catalogue catalogue = *Load();
  EXPECT_EQ(Keys(catalogue), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(catalogue.duplicates(), 1u);
  EXPECT_EQ(catalogue.features().features[0].ids,
            (std::vector<uint64_t>{HashBytes("chess"), HashBytes("go")}));
}

TEST_F(CatalogueTest, HashedKeysKeepTheirLabels) {
  options_.candidate_key_form = IdForm::kHashed;
  options_.candidate.features[0].id.form = IdForm::kHashed;
  folder_.Write("train.tsv", "user\titem\n7\tgnuchess\n8\tblender\n");
  const Catalogue catalogue = *Load();
  ASSERT_EQ(catalogue.size(), 2u);
  EXPECT_EQ(catalogue.label(*catalogue.Find(HashBytes("gnuchess"))), "gnuchess");
  EXPECT_EQ(catalogue.label(*catalogue.Find(HashBytes("blender"))), "blender");
}

TEST_F(CatalogueTest, TrainingThatDoesNotDescribeCandidatesIsNoCatalogue) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  options_.candidate.features = {TextFeature("title")};
  const Status error = Load().error();
  EXPECT_EQ(error.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(error.message().find("data.candidates"), std::string::npos) << error;
}

TEST_F(CatalogueTest, NoCandidateAtAllIsAnError) {
  folder_.Write("train.tsv", "user\titem\n");
  EXPECT_EQ(Load().error().code(), StatusCode::kInvalidArgument);
}

TEST_F(CatalogueTest, TrainingNeedsItForUniformNegativesAndForBareKeys) {
  folder_.Write("train.tsv", "user\titem\n7\t1\n");
  EXPECT_FALSE(*TrainingNeedsCatalogue(options_, Plan()));
  options_.uniform_negatives = 1;
  EXPECT_TRUE(*TrainingNeedsCatalogue(options_, Plan()));
  options_.uniform_negatives = 0;
  options_.candidate.features = {TextFeature("title")};
  EXPECT_TRUE(*TrainingNeedsCatalogue(options_, Plan()));
}

}  // namespace
}  // namespace skybridge::data
