// SPDX-License-Identifier: Apache-2.0
#include "worker/binding.h"

#include <algorithm>
#include <set>
#include <vector>

#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

class BindingTest : public SmallWorldTest {
 protected:
  // Ids that each table must have for the features of one side.
  void Collect(model::Side side, const data::TowerBatch& batch,
               std::vector<std::set<uint64_t>>* ids) const {
    for (size_t f = 0; f < batch.features.size(); ++f) {
      const model::FeatureTables tables = model().feature_tables(side, f);
      for (const auto& table : {tables.rows, tables.weights, tables.counts}) {
        if (!table) continue;
        (*ids)[Number(*table)].insert(batch.features[f].ids.begin(), batch.features[f].ids.end());
      }
    }
    for (const TableId table : model().dense_tables(side)) (*ids)[Number(table)].insert(0);
  }
  static void ExpectIds(const Binding& binding, const std::vector<std::set<uint64_t>>& expected) {
    for (size_t table = 0; table < expected.size(); ++table) {
      EXPECT_EQ(binding.ids()[table],
                std::vector<uint64_t>(expected[table].begin(), expected[table].end()))
          << table;
    }
  }
  // Each entry's row is the position of its id.
  void ExpectRows(const Binding& binding, model::Side side, const data::TowerBatch& batch) const {
    const model::TowerInput input = binding.Input(side);
    ASSERT_EQ(input.count, batch.count);
    for (size_t f = 0; f < batch.features.size(); ++f) {
      const model::FeatureTables tables = model().feature_tables(side, f);
      const auto& from = batch.features[f];
      const auto check = [&](std::optional<TableId> table, std::span<const uint32_t> rows) {
        ASSERT_EQ(rows.size(), table ? from.ids.size() : 0);
        for (size_t i = 0; i < rows.size(); ++i) {
          EXPECT_EQ(binding.ids()[Number(*table)].at(rows[i]), from.ids[i]);
        }
      };
      check(tables.rows, input.features[f].rows);
      check(tables.weights, input.features[f].weight_rows);
      check(tables.counts, input.features[f].count_rows);
      EXPECT_TRUE(std::ranges::equal(input.features[f].offsets, from.offsets));
      EXPECT_TRUE(std::ranges::equal(input.features[f].weights, from.weights));
    }
  }
};

TEST_F(BindingTest, StepNeedsTheRowsOfBothTowersAllDenseBlocksAndCounts) {
  const auto step = Prepare({.partition = 1});
  std::vector<std::set<uint64_t>> expected(specs().size());
  Collect(model::Side::kQuery, step->batch.queries, &expected);
  Collect(model::Side::kCandidate, step->batch.candidates, &expected);
  const auto& keys = step->batch.candidate_keys;
  ASSERT_TRUE(model().candidate_counts().has_value());
  const size_t counts = Number(*model().candidate_counts());
  expected[counts].insert(keys.begin(), keys.end());
  ExpectIds(step->binding, expected);
  ExpectRows(step->binding, model::Side::kQuery, step->batch.queries);
  ExpectRows(step->binding, model::Side::kCandidate, step->batch.candidates);
  ASSERT_EQ(step->binding.candidate_count_rows().size(), keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(step->binding.ids()[counts].at(step->binding.candidate_count_rows()[i]), keys[i]);
  }
}

TEST_F(BindingTest, SideAloneNeedsNothingOfTheOther) {
  const auto step = Prepare({.partition = 1});
  for (const auto& [side, batch] : {std::pair(model::Side::kQuery, &step->batch.queries),
                                    std::pair(model::Side::kCandidate, &step->batch.candidates)}) {
    const Binding binding = Binding::OfSide(model(), side, *batch);
    std::vector<std::set<uint64_t>> expected(specs().size());
    Collect(side, *batch, &expected);
    ExpectIds(binding, expected);
    ExpectRows(binding, side, *batch);
    EXPECT_TRUE(binding.candidate_count_rows().empty());
  }
}

TEST(BindingDenseTest, EveryBlockOfALargeTensorIsNeeded) {
  model::TwoTowerOptions options;
  options.tables = {{.name = "user", .dim = 64}, {.name = "item", .dim = 64}};
  options.query = {.dim = 64, .features = {{.name = "user", .table = "user"}}, .hidden = {40}};
  options.candidate = {.dim = 64, .features = {{.name = "item", .table = "item"}}};
  const auto model = model::TwoTower::Create(options);
  ASSERT_TRUE(model.has_value()) << model.error();
  const data::TowerBatch nobody{.features = {{.offsets = {0}}}};
  const Binding binding = Binding::OfSide(*model, model::Side::kQuery, nobody);
  size_t blocks = 0;
  for (const TableId table : model->dense_tables(model::Side::kQuery)) {
    const uint64_t size = model->tables()[Number(table)].dense_size;
    const auto& ids = binding.ids()[Number(table)];
    ASSERT_EQ(ids.size(), (size + kDenseBlock - 1) / kDenseBlock);
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], i);
    blocks = std::max(blocks, ids.size());
  }
  EXPECT_EQ(blocks, 3u) << "64 x 40 numbers";
}

}  // namespace
}  // namespace skybridge::worker
