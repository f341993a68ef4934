// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tiny_job.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include <glog/logging.h>
#include <google/protobuf/text_format.h>

#include "common/rng.h"
#include "data/job_adapter.h"
#include "worker/model_adapter.h"

namespace skybridge::sim {
namespace {

constexpr uint32_t kUsers = 40;
constexpr uint32_t kItems = 24;
constexpr uint32_t kLines = 120;

// About 8 training partitions of unequal length and 4 of candidates.
constexpr const char* kJob = R"pb(
  name: "tiny"
  seed: 7
  data {
    train { path: "train.tsv" }
    candidates { path: "items.tsv" }
    candidate_key: "item"
    query_key: "user"
    partition_bytes: 160
  }
  table {
    name: "user"
    optimizer { kind: ROWWISE_ADAGRAD learning_rate: 0.1 }
  }
  table {
    name: "item"
    optimizer { kind: ADAM learning_rate: 0.01 }
  }
  table {
    name: "words"
    optimizer { kind: ADAGRAD learning_rate: 0.1 linear_decay: true }
  }
  query {
    dim: 4
    feature {
      column: "user"
      id {}
    }
    feature {
      column: "mood"
      table: "words"
      text { learned_weights: true }
    }
    hidden: 6
    optimizer { kind: ADAM learning_rate: 0.01 }
  }
  candidate {
    dim: 4
    feature {
      column: "item"
      id {}
    }
    feature {
      column: "text"
      table: "words"
      text { learned_weights: true }
    }
    hidden: 6
    layer_norm: true
    optimizer { kind: SGD learning_rate: 0.05 }
  }
  loss { kind: SOFTMAX }
  negatives { uniform: 3 }
  training { batch: 6 }
)pb";

std::string Words(Rng& rng, uint64_t count, uint64_t vocabulary) {
  std::string words;
  for (uint64_t i = 0; i < count; ++i) words += " w" + std::to_string(rng.Below(vocabulary));
  return words.substr(1);
}

void WriteFiles(bool wide, const std::string& folder) {
  const uint64_t vocabulary = wide ? 5000 : 8;
  const uint64_t words = wide ? 20 : 2;
  Rng rng(1, Purpose::kTest);
  std::filesystem::create_directories(folder);
  std::ofstream items(folder + "/items.tsv");
  items << "item\ttext\n";
  for (uint32_t i = 0; i < kItems; ++i) {
    items << "item" << i << "\t" << Words(rng, words, vocabulary) << "\n";
  }
  std::ofstream train(folder + "/train.tsv");
  train << "user\tmood\titem\n";
  for (uint32_t line = 0; line < kLines; ++line) {
    train << "u" << rng.Below(kUsers) << "\t" << Words(rng, words / 2, vocabulary) << "\titem"
          << rng.Below(kItems) << "\n";
  }
  CHECK(items.flush().good() && train.flush().good()) << "write " << folder;
}

void StopLearning(job::Optimizer* optimizer) {
  optimizer->set_kind(job::SGD);
  optimizer->set_learning_rate(0);
  optimizer->clear_linear_decay();
}

job::Job MakeJob(const TinyJobOptions& options) {
  job::Job job;
  CHECK(google::protobuf::TextFormat::ParseFromString(kJob, &job));
  for (job::Tower* tower : {job.mutable_query(), job.mutable_candidate()}) {
    if (options.wide) tower->clear_hidden();
    if (options.wide) tower->clear_layer_norm();
    if (options.learns) continue;
    StopLearning(tower->mutable_optimizer());
    for (job::Feature& feature : *tower->mutable_feature()) {
      if (feature.has_text()) StopLearning(feature.mutable_text()->mutable_weights_optimizer());
    }
  }
  job.mutable_training()->set_epochs(options.epochs);
  if (options.wide) job.mutable_data()->set_partition_bytes(1200);
  if (options.long_partitions) {
    job.mutable_data()->set_partition_bytes(options.wide ? 6000 : 900);
  }
  for (job::Table& table : *job.mutable_table()) {
    if (!options.learns) StopLearning(table.mutable_optimizer());
  }
  return job;
}

template <typename T>
T Must(Result<T> result) {
  CHECK(result.has_value()) << result.error();
  return *std::move(result);
}

}  // namespace

std::unique_ptr<const TinyJob> TinyJob::Create(const TinyJobOptions& shape,
                                               const std::string& folder) {
  WriteFiles(shape.wide, folder);
  std::unique_ptr<TinyJob> tiny(new TinyJob);
  tiny->folder_ = folder;
  tiny->job_ = MakeJob(shape);
  data::DatasetOptions options = Must(data::OptionsFromJob(tiny->job_, folder));
  data::DatasetPlan plan = Must(data::PlanDataset(options));
  auto catalogue =
      std::make_shared<const data::Catalogue>(Must(data::Catalogue::Load(options, plan)));
  tiny->dataset_ = std::make_unique<const worker::Dataset>(std::move(options), std::move(plan),
                                                           [catalogue] { return catalogue; });
  tiny->model_ = std::make_unique<const model::TwoTower>(
      Must(model::TwoTower::Create(Must(worker::ModelOptionsFromJob(tiny->job_)))));
  return tiny;
}

support::ReferenceTrainer TinyJob::Reference(uint32_t ranks) const {
  return support::ReferenceTrainer(
      *model_, dataset_->options(), dataset_->plan(), *dataset_->catalogue(),
      {.seed = job_.seed(), .ranks = ranks, .epochs = job_.training().epochs()});
}

std::vector<uint32_t> TinyJob::QueryTables() const {
  std::set<uint32_t> tables;
  for (size_t f = 0; f < model_->options().query.features.size(); ++f) {
    const model::FeatureTables read = model_->feature_tables(model::Side::kQuery, f);
    for (const auto& table : {read.rows, read.weights, read.counts}) {
      if (table) tables.insert(Number(*table));
    }
  }
  for (const TableId table : model_->dense_tables(model::Side::kQuery)) {
    tables.insert(Number(table));
  }
  return {tables.begin(), tables.end()};
}

}  // namespace skybridge::sim
