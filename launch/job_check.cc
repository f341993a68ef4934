// SPDX-License-Identifier: Apache-2.0
#include "launch/job_check.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "common/hash.h"
#include "launch/findings.h"
#include "launch/job_check_model.h"
#include "launch/job_resolve.h"
#include "launch/join.h"
#include "launch/nearest_name.h"

namespace skybridge::launch {
namespace {

const std::vector<std::string>& Metrics() {
  static const auto* metrics = new std::vector<std::string>{"recall", "ndcg", "mrr", "hit"};
  return *metrics;
}

void CheckSource(const std::string& path, const job::Source& source, bool training,
                 Findings* findings) {
  if (source.path_size() == 0) findings->Add(path + ".path", "missing: which files to read");
  const std::string& where = source.where();
  const size_t equals = where.find('=');
  if (source.has_where() && (equals == 0 || equals == std::string::npos)) {
    findings->Add(path + ".where", "\"{}\" is not like column=value", where);
  }
  if (source.format() == job::ADJACENCY && source.column_size() != 2) {
    findings->Add(path + ".column", "ADJACENCY needs two names: the query's and the candidate's");
  }
  if (!training) {
    if (source.has_inverse_cloze()) {
      findings->Add(path + ".inverse_cloze", "only makes training queries");
    }
    if (source.has_group_by()) findings->Add(path + ".group_by", "only orders training batches");
    if (source.has_mask_by()) findings->Add(path + ".mask_by", "only masks in training batches");
  } else if (source.has_inverse_cloze()) {
    const job::InverseCloze& cloze = source.inverse_cloze();
    if (!cloze.has_document()) findings->Add(path + ".inverse_cloze.document", "missing");
    if (!cloze.has_query()) findings->Add(path + ".inverse_cloze.query", "missing");
    findings->Range<double>(path + ".inverse_cloze.keep", cloze.keep(), 0, 1);
  }
}

void CheckData(const job::Data& data, Findings* findings) {
  if (data.train_size() == 0) findings->Add("data.train", "missing: what to train on");
  for (int i = 0; i < data.train_size(); ++i) {
    CheckSource(fmt::format("data.train[{}]", i), data.train(i), true, findings);
  }
  if (data.has_candidates()) CheckSource("data.candidates", data.candidates(), false, findings);
  if (!data.has_candidate_key()) {
    findings->Add("data.candidate_key", "missing: the column that identifies a candidate");
  }
  if (!(data.holdout() >= 0 && data.holdout() < 1)) {
    findings->Add("data.holdout", "{} is not a share in 0 to 1, 1 excluded", data.holdout());
  }
  findings->Range<uint64_t>("data.partition_bytes", data.partition_bytes(), 1024, 1u << 30);
}

void CheckEarlyStop(const std::string& path, const job::Evaluation& evaluation,
                    Findings* findings) {
  Result<MetricName> metric = ParseMetricName(evaluation.early_stop());
  if (!metric) {
    findings->Add(path + ".early_stop", "{}", metric.error().message());
    return;
  }
  if (std::ranges::find(evaluation.k(), metric->k) == evaluation.k().end()) {
    findings->Add(path + ".early_stop", "{} is none of the cut-offs k: {}", metric->k,
                  Join(evaluation.k(), ", "));
  }
  if (evaluation.every_epochs() == 0 && evaluation.every_clocks() == 0) {
    findings->Add(path + ".early_stop", "needs every_epochs or every_clocks: it runs once");
  }
  findings->Range<uint32_t>(path + ".patience", evaluation.patience(), 1, 1000);
}

void CheckEvaluation(const std::string& path, const job::Evaluation& evaluation,
                     const job::Job& resolved, Findings* findings) {
  if (evaluation.holdout() && evaluation.has_source()) {
    findings->Add(path, "has both a source and holdout: true; choose one");
  } else if (evaluation.holdout() && resolved.data().holdout() == 0) {
    findings->Add(path + ".holdout", "nothing is held out: set data.holdout");
  } else if (!evaluation.holdout() && !evaluation.has_source()) {
    findings->Add(path + ".source", "missing: which pairs to rank");
  }
  if (evaluation.has_source()) CheckSource(path + ".source", evaluation.source(), false, findings);
  if (evaluation.mask_seen() && !resolved.data().has_query_key()) {
    findings->Add(path + ".mask_seen", "needs data.query_key, to know whose candidates were seen");
  }
  std::set<uint32_t> seen;
  for (const uint32_t k : evaluation.k()) {
    findings->Range<uint32_t>(path + ".k", k, 1, 1000);
    if (!seen.insert(k).second) findings->Add(path + ".k", "{} is listed twice", k);
  }
  if (evaluation.every_clocks() != 0 && resolved.consistency().staleness() != 0) {
    findings->Add(path + ".every_clocks", "needs lockstep: consistency {{ staleness: 0 }}");
  }
  if (evaluation.has_early_stop()) CheckEarlyStop(path, evaluation, findings);
}

void CheckEvaluations(const job::Job& resolved, Findings* findings) {
  std::set<std::string> names;
  int stopping = 0;
  for (int i = 0; i < resolved.evaluation_size(); ++i) {
    const job::Evaluation& evaluation = resolved.evaluation(i);
    const std::string path = fmt::format("evaluation[{}]", i);
    CheckEvaluation(path, evaluation, resolved, findings);
    if (!names.insert(evaluation.name()).second) {
      findings->Add(path + ".name", "{} is the name of another evaluation", evaluation.name());
    }
    if (evaluation.has_early_stop() && ++stopping > 1) {
      findings->Add(path + ".early_stop", "one evaluation decides already");
    }
  }
}

void CheckCluster(const job::Job& resolved, Findings* findings) {
  const job::Cluster& cluster = resolved.cluster();
  const job::Consistency& consistency = resolved.consistency();
  if (consistency.staleness() < -1) {
    findings->Add("consistency.staleness",
                  "{}: write 0 for lockstep, a bound above it, or -1 for none",
                  consistency.staleness());
  }
  findings->Range<uint32_t>("consistency.trainers", consistency.trainers(), 1, 1024);
  findings->Range<uint32_t>("cluster.servers", cluster.servers(), 1, 1024);
  findings->Range<uint32_t>("cluster.shards_per_server", cluster.shards_per_server(), 1, 256);
  findings->Range<uint32_t>("cluster.workers", cluster.workers(), 1, 1024);
  if (uint64_t{cluster.servers()} * cluster.shards_per_server() > kSlotCount) {
    findings->Add("cluster.shards_per_server", "{} servers with {} shards are more than {} shards",
                  cluster.servers(), cluster.shards_per_server(), kSlotCount);
  }
  findings->Range<uint64_t>("cluster.shard_memory_bytes", cluster.shard_memory_bytes(), 1u << 20,
                            uint64_t{1} << 44);
  // A shard must hold one message.
  findings->Range<uint64_t>("cluster.push_memory_bytes", cluster.push_memory_bytes(), 8u << 20,
                            uint64_t{1} << 44);
  findings->Range<uint32_t>("cluster.start_timeout_s", cluster.start_timeout_s(), 1, 86400);
  findings->Range<uint32_t>("cluster.dead_after_s", cluster.dead_after_s(), 2, 86400);
}

void CheckCheckpoint(const job::Checkpoint& checkpoint, Findings* findings) {
  findings->Range<double>("checkpoint.every_s", checkpoint.every_s(), 0.1, 30 * 86400.0);
  findings->Range<uint32_t>("checkpoint.keep", checkpoint.keep(), 1, 1000);
}

// It names folders.
void CheckName(const std::string& name, Findings* findings) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  };
  if (!name.empty() && name.front() != '.' && std::ranges::all_of(name, allowed)) return;
  findings->Add("name", "\"{}\" names no folder: use letters, digits, -, _ and .", name);
}

}  // namespace

