// SPDX-License-Identifier: Apache-2.0
#include "data/pair_reader.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "data/tower_batch.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::data {
namespace {

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

FeatureOptions Integer(const std::string& column) {
  return {.column = column,
          .kind = FeatureKind::kId,
          .id = {.form = IdForm::kInteger},
          .pooling = Pooling::kSum};
}

class PairReaderTest : public testing::Test {
 protected:
  PairReaderTest() {
    options_.candidate_key = "item";
    options_.candidate_key_form = IdForm::kInteger;
    options_.query_key = "user";
    options_.query.features = {Integer("user")};
    options_.candidate.features = {Integer("item")};
  }
  PlannedFile File(std::string_view text, Format format) {
    return {.path = folder_.Write("pairs", text), .name = "pairs", .format = format};
  }
  PairReader Open(const PlannedFile& file,
                  PairNeeds needs = {.queries = true, .candidates = true}) {
    return *PairReader::Open(options_, source_, file, 0, kAll, needs);
  }
  static std::vector<uint64_t> Keys(const PairReader& reader) {
    std::vector<uint64_t> keys;
    for (const auto& candidate : reader.candidates()) keys.push_back(candidate.key);
    return keys;
  }

  ScratchFolder folder_;
  DatasetOptions options_;
  SourceOptions source_;
};

TEST_F(PairReaderTest, AdjacencyRowHasAllItsCandidates) {
  source_.columns = {"user", "item"};
  PairReader reader = Open(File("7 3 1\n8\n9 2\n", Format::kAdjacency));
  ASSERT_TRUE(*reader.Next());
  EXPECT_EQ(reader.query_key(), HashBytes("7"));
  EXPECT_EQ(Keys(reader), (std::vector<uint64_t>{3, 1}));
  EXPECT_EQ(reader.candidates()[1].label, "1");
  TowerBatch items = EmptyTower(options_.candidate);
  ASSERT_TRUE(reader.AppendCandidate(1, &items).ok());
  EXPECT_EQ(items.features[0].ids, (std::vector<uint64_t>{1}));
  ASSERT_TRUE(*reader.Next());
  EXPECT_EQ(Keys(reader), (std::vector<uint64_t>{2}));
  EXPECT_FALSE(*reader.Next());
  EXPECT_EQ(reader.skipped(), 1u) << "the line of user 8 has no candidate";
}

TEST_F(PairReaderTest, JsonArrayIsSeveralCandidates) {
  PairReader reader = Open(
      File("{\"user\": 7, \"item\": [3, 1]}\n{\"user\": 8, \"item\": []}\n", Format::kJsonLines));
  ASSERT_TRUE(*reader.Next());
  EXPECT_EQ(Keys(reader), (std::vector<uint64_t>{3, 1}));
  EXPECT_FALSE(*reader.Next());
  EXPECT_EQ(reader.skipped(), 1u);
}

TEST_F(PairReaderTest, EmptyKeysAreRefused) {
  PairReader no_item = Open(File("user\titem\n7\t\n", Format::kTsv));
  EXPECT_EQ(no_item.Next().error().message(),
            "pairs:2: column item: empty, but it identifies candidates");
  PairReader no_user = Open(File("user\titem\n\t7\n", Format::kTsv));
  EXPECT_EQ(no_user.Next().error().message(),
            "pairs:2: column user: empty, but it identifies queries");
}

TEST_F(PairReaderTest, WithoutQueryKeyEachRowIsItsOwnQueryWhereverItIsReadFrom) {
  options_.query_key.reset();
  const std::string text = "user\titem\n7\t1\n7\t1\n";
  const PlannedFile file = File(text, Format::kTsv);
  PairReader whole = Open(file);
  ASSERT_TRUE(*whole.Next());
  const uint64_t first = whole.query_key();
  ASSERT_TRUE(*whole.Next());
  EXPECT_NE(whole.query_key(), first);
  EXPECT_FALSE(whole.has_query_key());
  PairReader piece = *PairReader::Open(options_, source_, file, 12, kAll, {});
  ASSERT_TRUE(*piece.Next());
  EXPECT_EQ(piece.query_key(), whole.query_key());
}

TEST_F(PairReaderTest, FileCarriesCandidatesIfItHasTheirColumns) {
  const PlannedFile file = File("user\titem\ttitle\n7\t1\tchess\n", Format::kTsv);
  EXPECT_TRUE(*CarriesCandidates(options_, source_, file));
  options_.candidate.features = {{.column = "title", .kind = FeatureKind::kText}};
  EXPECT_TRUE(*CarriesCandidates(options_, source_, file));
  options_.candidate.features.push_back({.column = "plot", .kind = FeatureKind::kText});
  EXPECT_FALSE(*CarriesCandidates(options_, source_, file));
  source_.columns = {"user", "item"};
  EXPECT_FALSE(*CarriesCandidates(options_, source_, File("7 1 2\n", Format::kAdjacency)));
}

TEST_F(PairReaderTest, RowOfSeveralCandidatesCannotDescribeThem) {
  options_.candidate.features = {{.column = "title", .kind = FeatureKind::kText}};
  PairReader reader =
      Open(File("{\"user\": 7, \"item\": [3, 1], \"title\": \"chess\"}\n", Format::kJsonLines));
  ASSERT_TRUE(*reader.Next());
  TowerBatch items = EmptyTower(options_.candidate);
  EXPECT_EQ(reader.AppendCandidate(0, &items).code(), StatusCode::kInvalidArgument);
}

TEST_F(PairReaderTest, SignatureTellsQueriesGroupsAndMasksApart) {
  source_.group_by = "group";
  source_.mask_by = "mask";
  const PairNeeds needs{.queries = true, .grouping = true};
  PairReader reader = Open(File("user\titem\tgroup\tmask\n7\t1\ta\tb\n7\t2\ta\tb\n"
                                "7\t2\tA\tb\n7\t2\ta\tB\n8\t2\ta\tb\n",
                                Format::kTsv),
                           needs);
  ASSERT_TRUE(*reader.Next());
  const uint64_t signature = reader.Signature();
  ASSERT_TRUE(*reader.Next());
  EXPECT_EQ(reader.Signature(), signature);
  for (int row = 0; row < 3; ++row) {
    ASSERT_TRUE(*reader.Next());
    EXPECT_NE(reader.Signature(), signature) << row;
  }
}

TEST_F(PairReaderTest, HoldoutTakesTheShareAndDependsOnSeedAndPairAlone) {
  options_.holdout = 0.25;
  int held_out = 0, same = 0;
  DatasetOptions other = options_;
  other.seed = 2;
  for (uint64_t query = 0; query < 100; ++query) {
    for (uint64_t candidate = 0; candidate < 100; ++candidate) {
      const bool out = IsHeldOut(options_, query, candidate);
      EXPECT_EQ(out, IsHeldOut(options_, query, candidate));
      held_out += out;
      same += out && IsHeldOut(other, query, candidate);
    }
  }
  EXPECT_NEAR(held_out, 2500, 150);
  EXPECT_NEAR(same, 625, 100) << "another seed holds out other pairs";
  options_.holdout = 0;
  EXPECT_FALSE(IsHeldOut(options_, 1, 1));
}

}  // namespace
}  // namespace skybridge::data
