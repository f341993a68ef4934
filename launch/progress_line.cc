// SPDX-License-Identifier: Apache-2.0
#include "launch/progress_line.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace skybridge::launch {

std::string ShortCount(double count) {
  static constexpr const char* kUnits[] = {"", " k", " M", " G", " T"};
  size_t unit = 0;
  while (count >= 999.5 && unit + 1 < std::size(kUnits)) {
    count /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f}", count);
  const int decimals = count < 9.995 ? 2 : count < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", count, decimals, kUnits[unit]);
}

std::string ShortDuration(double seconds) {
  const auto whole = static_cast<uint64_t>(std::llround(std::max(seconds, 0.0)));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

std::string ProgressLine(const scheduler::JobProgress& progress) {
  std::string line = fmt::format("{:<8}", progress.phase);
  if (!progress.waiting_for.empty()) return line + " " + progress.waiting_for;
  if (progress.epoch > 0 && progress.phase == "train") {
    line += fmt::format("  epoch {:.1f}", progress.epoch);
  }
  if (progress.total > 0) {
    line += fmt::format("  {:.0f} %", 100.0 * static_cast<double>(progress.done) /
                                          static_cast<double>(progress.total));
  }
  if (progress.examples_per_second > 0) {
    line += fmt::format("  {} examples/s", ShortCount(progress.examples_per_second));
  }
  if (progress.mean_loss > 0) line += fmt::format("  loss {:.4f}", progress.mean_loss);
  if (progress.seconds_left >= 0) {
    line += fmt::format("  {} left", ShortDuration(progress.seconds_left));
  }
  return line;
}

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

std::string ResultJson(const scheduler::JobResult& result, double seconds) {
  nlohmann::ordered_json json;
  json["status"] = result.status.ok() ? "ok" : StatusCodeName(result.status.code());
  if (!result.status.ok()) json["message"] = result.status.message();
  json["seconds"] = seconds;
  json["evaluations"] = nlohmann::ordered_json::array();
  for (const scheduler::EvaluationPoint& point : result.evaluations) {
    for (const scheduler::MetricAtK& at : point.at) {
      json["evaluations"].push_back({{"name", point.name},
                                     {"epoch", point.epoch},
                                     {"step", point.step},
                                     {"queries", point.queries},
                                     {"k", at.k},
                                     {"recall", at.recall},
                                     {"ndcg", at.ndcg},
                                     {"mrr", at.mrr},
                                     {"hit", at.hit}});
    }
  }
  json["stopped_early"] = result.stopped_early;
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
