// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "common/table_spec.h"
#include "model/inputs.h"
#include "model/table_plan.h"
#include "tests/model/gradient_check.h"

namespace skybridge::model {

inline constexpr size_t kRowsOfATable = 6;

// Both towers with layers; "words" is shared by both, and the candidate weighs its words.
inline TwoTowerOptions LayeredOptions() {
  TwoTowerOptions options;
  options.tables = {{.name = "words", .dim = 3}, {.name = "items", .dim = 5}};
  options.query = {
      .dim = 4,
      .features = {{.name = "title", .table = "words"},
                   {.name = "age", .kind = FeatureKind::kNumber, .center = 2, .scale = -4}},
      .hidden = {6},
      .layer_norm = true,
      .norm = Norm::kUnit};
  options.candidate = {.dim = 4,
                       .features = {{.name = "id", .table = "items"},
                                    {.name = "text", .table = "words", .learned_weights = true}},
                       .hidden = {5, 3},
                       .norm = Norm::kPivoted,
                       .pivot = 0.8f};
  options.loss.temperature = 0.5f;
  return options;
}

// Both towers sum their bags; the one table is shared, and both sides weigh "text".
inline TwoTowerOptions SummingOptions() {
  TwoTowerOptions options;
  options.tables = {{.name = "words", .dim = 4}};
  const std::vector<FeatureOptions> features{
      {.name = "title", .table = "words"},
      {.name = "text", .table = "words", .learned_weights = true}};
  options.query = {.dim = 4, .features = features, .norm = Norm::kUnit};
  options.candidate = {.dim = 4, .features = features, .norm = Norm::kNone};
  options.loss.temperature = 0.5f;
  return options;
}

// Parameters with their memory: random values, kRowsOfATable rows of each table that has rows.
struct OwnedParameters {
  OwnedParameters(const TableSpecs& tables, Rng& rng) : specs(tables) {
    for (const TableSpec& spec : specs) {
      values.emplace_back();
      counts.emplace_back();
      if (spec.kind == TableKind::kCounts) {
        for (size_t row = 0; row < kRowsOfATable; ++row) {
          counts.back().push_back(static_cast<uint32_t>(1 + rng.Below(30)));
        }
      } else if (spec.kind == TableKind::kDense) {
        values.back() = RandomNumbers(spec.dense_size, rng, 0.6f);
        values.back().resize((spec.dense_size + kDenseBlock - 1) / kDenseBlock * kDenseBlock);
      } else {
        values.back() = RandomNumbers(kRowsOfATable * spec.dim, rng, spec.dim == 1 ? 0.1f : 0.6f);
        if (spec.dim == 1) values.back()[0] = -3;  // Its tokens are clamped to weigh nothing.
      }
    }
  }
  Parameters views() const {
    Parameters parameters{.candidates_total = 60, .examples_total = 40};
    for (size_t table = 0; table < specs.size(); ++table) {
      parameters.tables.push_back({values[table], counts[table]});
    }
    return parameters;
  }
  // Gradients of the right shapes, all numbers `fill`.
  Gradients Shaped(float fill) const {
    Gradients gradients;
    for (const auto& table : values) gradients.tables.emplace_back(table.size(), fill);
    return gradients;
  }
  // Compares the gradients of all tables with the differences of `function`, which reads these
  // values; the padding of dense tables must hold `padding`.
  void ExpectGradients(const std::function<double()>& function, const Gradients& gradients,
                       float padding) {
    ASSERT_EQ(gradients.tables.size(), specs.size());
    for (size_t table = 0; table < specs.size(); ++table) {
      SCOPED_TRACE(specs[table].name);
      const std::span<const float> gradient(gradients.tables[table]);
      ASSERT_EQ(gradient.size(), values[table].size());
      const size_t used =
          specs[table].kind == TableKind::kDense ? specs[table].dense_size : gradient.size();
      ExpectGradient(function, std::span<float>(values[table]).first(used), gradient.first(used),
                     5e-3, 0x1p-10f);
      for (const float number : gradient.subspan(used)) ASSERT_EQ(number, padding);
    }
  }

  TableSpecs specs;
  std::vector<std::vector<float>> values;     // By TableId.
  std::vector<std::vector<uint32_t>> counts;  // Likewise.
};

// A tower's input with its memory: bags of none to four entries of random rows, random numbers.
class OwnedInput {
 public:
  OwnedInput(const TowerOptions& tower, uint32_t count, Rng& rng) {
    input_.count = count;
    for (const FeatureOptions& feature : tower.features) {
      FeatureInput& view = input_.features.emplace_back();
      if (feature.kind == FeatureKind::kNumber) {
        view.numbers = floats_.emplace_back(RandomNumbers(count, rng, 5));
        continue;
      }
      std::vector<uint32_t>& offsets = integers_.emplace_back(1, 0u);
      for (uint32_t b = 0; b < count; ++b) {
        offsets.push_back(offsets.back() + static_cast<uint32_t>((b + 3) % 5));
      }
      const size_t entries = offsets.back();
      view.offsets = offsets;
      view.weights = floats_.emplace_back(RandomNumbers(entries, rng));
      view.rows = RandomRows(entries, rng);
      if (!feature.learned_weights) continue;
      view.weight_rows = RandomRows(entries, rng);
      view.count_rows = RandomRows(entries, rng);
    }
  }
  OwnedInput(const OwnedInput&) = delete;
  OwnedInput& operator=(const OwnedInput&) = delete;

  const TowerInput& view() const { return input_; }

 private:
  std::span<const uint32_t> RandomRows(size_t n, Rng& rng) {
    std::vector<uint32_t>& rows = integers_.emplace_back(n);
    for (uint32_t& row : rows) row = static_cast<uint32_t>(rng.Below(kRowsOfATable));
    return rows;
  }

  TowerInput input_;
  std::deque<std::vector<uint32_t>> integers_;  // Deques, so that the views stay valid.
  std::deque<std::vector<float>> floats_;
};

}  // namespace skybridge::model
