// SPDX-License-Identifier: Apache-2.0
#include "model/tower.h"

#include "tests/model/model_case.h"

namespace skybridge::model {
namespace {

constexpr uint32_t kBatch = 6;

// One tower of a model with random parameters, input and gradient of its vectors.
struct TowerCase {
  TowerCase(TwoTowerOptions from, Side at, uint64_t seed)
      : options(std::move(from)),
        side(at),
        plan(*TablePlan::Create(options)),
        rng(seed, Purpose::kTest),
        parameters(plan.specs, rng),
        input(TowerOf(options, side), kBatch, rng),
        upstream(RandomNumbers(kBatch * TowerOf(options, side).dim, rng)),
        tower(options, plan, side) {}

  size_t dim() const { return TowerOf(options, side).dim; }
  std::vector<float> Vectors() const {
    const TowerPass pass = tower.Forward(input.view(), parameters.views());
    std::vector<float> vectors;
    for (size_t b = 0; b < kBatch; ++b) {
      vectors.insert(vectors.end(), pass.output.row(b), pass.output.row(b) + dim());
    }
    return vectors;
  }
  double Loss() const { return WeightedSum(Vectors(), upstream); }
  // Tables' gradients hold `start` before.
  Gradients Backward(float start) const {
    Gradients gradients = parameters.Shaped(start);
    const Parameters views = parameters.views();
    const TowerPass pass = tower.Forward(input.view(), views);
    std::vector<float> destroyed = upstream;
    tower.Backward(input.view(), views, pass, RowsOf(std::span<float>(destroyed), dim()),
                   &gradients);
    return gradients;
  }

