// SPDX-License-Identifier: Apache-2.0
#include "launch/run_report.h"

#include <filesystem>

#include <fmt/format.h>

#include "launch/evaluation_report.h"
#include "launch/files.h"
#include "launch/progress_line.h"

namespace skybridge::launch {

std::string ShownPath(const std::string& path) {
  const std::string relative =
      std::filesystem::path(path).lexically_proximate(AbsolutePath("")).string();
  return relative.starts_with("..") ? path : relative;
}

std::string QuestionOf(const job::Job& job) {
  std::string question;
  for (const job::Feature& feature : job.query().feature()) {
    if (feature.has_text()) return "\"...\"";
    question += fmt::format("{}--features {}=...", question.empty() ? "" : " ", feature.column());
  }
  return question;
}

std::string ResultText(const scheduler::JobResult& result, const job::Job& job,
                       const RunFolder& folder, double seconds, bool json) {
  if (json) return ResultJson(result, seconds);
  std::string text = EvaluationTable(result.evaluations);
  for (const scheduler::TableSum& table : result.table_hashes) {
    text += fmt::format("table {}  {:016x}  {} rows\n", table.name, table.hash, table.rows);
  }
  if (!result.status.ok()) return text;
  text += fmt::format("trained on {} examples in {}{}\n",
                      ShortCount(static_cast<double>(result.examples_trained)),
                      ShortDuration(seconds), result.stopped_early ? "; stopped early" : "");
  if (result.best) text += BestLine(*result.best, !result.export_folder.empty());
  if (result.export_folder.empty()) return text;
  text += fmt::format("export  {}  {} candidates, recall@100 of the index {:.3f}\n",
                      ShownPath(result.export_folder), result.candidates, result.index_recall);
  const std::string path = ShownPath(folder.path);
  const char* quote = path.find(' ') == std::string::npos ? "" : "\"";
  return text + fmt::format("ask it  skybridge query --export {}{}{} {}\n", quote, path, quote,
                            QuestionOf(job));
}

}  // namespace skybridge::launch
