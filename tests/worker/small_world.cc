// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/small_world.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include <google/protobuf/text_format.h>

#include "data/batch_builder.h"
#include "data/job_adapter.h"
#include "tests/worker/fake_shards.h"
#include "worker/model_adapter.h"
#include "worker/part_files.h"

namespace skybridge::worker {
namespace {

constexpr const char* kJob = R"pb(
  name: "small"
  seed: 7
  data {
    train { path: "train.tsv" }
    candidates { path: "items.tsv" }
    candidate_key: "item"
    query_key: "user"
    display: "title"
    partition_bytes: 45
  }
  query {
    dim: 4
    feature {
      column: "user"
      id { form: INTEGER }
    }
    feature {
      column: "mood"
      table: "words"
      text { learned_weights: true }
    }
    hidden: 3
  }
  candidate {
    dim: 4
    feature {
      column: "item"
      id { form: INTEGER }
    }
    feature {
      column: "title"
      table: "words"
      text { learned_weights: true }
    }
  }
  negatives { uniform: 2 }
  training { epochs: 2 batch: 2 }
  evaluation {
    source { path: "test.tsv" }
    mask_seen: true
    k: 2
  }
)pb";

constexpr const char* kTrain =
    "user\tmood\titem\n"
    "1\tgood\t10\n2\tcalm\t20\n3\tgood\t10\n"
    "4\tslow\t30\n1\tfast\t40\n2\tgood\t30\n3\tcalm\t20\n"
    "4\tbold\t50\n5\tfast\t10\n1\tcalm\t20\n2\tbold\t40\n";
constexpr const char* kItems =
    "item\ttitle\n10\tgood chess\n20\tcalm go\n30\tslow chess\n40\tfast bridge\n50\tbold go\n";
constexpr const char* kTest = "user\tmood\titem\n1\tgood\t30\n5\tcalm\t20\n5\tcalm\t50\n";

template <typename T>
T Must(Result<T> result) {
  CHECK(result.has_value()) << result.error();
  return *std::move(result);
}

}  // namespace

SmallWorldTest::SmallWorldTest() {
  scratch_.Write("train.tsv", kTrain);
  scratch_.Write("items.tsv", kItems);
  scratch_.Write("test.tsv", kTest);
  CHECK(google::protobuf::TextFormat::ParseFromString(kJob, &job_));
  data::DatasetOptions options = Must(data::OptionsFromJob(job_, scratch_.path()));
  data::DatasetPlan plan = Must(data::PlanDataset(options));
  dataset_ = std::make_unique<const Dataset>(
      options, plan, [this, options, plan]() -> Result<Dataset::SharedCatalogue> {
        ++catalogue_reads_;
        SKY_ASSIGN_OR_RETURN(data::Catalogue catalogue, data::Catalogue::Load(options, plan));
        return std::make_shared<const data::Catalogue>(std::move(catalogue));
      });
  model_ = std::make_unique<const model::TwoTower>(
      Must(model::TwoTower::Create(Must(ModelOptionsFromJob(job_)))));
}

TableId SmallWorldTest::TableNamed(const std::string& name) const {
  const auto found = std::ranges::find(specs(), name, &TableSpec::name);
  CHECK(found != specs().end()) << name;
  return TableId(static_cast<uint32_t>(found - specs().begin()));
}

std::vector<uint64_t> SmallWorldTest::Batches() const {
  std::vector<uint64_t> batches;
  for (uint32_t i = 0; i < dataset().plan().train.size(); ++i) {
    batches.push_back(data::BatchCount(dataset().options(), *Must(dataset().LoadTraining(i))));
  }
  return batches;
}

std::unique_ptr<PreparedStep> SmallWorldTest::Prepare(const BatchPosition& position) const {
  const auto partition = Must(dataset().LoadTraining(position.partition));
  data::BatchBuilder builder(dataset().options(), Must(dataset().catalogue()));
  return std::make_unique<PreparedStep>(
      model(), Must(builder.Build(*partition, position.epoch, position.batch)));
}

model::Gradients SmallWorldTest::GradientsOf(const PreparedStep& step, StepTotals totals,
                                             float scale, model::StepResult* result) const {
  std::vector<model::PositivePair> pairs;
  for (const data::Positive& positive : step.batch.positives) {
    pairs.push_back({positive.query, positive.candidate});
  }
  const PulledRows rows = RowsAt(specs(), step.binding.ids());
  const model::StepInput input{.queries = step.binding.Input(model::Side::kQuery),
                               .candidates = step.binding.Input(model::Side::kCandidate),
                               .positives = pairs,
                               .excluded_offsets = step.batch.excluded_offsets,
                               .excluded = step.batch.excluded,
                               .sampled_negative = step.batch.sampled_negative,
                               .in_batch = step.batch.in_batch,
                               .uniform_drawn = step.batch.uniform_drawn,
                               .candidate_count_rows = step.binding.candidate_count_rows()};
  model::Gradients gradients;
  const model::StepResult made = model().Step(input, ParametersOf(rows, totals), scale, &gradients);
  if (result != nullptr) *result = made;
  return gradients;
}

std::vector<wire::PartFile> WritePart(const std::string& folder, uint32_t partition, uint32_t dim,
                                      const std::vector<uint64_t>& keys,
                                      const std::vector<float>& vectors) {
  PartWriter writer(folder, {.partition = partition});
  const std::string stem = "parts/part-" + PartNumber(partition, 1);
  CHECK(writer.WriteMatrix("vectors", stem + ".vectors.npy", keys.size(), dim, vectors).ok());
  CHECK(writer.WriteIds("ids", stem + ".ids.npy", keys).ok());
  return writer.files();
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  CHECK(file.good()) << path;
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

}  // namespace skybridge::worker
