// SPDX-License-Identifier: Apache-2.0
#include "scheduler/metric_board.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::scheduler {
namespace {

bool SameCutOffs(const MetricSums& a, const MetricSums& b) {
  return std::ranges::equal(a.at, b.at, {}, &MetricAtK::k, &MetricAtK::k);
}

void Add(MetricAtK& sum, const MetricAtK& part) {
  sum.recall += part.recall;
  sum.ndcg += part.ndcg;
  sum.mrr += part.mrr;
  sum.hit += part.hit;
}

void Divide(MetricAtK& sum, uint64_t queries) {
  const auto n = static_cast<double>(std::max<uint64_t>(1, queries));
  sum.recall /= n;
  sum.ndcg /= n;
  sum.mrr /= n;
  sum.hit /= n;
}

}  // namespace

std::optional<double> MetricValue(const EvaluationPoint& point, const std::string& metric,
                                  uint32_t k) {
  const auto at = std::ranges::find(point.at, k, &MetricAtK::k);
  if (at == point.at.end()) return std::nullopt;
  if (metric == "recall") return at->recall;
  if (metric == "ndcg") return at->ndcg;
  if (metric == "mrr") return at->mrr;
  if (metric == "hit") return at->hit;
  return std::nullopt;
}

MetricBoard::MetricBoard(std::vector<EvaluationOptions> evaluations)
    : evaluations_(std::move(evaluations)), running_(evaluations_.size()) {}

Status MetricBoard::Record(uint32_t evaluation, uint32_t partition, const MetricSums& sums) {
  if (evaluation >= running_.size()) {
    return Status(StatusCode::kInvalidArgument, fmt::format("no evaluation {}", evaluation));
  }
  auto& partitions = running_[evaluation].partitions;
  // A partition without queries may come without cut-offs too.
  if (sums.queries == 0) return Status();
  if (!partitions.empty() && !SameCutOffs(partitions.begin()->second, sums)) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("evaluation '{}': partition {} has other cut-offs than partition {}",
                              evaluations_[evaluation].name, partition, partitions.begin()->first));
  }
  CHECK(partitions.emplace(partition, sums).second) << "partition recorded twice: " << partition;
  return Status();
}

Status MetricBoard::Conclude(uint32_t evaluation, uint64_t step, double epoch) {
  Running& running = running_[evaluation];
  EvaluationPoint point{.evaluation = evaluation,
                        .name = evaluations_[evaluation].name,
                        .step = step,
                        .epoch = epoch};
  for (const auto& [partition, sums] : running.partitions) {
    if (point.at.empty()) {
      for (const MetricAtK& at : sums.at) point.at.push_back({.k = at.k});
    }
    point.queries += sums.queries;
    for (size_t i = 0; i < sums.at.size(); ++i) Add(point.at[i], sums.at[i]);
  }
  for (MetricAtK& at : point.at) Divide(at, point.queries);
  running.partitions.clear();
  history_.push_back(point);
  return Judge(evaluation, point);
}

Status MetricBoard::Judge(uint32_t evaluation, const EvaluationPoint& point) {
  const EarlyStop& rule = evaluations_[evaluation].early_stop;
  if (rule.metric.empty()) return Status();
  const std::optional<double> value = MetricValue(point, rule.metric, rule.k);
  if (!value) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("evaluation '{}' found no {}@{}, which its early stop goes by",
                              point.name, rule.metric, rule.k));
  }
  Running& running = running_[evaluation];
  if (!running.best || *value > *running.best) {
    running.best = value;
    running.worse_in_a_row = 0;
  } else {
    ++running.worse_in_a_row;
  }
  return Status();
}

Status MetricBoard::Restore(const std::vector<EvaluationPoint>& history) {
  CHECK(history_.empty());
  for (const EvaluationPoint& point : history) {
    const uint32_t evaluation = point.evaluation;
    if (evaluation >= evaluations_.size() || evaluations_[evaluation].name != point.name) {
      return Status(StatusCode::kFailedPrecondition,
                    fmt::format("this job has no evaluation {} '{}'", evaluation, point.name));
    }
    history_.push_back(point);
    SKY_RETURN_IF_ERROR(Judge(evaluation, point));
  }
  return Status();
}

std::optional<BestEvaluation> MetricBoard::best() const {
  std::optional<BestEvaluation> best;
  for (const EvaluationPoint& point : history_) {
    const EarlyStop& rule = evaluations_[point.evaluation].early_stop;
    if (rule.metric.empty()) continue;
    const double value = MetricValue(point, rule.metric, rule.k).value_or(0);
    if (!best || value > best->value) {
      best = BestEvaluation{.name = point.name,
                            .metric = fmt::format("{}@{}", rule.metric, rule.k),
                            .value = value,
                            .step = point.step,
                            .epoch = point.epoch};
    }
    best->last_value = value;
    best->last_step = point.step;
  }
  return best;
}

bool MetricBoard::should_stop() const {
  for (size_t i = 0; i < running_.size(); ++i) {
    const EarlyStop& rule = evaluations_[i].early_stop;
    if (!rule.metric.empty() && running_[i].worse_in_a_row >= rule.patience) return true;
  }
  return false;
}

}  // namespace skybridge::scheduler
