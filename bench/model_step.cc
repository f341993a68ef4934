// SPDX-License-Identifier: Apache-2.0
// How many training examples a second one thread computes: forward, loss and gradients of a step,
// without pulling rows and without the optimizer. Random ids, Zipf-like.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "common/first_value.h"
#include "common/rng.h"
#include "model/two_tower.h"

namespace skybridge::model {
namespace {

struct Shape {
  uint32_t queries;
  uint32_t positives_each;  // Per query.
  uint32_t uniform;         // Uniform negatives; with none, the batch's own.
  uint32_t dim;
  std::vector<uint32_t> hidden;
  uint32_t bag;  // Ids per example.
  uint64_t ids;  // In each table.
};

// One feature's bags, and which rows they need.
struct BagColumn {
  std::vector<uint32_t> offsets{0};
  std::vector<uint32_t> rows;
  std::vector<float> weights;
  size_t distinct = 0;

  BagColumn(uint32_t count, const Shape& shape, Rng& rng) {
    std::map<uint64_t, uint32_t> row_of;
    for (uint32_t b = 0; b < count; ++b) {
      for (uint32_t e = 0; e < shape.bag; ++e) {
        // Density 1 / rank.
        const double rank = std::pow(static_cast<double>(shape.ids), rng.UniformDouble());
        const auto id = static_cast<uint64_t>(rank);
        rows.push_back(row_of.try_emplace(id, static_cast<uint32_t>(row_of.size())).first->second);
        weights.push_back(1.0f / static_cast<float>(shape.bag));
      }
      offsets.push_back(static_cast<uint32_t>(rows.size()));
    }
    distinct = row_of.size();
  }

  TowerInput Input(uint32_t count) const {
    return {.count = count, .features = {{.offsets = offsets, .weights = weights, .rows = rows}}};
  }
};

TwoTowerOptions OptionsOf(const Shape& shape) {
  const auto tower = [&](const std::string& table) {
    return TowerOptions{
        .dim = shape.dim, .features = {{.name = table, .table = table}}, .hidden = shape.hidden};
  };
  return {.query = tower("user"),
          .candidate = tower("item"),
          .tables = {{.name = "user", .dim = shape.dim}, {.name = "item", .dim = shape.dim}},
          .loss = {.in_batch = shape.uniform == 0, .logq = 0}};
}

void RunSteps(benchmark::State& state, const Shape& shape) {
  const TwoTower model = *TwoTower::Create(OptionsOf(shape));
  Rng rng(1, Purpose::kTest);
  const uint32_t pairs = shape.queries * shape.positives_each;
  const uint32_t candidates = pairs + shape.uniform;
  const BagColumn query(shape.queries, shape, rng);
  const BagColumn candidate(candidates, shape, rng);
  std::vector<PositivePair> positives;
  std::vector<uint32_t> excluded_offsets{0};
  std::vector<uint32_t> excluded;
  for (uint32_t pair = 0; pair < pairs; ++pair) {
    positives.push_back({pair / shape.positives_each, pair});
    excluded.push_back(pair);
    if ((pair + 1) % shape.positives_each == 0) excluded_offsets.push_back(pair + 1);
  }
  std::vector<std::vector<float>> values;
  Parameters parameters{.candidates_total = shape.ids, .examples_total = shape.ids};
  for (size_t table = 0; table < model.tables().size(); ++table) {
    const TableSpec& spec = model.tables()[table];
    const size_t rows = spec.kind == TableKind::kDense
                            ? (spec.dense_size + kDenseBlock - 1) / kDenseBlock
                            : (table == 0 ? query : candidate).distinct;
    std::vector<float>& table_values = values.emplace_back(rows * spec.dim);
    for (size_t row = 0; row < rows; ++row) {
      FirstValue(spec, TableId(static_cast<uint32_t>(table)), 1, RowId(row),
                 std::span(table_values).subspan(row * spec.dim, spec.dim));
    }
  }
  for (const auto& table : values) parameters.tables.push_back({.values = table});
  const StepInput input{.queries = query.Input(shape.queries),
                        .candidates = candidate.Input(candidates),
                        .positives = positives,
                        .excluded_offsets = excluded_offsets,
                        .excluded = excluded,
                        .in_batch = pairs,
                        .uniform_drawn = shape.uniform};
  Gradients gradients;
  for (auto _ : state) {
    benchmark::DoNotOptimize(model.Step(input, parameters, 1, &gradients).loss_sum);
  }
  state.counters["examples/s"] = benchmark::Counter(static_cast<double>(state.iterations()) * pairs,
                                                    benchmark::Counter::kIsRate);
}

void Step(benchmark::State& state, Shape shape) {  // NOLINT: taken by value from the registration.
  RunSteps(state, shape);
}

// The cases of the comparison with PyTorch: hidden layers 64-128-64, and none.
BENCHMARK_CAPTURE(Step, small_towers_1024, Shape{1024, 1, 0, 64, {128}, 1, 1'000'000});
BENCHMARK_CAPTURE(Step, small_towers_4096, Shape{4096, 1, 0, 64, {128}, 1, 1'000'000});
BENCHMARK_CAPTURE(Step, large_towers_1024, Shape{1024, 1, 0, 256, {512, 256}, 1, 1'000'000});
BENCHMARK_CAPTURE(Step, factorisation_1024, Shape{1024, 1, 0, 64, {}, 1, 40'000});
BENCHMARK_CAPTURE(Step, factorisation_4096, Shape{4096, 1, 0, 64, {}, 1, 40'000});
// 64 users with six of their items each, 512 uniform negatives.
BENCHMARK_CAPTURE(Step, grouped_uniform, Shape{64, 6, 512, 64, {}, 1, 40'000});
// Text: bags of 70 words, 256 numbers a word.
BENCHMARK_CAPTURE(Step, text_bags_1024, Shape{1024, 1, 0, 256, {}, 70, 90'000});

}  // namespace
}  // namespace skybridge::model
