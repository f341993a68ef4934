// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "data/dataset_plan.h"
#include "data/evaluation_source.h"
#include "launch/commands.h"
#include "launch/evaluation_report.h"
#include "launch/export_reader.h"
#include "launch/files.h"
#include "launch/nearest_name.h"
#include "worker/evaluate_partition.h"

DEFINE_bool(index, false, "Measure the index instead: which share of the exact answers it finds.");
DEFINE_string(evaluation, "", "Name of one evaluation of the job. Empty: all.");
DECLARE_string(base);
DECLARE_bool(json);
DECLARE_uint32(k);

namespace skybridge::launch {
namespace {

// What all evaluations of an export share.
struct Scene {
  const ExportReader& reader;
  const data::DatasetOptions& options;
  const data::DatasetPlan& plan;
  const QueryTower& tower;
  std::shared_ptr<const worker::CandidateVectors> candidates;
};

// The queries of evaluation `number`, share by share.
template <typename Use>
Status ForEachShare(const Scene& scene, size_t number, const Use& use) {
  for (const data::PartitionRef& ref : scene.plan.evaluation.at(number)) {
    SKY_ASSIGN_OR_RETURN(data::EvaluationQueries queries,
                         data::LoadEvaluation(scene.options, scene.plan, number, ref.share));
    SKY_RETURN_IF_ERROR(use(std::move(queries)));
  }
  return {};
}

// Adds the sums of `share`, then means are formed by MeansOf.
void Add(const wire::MetricSums& share, scheduler::EvaluationPoint* point) {
  point->queries += share.queries();
  point->at.resize(static_cast<size_t>(share.at_size()));
  for (size_t i = 0; i < point->at.size(); ++i) {
    const wire::MetricAtK& from = share.at(static_cast<int>(i));
    scheduler::MetricAtK& to = point->at[i];
    to = {from.k(), to.recall + from.recall(), to.ndcg + from.ndcg(), to.mrr + from.mrr(),
          to.hit + from.hit()};
  }
}

void MeansOf(scheduler::EvaluationPoint* point) {
  const double queries = std::max<double>(1, static_cast<double>(point->queries));
  for (scheduler::MetricAtK& at : point->at) {
    at.recall /= queries;
    at.ndcg /= queries;
    at.mrr /= queries;
    at.hit /= queries;
  }
}

Result<scheduler::EvaluationPoint> Score(const Scene& scene, size_t number) {
  const job::Evaluation& evaluation = scene.reader.job().evaluation(static_cast<int>(number));
  scheduler::EvaluationPoint point{
      .name = evaluation.name(), .step = scene.reader.manifest().step(), .epoch = -1};
  const auto rank = [&](data::EvaluationQueries queries) -> Status {
    worker::RankTask task(0);
    task.vectors = scene.tower.Embed(queries.queries);
    task.queries = std::make_shared<const data::EvaluationQueries>(std::move(queries));
    task.candidates = scene.candidates;
    task.cutoffs.assign(evaluation.k().begin(), evaluation.k().end());
    task.Run();
    SKY_RETURN_IF_ERROR(task.status);
    Add(task.sums, &point);
    return {};
  };
  SKY_RETURN_IF_ERROR(ForEachShare(scene, number, rank));
  MeansOf(&point);
  return point;
}

// Recall of the index over the queries of one evaluation.
Result<IndexRecall> MeasureIndex(const Scene& scene, size_t number) {
  constexpr size_t kQueriesMax = 1000;
  std::vector<float> queries;
  const size_t wanted = kQueriesMax * scene.reader.model().dim();
  SKY_RETURN_IF_ERROR(ForEachShare(scene, number, [&](const data::EvaluationQueries& share) {
    if (queries.size() >= wanted) return Status();
    const std::vector<float> vectors = scene.tower.Embed(share.queries);
    queries.insert(queries.end(), vectors.begin(), vectors.end());
    queries.resize(std::min(queries.size(), wanted));
    return Status();
  }));
  SKY_ASSIGN_OR_RETURN(const retrieval::VectorIndex index, scene.reader.OpenIndex());
  SKY_ASSIGN_OR_RETURN(
      const double recall,
      retrieval::MeasureRecall(index, scene.candidates->vectors(), queries, FLAGS_k));
  return IndexRecall{.evaluation = scene.reader.job().evaluation(static_cast<int>(number)).name(),
                     .k = FLAGS_k,
                     .recall = recall,
                     .queries = queries.size() / scene.reader.model().dim()};
}

void Print(const std::vector<scheduler::EvaluationPoint>& points,
           const std::vector<IndexRecall>& index) {
  if (FLAGS_json) {
    fmt::print("{}", EvaluationJson(points, index));
    return;
  }
  fmt::print("{}", EvaluationTable(points));
  for (const IndexRecall& measured : index) {
    fmt::print("{:<10} recall@{} of the index {:.4f} over {} queries\n", measured.evaluation,
               measured.k, measured.recall, measured.queries);
  }
}

// Positions of the evaluations that --evaluation means.
Result<std::vector<size_t>> Chosen(const job::Job& job) {
  std::vector<size_t> chosen;
  std::vector<std::string> names;
  for (int i = 0; i < job.evaluation_size(); ++i) {
    names.push_back(job.evaluation(i).name());
    if (FLAGS_evaluation.empty() || FLAGS_evaluation == names.back()) {
      chosen.push_back(static_cast<size_t>(i));
    }
  }
  if (chosen.empty()) {
    return Status(StatusCode::kNotFound,
                  fmt::format("the job of this export has no evaluation{}{}",
                              FLAGS_evaluation.empty() ? "" : " " + FLAGS_evaluation,
                              Suggestion(FLAGS_evaluation, names)));
  }
  return chosen;
}

Status CheckEvaluate(const std::vector<std::string>&) { return CheckAnswersWanted(); }

Status Evaluate(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(const ExportReader reader, ExportReader::Open(positionals[0]));
  SKY_ASSIGN_OR_RETURN(const std::vector<size_t> chosen, Chosen(reader.job()));
  SKY_ASSIGN_OR_RETURN(const data::DatasetOptions options,
                       reader.DatasetOptions(AbsolutePath(FLAGS_base)));
  Result<data::DatasetPlan> plan = data::PlanDataset(options);
  if (!plan) {
    return {plan.error().code(),
            fmt::format("{}; where was the job file? --base FOLDER says", plan.error().message())};
  }
  SKY_ASSIGN_OR_RETURN(const QueryTower tower, QueryTower::Load(reader));
  SKY_ASSIGN_OR_RETURN(worker::CandidateVectors candidates, reader.Vectors());
  const Scene scene{
      .reader = reader,
      .options = options,
      .plan = *plan,
      .tower = tower,
      .candidates = std::make_shared<worker::CandidateVectors>(std::move(candidates))};
  std::vector<scheduler::EvaluationPoint> points;
  std::vector<IndexRecall> index;
  for (const size_t number : chosen) {
    if (FLAGS_index) {
      SKY_ASSIGN_OR_RETURN(IndexRecall measured, MeasureIndex(scene, number));
      index.push_back(std::move(measured));
      continue;
    }
    SKY_ASSIGN_OR_RETURN(scheduler::EvaluationPoint point, Score(scene, number));
    points.push_back(std::move(point));
  }
  Print(points, index);
  return {};
}

}  // namespace

Command EvaluateCommand() {
  return {.name = "evaluate",
          .summary = "Score an export again, or measure its index.",
          .arguments = "EXPORT",
          .details =
              "EXPORT is the folder of an export or of the run that made it. Ranks all "
              "exported candidates, exactly, for the queries of the job's evaluations.",
          .flags = {"base", "evaluation", "index", "json", "k"},
          .positionals_min = 1,
          .positionals_max = 1,
          .check = CheckEvaluate,
          .run = Evaluate};
}

}  // namespace skybridge::launch
