// SPDX-License-Identifier: Apache-2.0
#include "model/two_tower.h"

#include <algorithm>
#include <utility>

#include "model/bpr_loss.h"
#include "model/options_check.h"
#include "model/sampling_correction.h"
#include "model/softmax_loss.h"
#include "model/tower.h"

namespace skybridge::model {

struct TwoTower::State {
  State(TwoTowerOptions from, TablePlan made)
      : options(std::move(from)),
        plan(std::move(made)),
        query(options, plan, Side::kQuery),
        candidate(options, plan, Side::kCandidate) {}

  const Tower& tower(Side side) const { return side == Side::kQuery ? query : candidate; }

  const TwoTowerOptions options;
  const TablePlan plan;
  const Tower query;
  const Tower candidate;
};

namespace {

void CheckStep(const StepInput& input) {
  const size_t queries = input.queries.count;
  const size_t candidates = input.candidates.count;
  CHECK_LE(input.in_batch, candidates);
  CHECK_EQ(input.excluded_offsets.size(), queries + 1);
  CHECK(std::ranges::is_sorted(input.excluded_offsets));
  CHECK_EQ(input.excluded.size(), input.excluded_offsets.back());
  for (const uint32_t row : input.excluded) CHECK_LT(row, candidates);
  CHECK(std::ranges::is_sorted(input.positives, {}, &PositivePair::query));
  for (const PositivePair& pair : input.positives) {
    CHECK_LT(pair.query, queries);
    CHECK_LT(pair.candidate, candidates);
  }
  for (const uint32_t row : input.sampled_negative) CHECK_LT(row, candidates);
}

void Clear(const Parameters& parameters, Gradients* gradients) {
  gradients->tables.resize(parameters.tables.size());
  for (size_t table = 0; table < parameters.tables.size(); ++table) {
    gradients->tables[table].assign(parameters.tables[table].values.size(), 0.0f);
  }
}

std::vector<float> CorrectionOf(const LossOptions& loss, std::optional<TableId> counts,
                                const StepInput& input, const Parameters& parameters) {
  const SamplingMixture mixture{.in_batch = loss.in_batch,
                                .positives = input.positives.size(),
                                .examples_total = parameters.examples_total,
                                .uniform_drawn = input.uniform_drawn,
                                .candidates_total = parameters.candidates_total,
                                .exponent = loss.logq};
  return SamplingCorrection(
      mixture, input.candidates.count, input.in_batch,
      counts ? parameters.tables[Number(*counts)].counts : std::span<const uint32_t>(),
      input.candidate_count_rows);
}

}  // namespace

TwoTower::TwoTower(std::unique_ptr<State> state) : state_(std::move(state)) {}
TwoTower::~TwoTower() = default;
TwoTower::TwoTower(TwoTower&&) noexcept = default;
TwoTower& TwoTower::operator=(TwoTower&&) noexcept = default;

Result<TwoTower> TwoTower::Create(TwoTowerOptions options) {
  SKY_RETURN_IF_ERROR(ValidateOptions(options));
  SKY_ASSIGN_OR_RETURN(TablePlan plan, TablePlan::Create(options));
  return TwoTower(std::make_unique<State>(std::move(options), std::move(plan)));
}

const TwoTowerOptions& TwoTower::options() const { return state_->options; }

uint32_t TwoTower::dim() const { return state_->options.query.dim; }

const TableSpecs& TwoTower::tables() const { return state_->plan.specs; }

FeatureTables TwoTower::feature_tables(Side side, size_t feature) const {
  return state_->plan.features[static_cast<size_t>(side)].at(feature);
}

std::optional<TableId> TwoTower::candidate_counts() const { return state_->plan.candidate_counts; }

std::vector<TableId> TwoTower::dense_tables(Side side) const {
  return state_->plan.dense[static_cast<size_t>(side)];
}

void TwoTower::Embed(Side side, const TowerInput& input, const Parameters& parameters,
                     std::span<float> vectors) const {
  CHECK_EQ(parameters.tables.size(), tables().size());
  const size_t d = dim();
  CHECK_EQ(vectors.size(), input.count * d);
  const TowerPass pass = state_->tower(side).Forward(input, parameters);
  for (size_t b = 0; b < input.count; ++b) {
    std::copy_n(pass.output.row(b), d, vectors.data() + b * d);
  }
}

StepResult TwoTower::Step(const StepInput& input, const Parameters& parameters, float scale,
                          Gradients* gradients) const {
  CHECK_EQ(parameters.tables.size(), tables().size());
  CheckStep(input);
  Clear(parameters, gradients);
  StepResult result{.positives = static_cast<uint32_t>(input.positives.size())};
  if (input.positives.empty()) return result;

  const TowerPass queries = state_->query.Forward(input.queries, parameters);
  const TowerPass candidates = state_->candidate.Forward(input.candidates, parameters);
  const ScoreBatch batch{.queries = queries.output.view(),
                         .candidates = candidates.output.view(),
                         .positives = input.positives,
                         .excluded_offsets = input.excluded_offsets,
                         .excluded = input.excluded};
  Matrix query_gradient(input.queries.count, dim());
  Matrix candidate_gradient(input.candidates.count, dim());
  const ScoreGradients score_gradients{query_gradient.view(), candidate_gradient.view()};
  const LossOptions& loss = options().loss;
  if (loss.kind == LossKind::kBpr) {
    result.loss_sum =
        BprLoss(loss.temperature, batch, input.sampled_negative, scale, score_gradients);
  } else {
    // Without in-batch negatives only rows that the uniform sampler drew contrast; a positive that
    // it drew as well cannot be told from the others.
    result.loss_sum = SoftmaxLoss({loss.temperature, loss.decoupled, loss.negative_weight}, batch,
                                  loss.in_batch ? 0 : input.in_batch,
                                  CorrectionOf(loss, candidate_counts(), input, parameters), scale,
                                  score_gradients);
  }
  state_->query.Backward(input.queries, parameters, queries, query_gradient.view(), gradients);
  state_->candidate.Backward(input.candidates, parameters, candidates, candidate_gradient.view(),
                             gradients);
  return result;
}

}  // namespace skybridge::model
