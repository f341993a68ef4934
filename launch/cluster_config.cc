// SPDX-License-Identifier: Apache-2.0
#include "launch/cluster_config.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "env/host.h"
#include "launch/commands.h"
#include "launch/job_check.h"
#include "worker/model_adapter.h"

namespace skybridge::launch {
namespace {

scheduler::EvaluationOptions EvaluationOf(const job::Evaluation& evaluation, size_t partitions) {
  scheduler::EvaluationOptions options{.name = evaluation.name(),
                                       .partitions = static_cast<uint32_t>(partitions),
                                       .every_epochs = evaluation.every_epochs(),
                                       .every_clocks = evaluation.every_clocks()};
  if (evaluation.has_early_stop()) {
    // CheckJob has seen that it parses.
    const MetricName metric = *ParseMetricName(evaluation.early_stop());
    options.early_stop = {
        .metric = metric.metric, .k = metric.k, .patience = evaluation.patience()};
  }
  return options;
}

}  // namespace

ClusterShape ShapeOf(const job::Job& job) {
  const uint32_t workers = job.cluster().workers();
  const uint32_t ranks = job.consistency().trainers();
  return {.servers = job.cluster().servers(),
          .shards_per_server = job.cluster().shards_per_server(),
          .workers = workers,
          .trainers_per_worker = (ranks + workers - 1) / workers,
          .ranks = ranks};
}

RunIdentity IdentityOf(const JobId& id) {
  return {.id = id,
          .version = BinaryVersion(),
          .host = env::HostName(),
          .pid = env::ProcessId(),
          .instance = env::UniqueNumber()};
}

size_t TaskThreadsOfServer(const job::Job& job) {
  const size_t shards = ShapeOf(job).shards_per_server;
  return job.cluster().durability() == job::POWER ? 2 * shards : shards + 1;
}

Result<model::TwoTower> ModelOfJob(const job::Job& job) {
  SKY_ASSIGN_OR_RETURN(model::TwoTowerOptions options, worker::ModelOptionsFromJob(job));
  return model::TwoTower::Create(std::move(options));
}

std::vector<uint32_t> QueryTables(const model::TwoTower& model) {
  std::set<uint32_t> tables;
  for (size_t i = 0; i < model.options().query.features.size(); ++i) {
    const model::FeatureTables used = model.feature_tables(model::Side::kQuery, i);
    for (const std::optional<TableId>& table : {used.rows, used.weights, used.counts}) {
      if (table) tables.insert(Number(*table));
    }
  }
  for (const TableId table : model.dense_tables(model::Side::kQuery)) tables.insert(Number(table));
  return {tables.begin(), tables.end()};
}

scheduler::SchedulerNodeOptions SchedulerOptionsOf(const LoadedJob& job,
                                                   const data::DatasetPlan& plan,
                                                   const model::TwoTower& model,
                                                   const RunIdentity& identity,
                                                   const RunFolders& folders) {
  const ClusterShape shape = ShapeOf(job.job);
  scheduler::SchedulerNodeOptions options{
      .job = identity.id,
      .job_hash = job.hash,
      .dataset_hash = plan.hash(),
      .version = identity.version,
      .seed = job.job.seed(),
      .servers = shape.servers,
      .shards = shape.shards(),
      .workers = shape.workers,
      .trainers = shape.trainers(),
      .ranks = shape.ranks,
      .staleness = job.job.consistency().staleness(),
      .epochs = job.job.training().epochs(),
      .training_partitions = static_cast<uint32_t>(plan.train.size()),
      .candidate_partitions = static_cast<uint32_t>(plan.candidates.size()),
      .export_tables = QueryTables(model),
      .export_folder = folders.export_folder,
      .temp_folder = folders.temp_folder};
  for (int i = 0; i < job.job.evaluation_size(); ++i) {
    options.evaluations.push_back(
        EvaluationOf(job.job.evaluation(i), plan.evaluation.at(static_cast<size_t>(i)).size()));
  }
  options.timings.dead_after = std::chrono::seconds(job.job.cluster().dead_after_s());
  options.timings.suspect_after =
      std::min(options.timings.suspect_after, options.timings.dead_after / 2);
  if (job.job.has_checkpoint()) {
    options.checkpoint_every = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(job.job.checkpoint().every_s()));
    options.checkpoint_keep = job.job.checkpoint().keep();
    options.job_text = JobText(job.job);
    options.job_base = job.base;
  }
  options.timings.restart_grace = std::clamp<Duration>(
      options.timings.dead_after, std::chrono::seconds(5), options.timings.restart_grace);
  options.timings.start_timeout = std::chrono::seconds(job.job.cluster().start_timeout_s());
  return options;
}

ps::ShardNodeOptions ShardOptionsOf(const LoadedJob& job, const model::TwoTower& model,
                                    const RunIdentity& identity, uint32_t shard,
                                    const std::string& endpoint) {
  return {.job = identity.id,
          .job_hash = job.hash,
          .shard = shard,
          .process = shard / ShapeOf(job.job).shards_per_server,
          .host = identity.host,
          .pid = identity.pid,
          .instance = identity.instance,
          .version = identity.version,
          .endpoint = endpoint,
          .scheduler_endpoint = identity.scheduler_endpoint,
          .tables = model.tables(),
          .seed = job.job.seed(),
          .memory_bytes = job.job.cluster().shard_memory_bytes(),
          .in_flight_bytes_max = job.job.cluster().push_memory_bytes(),
          .durability = job.job.cluster().durability() == job::POWER ? ps::Durability::kPower
                                                                     : ps::Durability::kProcess,
          .start_timeout = std::chrono::seconds(job.job.cluster().start_timeout_s())};
}

worker::TrainerNodeOptions TrainerOptionsOf(const LoadedJob& job, const data::DatasetPlan& plan,
                                            const RunIdentity& identity, uint32_t trainer) {
  const ClusterShape shape = ShapeOf(job.job);
  worker::TrainerNodeOptions options{
      .scheduler_endpoint = identity.scheduler_endpoint,
      .index = trainer,
      .process = trainer / shape.trainers_per_worker,
      .host = identity.host,
      .pid = identity.pid,
      .instance = identity.instance,
      .version = identity.version,
      .job_id = identity.id,
      .job_hash = job.hash,
      .dataset_hash = plan.hash(),
      .seed = job.job.seed(),
      .ranks = shape.ranks,
      .start_timeout = std::chrono::seconds(job.job.cluster().start_timeout_s()),
      .identity = {.job = JobText(job.job),
                   .job_hash = job.hash,
                   .similarity = job.job.similarity().kind() == job::COSINE ? "cosine" : "dot",
                   .dim = job.job.query().dim(),
                   .version = identity.version},
      .index_options = {.factory = job.job.index().factory(), .nprobe = job.job.index().nprobe()}};
  for (const job::Evaluation& evaluation : job.job.evaluation()) {
    options.cutoffs.emplace_back(evaluation.k().begin(), evaluation.k().end());
  }
  return options;
}

std::string JobIdText(const JobId& id) { return fmt::format("{:016x}{:016x}", id.high, id.low); }

Result<JobId> ParseJobId(const std::string& text) {
  JobId id;
  const auto parse = [](std::string_view digits, uint64_t* number) {
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), *number, 16);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (text.size() != 32 || !parse(std::string_view(text).substr(0, 16), &id.high) ||
      !parse(std::string_view(text).substr(16), &id.low)) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("job id \"{}\" is not 32 hexadecimal digits", text));
  }
  return id;
}

}  // namespace skybridge::launch