Result<MetricName> ParseMetricName(std::string_view text) {
  const auto error = [&text](const std::string& why) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("\"{}\" {}: write a metric and its cut-off, as ndcg@20", text, why));
  };
  const size_t at = text.find('@');
  const std::string metric(text.substr(0, at));
  if (std::ranges::find(Metrics(), metric) == Metrics().end()) {
    return error(fmt::format("names no metric ({})", Join(Metrics(), ", ")));
  }
  MetricName name{.metric = metric};
  const std::string_view k = at == std::string_view::npos ? "" : text.substr(at + 1);
  const auto [end, code] = std::from_chars(k.data(), k.data() + k.size(), name.k);
  if (code != std::errc() || end != k.data() + k.size() || name.k == 0) {
    return error("has no cut-off");
  }
  return name;
}

std::vector<std::string> CheckJob(const job::Job& job) {
  const job::Job resolved = ResolveJob(job);
  Findings findings;
  CheckName(resolved.name(), &findings);
  CheckData(resolved.data(), &findings);
  CheckModel(job, resolved, &findings);
  findings.Range<uint32_t>("training.epochs", resolved.training().epochs(), 1, 1'000'000);
  findings.Range<uint32_t>("training.batch", resolved.training().batch(), 1, 1 << 20);
  findings.Range<uint32_t>("training.positives", resolved.training().positives(), 1, 4096);
  CheckCluster(resolved, &findings);
  CheckEvaluations(resolved, &findings);
  if (resolved.has_checkpoint()) CheckCheckpoint(resolved.checkpoint(), &findings);
  findings.Range<uint32_t>("index.nprobe", resolved.index().nprobe(), 1, 1 << 20);
  return findings.found();
}

}  // namespace skybridge::launch
