// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gflags/gflags.h>
#include <nlohmann/json.hpp>

#include "data/query_encoder.h"
#include "launch/commands.h"
#include "launch/export_reader.h"
#include "launch/join.h"
#include "launch/printable.h"
#include "retrieval/exact_search.h"

DEFINE_string(export, "runs/latest", "Folder of an export, or of the run that made it.");
DEFINE_uint32(k, 10, "Answers wanted.");
DEFINE_string(features, "",
              "The value of one column of the query, as user=4711; once for each column.");
DEFINE_bool(exact, false, "Compare with every candidate instead of asking the index.");
DECLARE_bool(json);

namespace skybridge::launch {
namespace {

Status CheckQuery(const std::vector<std::string>& words) {
  if (words.empty() == FLAGS_features.empty()) {
    return {StatusCode::kInvalidArgument,
            "say what to look for: either a text or --features column=value"};
  }
  return CheckAnswersWanted();
}

Result<data::TowerBatch> EncodeQuery(const data::TowerFeatures& tower,
                                     const std::vector<std::string>& words) {
  const auto columns = data::ColumnValues(Lines(FLAGS_features));
  if (!columns) return columns.error().WithContext("--features");
  if (words.empty()) return data::EncodeColumns(tower, *columns);
  return data::EncodeText(tower, Join(words, " "));
}

Result<std::vector<retrieval::Hit>> Search(const ExportReader& reader,
                                           const std::vector<float>& query, uint32_t k) {
  if (FLAGS_exact) {
    SKY_ASSIGN_OR_RETURN(const worker::CandidateVectors vectors, reader.Vectors());
    SKY_ASSIGN_OR_RETURN(auto hits,
                         retrieval::SearchExact(query, vectors.vectors(), reader.model().dim(), k));
    return std::move(hits.front());
  }
  SKY_ASSIGN_OR_RETURN(const retrieval::VectorIndex index, reader.OpenIndex());
  return std::move(index.Search(query, k).front());
}

void PrintForPeople(const std::vector<retrieval::Hit>& hits, const ExportLabels& labels) {
  std::vector<std::vector<std::string>> rows;
  size_t width = 0;
  for (const retrieval::Hit& hit : hits) {
    rows.emplace_back();
    for (const std::string& field : labels.Fields(hit.position)) {
      rows.back().push_back(Printable(field));
    }
    width = std::max(width, rows.back().front().size());
  }
  for (size_t i = 0; i < hits.size(); ++i) {
    std::string line =
        fmt::format("{:>3}  {:.3f}  {:<{}}", i + 1, hits[i].score, rows[i][0], width);
    for (size_t column = 1; column < rows[i].size(); ++column) line += "  " + rows[i][column];
    fmt::print("{}\n", line);
  }
}

void PrintJson(const std::vector<retrieval::Hit>& hits, const ExportLabels& labels,
               const job::Job& job) {
  nlohmann::ordered_json answers = nlohmann::ordered_json::array();
  for (const retrieval::Hit& hit : hits) {
    const std::vector<std::string> fields = labels.Fields(hit.position);
    nlohmann::ordered_json answer = {{job.data().candidate_key(), fields.front()},
                                     {"score", hit.score}};
    for (int i = 0; i < job.data().display_size(); ++i) {
      answer[job.data().display(i)] = fields.at(static_cast<size_t>(i) + 1);
    }
    answers.push_back(std::move(answer));
  }
  fmt::print("{}\n", answers.dump(2));
}

Status Query(const std::vector<std::string>& words) {
  SKY_ASSIGN_OR_RETURN(const ExportReader reader, ExportReader::Open(FLAGS_export));
  SKY_ASSIGN_OR_RETURN(const data::DatasetOptions options, reader.DatasetOptions(reader.folder()));
  SKY_ASSIGN_OR_RETURN(const data::TowerBatch batch, EncodeQuery(options.query, words));
  SKY_ASSIGN_OR_RETURN(const QueryTower tower, QueryTower::Load(reader));
  if (!tower.Knows(batch)) {
    fmt::print(stderr,
               "note: training has seen nothing of this query, so the answers say nothing\n");
  }
  SKY_ASSIGN_OR_RETURN(const auto hits, Search(reader, tower.Embed(batch), FLAGS_k));
  SKY_ASSIGN_OR_RETURN(const ExportLabels labels, ExportLabels::Load(reader));
  if (FLAGS_json) {
    PrintJson(hits, labels, reader.job());
  } else {
    PrintForPeople(hits, labels);
  }
  return {};
}

}  // namespace

Status CheckAnswersWanted() {
  if (FLAGS_k >= 1 && FLAGS_k <= 10000) return {};
  return {StatusCode::kInvalidArgument, fmt::format("-k {}: not in 1 to 10000", FLAGS_k)};
}

Command QueryCommand() {
  return {.name = "query",
          .summary = "Ask an export: which candidates answer this best?",
          .arguments = "[TEXT ...]",
          .details =
              "The query is a text, for the text feature of the query tower, or values of its "
              "columns. Prints rank, score, key and display columns of each answer.",
          .flags = {"export", "k", "features", "exact", "json"},
          .repeated = {"features"},
          .positionals_max = 1000,
          .check = CheckQuery,
          .run = Query};
}

}  // namespace skybridge::launch
