// SPDX-License-Identifier: Apache-2.0
#include "worker/model_adapter.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace skybridge::worker {
namespace {

RowOptimizer KindFromJob(job::OptimizerKind kind) {
  switch (kind) {
    case job::SGD: return RowOptimizer::kSgd;
    case job::ADAGRAD: return RowOptimizer::kAdagrad;
    case job::ROWWISE_ADAGRAD: return RowOptimizer::kRowwiseAdagrad;
    case job::ADAM: return RowOptimizer::kAdam;
  }
  return RowOptimizer::kRowwiseAdagrad;
}

std::string TableOf(const job::Feature& feature) {
  return feature.has_table() ? feature.table() : feature.column();
}

model::FeatureOptions FeatureFromJob(const job::Feature& feature) {
  model::FeatureOptions options{.name = feature.column()};
  if (feature.has_number()) {
    options.kind = model::FeatureKind::kNumber;
    options.center = static_cast<float>(feature.number().center());
    options.scale = static_cast<float>(feature.number().scale());
    return options;
  }
  options.table = TableOf(feature);
  options.learned_weights = feature.has_text() && feature.text().learned_weights();
  if (options.learned_weights) {
    options.weights_optimizer = OptimizerFromJob(feature.text().weights_optimizer());
    if (!feature.text().has_weights_optimizer()) {
      options.weights_optimizer = {.kind = RowOptimizer::kAdagrad, .learning_rate = 0.02f};
    }
  }
  return options;
}

model::Norm NormFromJob(job::Norm norm, job::SimilarityKind similarity) {
  switch (norm) {
    case job::NORM_BY_SIMILARITY:
      return similarity == job::COSINE ? model::Norm::kUnit : model::Norm::kNone;
    case job::NONE: return model::Norm::kNone;
    case job::UNIT: return model::Norm::kUnit;
    case job::PIVOTED: return model::Norm::kPivoted;
  }
  return model::Norm::kNone;
}

model::TowerOptions TowerFromJob(const job::Tower& tower, job::SimilarityKind similarity) {
  model::TowerOptions options{.dim = tower.dim(),
                              .hidden = {tower.hidden().begin(), tower.hidden().end()},
                              .layer_norm = tower.layer_norm(),
                              .norm = NormFromJob(tower.norm(), similarity),
                              .pivot = static_cast<float>(tower.pivot())};
  for (const job::Feature& feature : tower.feature()) {
    options.features.push_back(FeatureFromJob(feature));
  }
  if (tower.has_optimizer()) options.optimizer = OptimizerFromJob(tower.optimizer());
  return options;
}

// Tables in the order of the job, then those that only features name, in order of first mention.
std::vector<model::RowTableOptions> TablesFromJob(const job::Job& job) {
  std::vector<model::RowTableOptions> tables;
  const auto known = [&tables](const std::string& name) {
    return std::ranges::find(tables, name, &model::RowTableOptions::name) != tables.end();
  };
  const auto add = [&tables](const std::string& name, const job::Table& table, uint32_t dim) {
    tables.push_back({.name = name,
                      .dim = table.has_dim() ? table.dim() : dim,
                      .init_stddev = static_cast<float>(table.init_stddev()),
                      .optimizer = OptimizerFromJob(table.optimizer())});
  };
  for (const job::Table& table : job.table()) add(table.name(), table, job.query().dim());
  for (const job::Tower* tower : {&job.query(), &job.candidate()}) {
    for (const job::Feature& feature : tower->feature()) {
      if (feature.has_number() || known(TableOf(feature))) continue;
      add(TableOf(feature), job::Table::default_instance(), tower->dim());
    }
  }
  return tables;
}

}  // namespace

OptimizerOptions OptimizerFromJob(const job::Optimizer& optimizer) {
  return {.kind = KindFromJob(optimizer.kind()),
          .learning_rate = static_cast<float>(optimizer.learning_rate()),
          .epsilon = static_cast<float>(optimizer.epsilon()),
          .beta1 = static_cast<float>(optimizer.beta1()),
          .beta2 = static_cast<float>(optimizer.beta2()),
          .bias_correction = optimizer.bias_correction(),
          .linear_decay = optimizer.linear_decay()};
}

Result<model::TwoTowerOptions> ModelOptionsFromJob(const job::Job& job) {
  const job::SimilarityKind similarity = job.similarity().kind();
  model::TwoTowerOptions options{.query = TowerFromJob(job.query(), similarity),
                                 .candidate = TowerFromJob(job.candidate(), similarity),
                                 .tables = TablesFromJob(job)};
  options.loss = {
      .kind = job.loss().kind() == job::BPR ? model::LossKind::kBpr : model::LossKind::kSoftmax,
      .temperature = static_cast<float>(job.similarity().temperature()),
      .decoupled = job.loss().decoupled(),
      .negative_weight = static_cast<float>(job.loss().negative_weight()),
      .in_batch = job.negatives().in_batch(),
      .logq = static_cast<float>(job.negatives().logq())};
  return options;
}

}  // namespace skybridge::worker