  TwoTowerOptions options;
  Side side;
  TablePlan plan;
  Rng rng;
  OwnedParameters parameters;
  OwnedInput input;
  std::vector<float> upstream;
  Tower tower;
};

using Numbers = std::vector<double>;

// What feature `f` gives to example `b`: a bag's weighted sum or a scaled number.
Numbers NaiveFeature(const TowerCase& c, size_t f, size_t b) {
  const FeatureOptions& options = TowerOf(c.options, c.side).features[f];
  const FeatureInput& from = c.input.view().features[f];
  const auto wide = [](float number) { return static_cast<double>(number); };
  if (options.kind == FeatureKind::kNumber) {
    return {(wide(from.numbers[b]) - wide(options.center)) / wide(options.scale)};
  }
  const FeatureTables& tables = c.plan.features[static_cast<size_t>(c.side)][f];
  const auto& rows = c.parameters.values[Number(*tables.rows)];
  const size_t width = RowTableOf(c.options, options.table).dim;
  Numbers sum(width);
  for (size_t e = from.offsets[b]; e < from.offsets[b + 1]; ++e) {
    double weight = wide(from.weights[e]);
    if (tables.weights) {
      const double n = static_cast<double>(c.parameters.views().candidates_total);
      const double df = c.parameters.counts[Number(*tables.counts)][from.count_rows[e]];
      const double idf = std::sqrt(std::log(1 + (n - df + 0.5) / (df + 0.5)) / 8);
      const auto& deltas = c.parameters.values[Number(*tables.weights)];
      weight *= std::max(0.0, idf + wide(deltas[from.weight_rows[e]]));
    }
    for (size_t i = 0; i < width; ++i) sum[i] += weight * wide(rows[from.rows[e] * width + i]);
  }
  return sum;
}

// Linear, LayerNorm if `normed`, ReLU if `hidden`; `tensor` moves on to the next layer's.
Numbers NaiveLayer(const TowerCase& c, const Numbers& x, size_t out, bool normed, bool hidden,
                   size_t* tensor) {
  const auto& ids = c.plan.dense[static_cast<size_t>(c.side)];
  const auto at = [&](size_t t, size_t i) {
    return static_cast<double>(c.parameters.values[Number(ids[*tensor + t])][i]);
  };
  Numbers y(out);
  for (size_t o = 0; o < out; ++o) {
    y[o] = at(1, o);
    for (size_t i = 0; i < x.size(); ++i) y[o] += x[i] * at(0, i * out + o);
  }
  if (normed) {
    double mean = 0, variance = 0;
    for (const double number : y) mean += number / static_cast<double>(out);
    for (const double number : y) variance += std::pow(number - mean, 2) / static_cast<double>(out);
    for (size_t o = 0; o < out; ++o) {
      y[o] = at(2, o) * (y[o] - mean) / std::sqrt(variance + 1e-5) + at(3, o);
    }
  }
  if (hidden) std::ranges::for_each(y, [](double& number) { number = std::max(0.0, number); });
  *tensor += normed ? 4 : 2;
  return y;
}

Numbers NaiveVector(const TowerCase& c, size_t b) {
  const TowerOptions& options = TowerOf(c.options, c.side);
  Numbers x(options.hidden.empty() ? options.dim : 0);
  for (size_t f = 0; f < options.features.size(); ++f) {
    const Numbers given = NaiveFeature(c, f, b);
    if (!options.hidden.empty()) {
      x.insert(x.end(), given.begin(), given.end());
      continue;
    }
    for (size_t i = 0; i < x.size(); ++i) x[i] += given[i];
  }
  if (!options.hidden.empty()) {
    size_t tensor = 0;
    for (const uint32_t width : options.hidden) {
      x = NaiveLayer(c, x, width, options.layer_norm, true, &tensor);
    }
    x = NaiveLayer(c, x, options.dim, false, false, &tensor);
  }
  if (options.norm == Norm::kNone) return x;
  const double pivot = options.norm == Norm::kPivoted ? static_cast<double>(options.pivot) : 0;
  double squares = pivot * pivot;
  for (const double number : x) squares += number * number;
  if (squares > 0) {
    for (double& number : x) number /= std::sqrt(squares);
  }
  return x;
}

// `check` of both towers of both models.
template <typename Check>
void ForAllTowers(const Check& check) {
  uint64_t seed = 0;
  for (const TwoTowerOptions& options : {LayeredOptions(), SummingOptions()}) {
    for (const Side side : {Side::kQuery, Side::kCandidate}) {
      SCOPED_TRACE(testing::Message() << (options.query.hidden.empty() ? "summing " : "layered ")
                                      << (side == Side::kQuery ? "query" : "candidate"));
      TowerCase c(options, side, ++seed);
      check(c);
    }
  }
}

TEST(TowerTest, VectorsAgreeWithTheirNaiveTwin) {
  ForAllTowers([](const TowerCase& c) {
    const std::vector<float> vectors = c.Vectors();
    for (size_t b = 0; b < kBatch; ++b) {
      const Numbers expected = NaiveVector(c, b);
      for (size_t i = 0; i < c.dim(); ++i) {
        EXPECT_NEAR(vectors[b * c.dim() + i], expected[i], 1e-5) << b << ", " << i;
      }
    }
  });
}

TEST(TowerTest, EachKindOfNormGivesItsLength) {
  for (const Norm norm : {Norm::kNone, Norm::kUnit, Norm::kPivoted}) {
    TwoTowerOptions options = SummingOptions();
    options.query.norm = Norm::kNone;
    const std::vector<float> plain = TowerCase(options, Side::kQuery, 5).Vectors();
    options.query.norm = norm;
    options.query.pivot = 2;
    const std::vector<float> vectors = TowerCase(options, Side::kQuery, 5).Vectors();
    for (size_t b = 0; b < kBatch; ++b) {
      const auto length = [&](const std::vector<float>& of) {
        const std::span<const float> row = std::span(of).subspan(b * 4, 4);
        return std::sqrt(WeightedSum(row, row));
      };
      const double x = length(plain);
      const double expected = norm == Norm::kNone   ? x
                              : norm == Norm::kUnit ? (x > 0 ? 1 : 0)
                                                    : x / std::sqrt(x * x + 4);
      EXPECT_NEAR(length(vectors), expected, 1e-5) << b;
    }
  }
}

TEST(TowerTest, ATokenClampedToNothingWeighsNothing) {
  TowerCase c(SummingOptions(), Side::kCandidate, 6);
  const TableId weights = *c.plan.features[1][1].weights;
  std::ranges::fill(c.parameters.values[Number(weights)], -10.0f);
  const std::vector<float> without_text = c.Vectors();
  for (size_t b = 0; b < kBatch; ++b) {
    const Numbers title = NaiveFeature(c, 0, b);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(without_text[b * 4 + i], title[i], 1e-5);
  }
  const Gradients gradients = c.Backward(0);
  EXPECT_EQ(gradients.tables[Number(weights)], std::vector<float>(kRowsOfATable, 0.0f));
}

TEST(TowerTest, GradientsOfAllTablesAreRight) {
  ForAllTowers([](TowerCase& c) {
    c.parameters.ExpectGradients([&] { return c.Loss(); }, c.Backward(0), 0);
  });
}

TEST(TowerTest, BackwardAddsToRowTablesAndOverwritesDenseOnes) {
  ForAllTowers([](const TowerCase& c) {
    const Gradients zero = c.Backward(0);
    const Gradients seven = c.Backward(7);
    for (size_t table = 0; table < c.plan.specs.size(); ++table) {
      SCOPED_TRACE(c.plan.specs[table].name);
      const bool own = std::ranges::count(c.plan.dense[static_cast<size_t>(c.side)],
                                          TableId(static_cast<uint32_t>(table))) > 0;
      const size_t size = own ? c.plan.specs[table].dense_size : zero.tables[table].size();
      for (size_t i = 0; i < size; ++i) {
        ASSERT_NEAR(seven.tables[table][i], zero.tables[table][i] + (own ? 0.0f : 7.0f), 1e-4f);
      }
    }
  });
}

TEST(TowerTest, NoExamplesGiveNoVectors) {
  TowerCase c(LayeredOptions(), Side::kQuery, 7);
  const OwnedInput empty(c.options.query, 0, c.rng);
  EXPECT_EQ(c.tower.Forward(empty.view(), c.parameters.views()).output.rows(), 0u);
}

}  // namespace
}  // namespace skybridge::model
