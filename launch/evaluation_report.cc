// SPDX-License-Identifier: Apache-2.0
#include "launch/evaluation_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace skybridge::launch {
namespace {

nlohmann::ordered_json Evaluations(const std::vector<scheduler::EvaluationPoint>& points) {
  auto list = nlohmann::ordered_json::array();
  for (const scheduler::EvaluationPoint& point : points) {
    for (const scheduler::MetricAtK& at : point.at) {
      nlohmann::ordered_json entry = {{"name", point.name}};
      if (point.epoch >= 0) entry["epoch"] = point.epoch;
      entry.update({{"step", point.step},
                    {"queries", point.queries},
                    {"k", at.k},
                    {"recall", at.recall},
                    {"ndcg", at.ndcg},
                    {"mrr", at.mrr},
                    {"hit", at.hit}});
      list.push_back(std::move(entry));
    }
  }
  return list;
}

}  // namespace

std::string EvaluationTable(const std::vector<scheduler::EvaluationPoint>& points) {
  if (points.empty()) return "";
  std::string table =
      fmt::format("{:<10} {:>6} {:>8} {:>5} {:>8} {:>8} {:>8} {:>8}\n", "evaluation", "epoch",
                  "queries", "k", "recall", "ndcg", "mrr", "hit");
  for (const scheduler::EvaluationPoint& point : points) {
    const std::string epoch = point.epoch < 0 ? "-" : fmt::format("{:.1f}", point.epoch);
    for (const scheduler::MetricAtK& at : point.at) {
      table +=
          fmt::format("{:<10} {:>6} {:>8} {:>5} {:>8.4f} {:>8.4f} {:>8.4f} {:>8.4f}\n", point.name,
                      epoch, point.queries, at.k, at.recall, at.ndcg, at.mrr, at.hit);
    }
  }
  return table;
}

std::string EvaluationJson(const std::vector<scheduler::EvaluationPoint>& points,
                           const std::vector<IndexRecall>& index) {
  nlohmann::ordered_json json;
  json["evaluations"] = Evaluations(points);
  for (const IndexRecall& measured : index) {
    json["index"].push_back({{"name", measured.evaluation},
                             {"k", measured.k},
                             {"recall", measured.recall},
                             {"queries", measured.queries}});
  }
  return json.dump(2) + "\n";
}

std::string BestLine(const scheduler::BestEvaluation& best, bool exported) {
  std::string line = fmt::format("best    {} {} {:.4f} at step {} (epoch {:.1f})", best.name,
                                 best.metric, best.value, best.step, best.epoch);
  if (best.step == best.last_step) return line + (exported ? ", exported\n" : ", the last\n");
  return line + fmt::format("; {} weights: {:.4f} at step {}\n", exported ? "exported" : "last",
                            best.last_value, best.last_step);
}

std::string ResultJson(const scheduler::JobResult& result, double seconds) {
  nlohmann::ordered_json json;
  json["status"] = result.status.ok() ? "ok" : StatusCodeName(result.status.code());
  if (!result.status.ok()) json["message"] = result.status.message();
  json["seconds"] = seconds;
  json["evaluations"] = Evaluations(result.evaluations);
  json["stopped_early"] = result.stopped_early;
  if (result.best) {
    json["best"] = {{"name", result.best->name},          {"metric", result.best->metric},
                    {"value", result.best->value},        {"step", result.best->step},
                    {"epoch", result.best->epoch},        {"last_value", result.best->last_value},
                    {"last_step", result.best->last_step}};
  }
  json["training_pairs"] = result.training_pairs;
  json["candidates"] = result.candidates;
  json["examples_trained"] = result.examples_trained;
  json["steps"] = result.steps;
  json["pushes"] = result.pushes;
  json["duplicates"] = result.duplicates;
  json["leases_regranted"] = result.leases_regranted;
  json["export"] = result.export_folder;
  if (!result.export_folder.empty()) json["index_recall"] = result.index_recall;
  for (const scheduler::PhaseTime& phase : result.phases) {
    json["phases"].push_back({{"name", phase.name}, {"seconds", phase.seconds}});
  }
  for (const scheduler::TableSum& table : result.table_hashes) {
    json["tables"].push_back(
        {{"name", table.name}, {"hash", fmt::format("{:016x}", table.hash)}, {"rows", table.rows}});
  }
  return json.dump(2) + "\n";
}

}  // namespace skybridge::launch
