// SPDX-License-Identifier: Apache-2.0
#include "launch/sample.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "data/batch_builder.h"
#include "data/candidate_source.h"
#include "data/partition.h"
#include "ps/row_record.h"

namespace skybridge::launch {
namespace {

constexpr uint32_t kShownRows = 3;
constexpr size_t kShownIds = 4;
// A row's share of the index and of what a slab has in reserve (bench/ measures it).
constexpr double kMemoryFactor = 1.15;

using IdSets = std::vector<std::set<uint64_t>>;  // By TableId.

void Collect(const OpenJob& job, model::Side side, const data::TowerBatch& batch, IdSets* ids) {
  for (size_t i = 0; i < batch.features.size(); ++i) {
    const data::FeatureBatch& feature = batch.features[i];
    const model::FeatureTables tables = job.model.feature_tables(side, i);
    for (const auto& table : {tables.rows, tables.weights, tables.counts}) {
      if (table) ids->at(Number(*table)).insert(feature.ids.begin(), feature.ids.end());
    }
  }
}

// "user: 4711; words: 12 ids 99.. 103.. ..." of example `row`.
std::string Describe(const data::TowerFeatures& tower, const data::TowerBatch& batch,
                     uint32_t row) {
  std::string text;
  for (size_t i = 0; i < batch.features.size(); ++i) {
    const data::FeatureBatch& feature = batch.features[i];
    text += fmt::format("{}{}:", i == 0 ? "" : "; ", tower.features[i].column);
    if (feature.offsets.empty()) {
      text += fmt::format(" {:g}", feature.numbers.at(row));
      continue;
    }
    const size_t begin = feature.offsets.at(row);
    const size_t end = feature.offsets.at(row + 1);
    if (end - begin != 1) text += fmt::format(" {} ids", end - begin);
    for (size_t id = begin; id < std::min(begin + kShownIds, end); ++id) {
      text += fmt::format(" {}", feature.ids[id]);
    }
    if (end - begin > kShownIds) text += " ...";
  }
  return text;
}

void DescribeFirst(const OpenJob& job, const data::Partition& partition, Sample* sample) {
  for (uint32_t row = 0; row < std::min(kShownRows, partition.records()); ++row) {
    sample->rows.push_back("query      " + Describe(job.data.query, partition.queries, row));
    if (!partition.candidates) continue;
    const uint32_t candidate = partition.positives.at(partition.positive_offsets.at(row));
    sample->rows.push_back("candidate  " +
                           Describe(job.data.candidate, *partition.candidates, candidate));
  }
}

Status ReadTraining(const OpenJob& job, const data::Catalogue* catalogue, IdSets* ids,
                    Sample* sample) {
  std::set<uint32_t> sources;
  for (const data::PartitionRef& ref : job.plan.train) {
    if (sources.contains(ref.source)) continue;
    SKY_ASSIGN_OR_RETURN(const data::Partition partition,
                         data::LoadPartition(job.data, ref, catalogue));
    if (data::BatchCount(job.data, partition) > 0) sources.insert(ref.source);
    Collect(job, model::Side::kQuery, partition.queries, ids);
    if (partition.candidates) {
      Collect(job, model::Side::kCandidate, *partition.candidates, ids);
    }
    sample->records += partition.records();
    sample->pairs += partition.pairs();
    sample->held_out += partition.held_out;
    sample->skipped += partition.skipped;
    if (sample->push.batches > 0) continue;
    if (sample->rows.empty()) DescribeFirst(job, partition, sample);
    SKY_ASSIGN_OR_RETURN(sample->push, MeasurePushes(job, partition, catalogue));
  }
  return {};
}

std::vector<TableEstimate> Estimate(const OpenJob& job, const IdSets& ids) {
  const TableSpecs& specs = job.model.tables();
  const std::vector<size_t> bytes = ps::RecordBytes(specs);
  const uint64_t parts =
      std::max<uint64_t>(1, std::max(job.plan.train.size(), job.plan.candidates.size()));
  std::vector<TableEstimate> tables;
  for (size_t t = 0; t < specs.size(); ++t) {
    const bool dense = specs[t].kind == TableKind::kDense;
    const uint64_t blocks = (specs[t].dense_size + kDenseBlock - 1) / kDenseBlock;
    const uint64_t seen = dense ? blocks : ids[t].size();
    tables.push_back(
        {.name = specs[t].name,
         .dim = specs[t].dim,
         .row_bytes = static_cast<uint64_t>(kMemoryFactor * static_cast<double>(bytes[t])),
         .rows_least = seen,
         .rows_most = dense ? seen : seen * parts});
  }
  return tables;
}

uint64_t Bytes(const std::vector<TableEstimate>& tables, uint64_t TableEstimate::*rows) {
  uint64_t bytes = 0;
  for (const TableEstimate& table : tables) bytes += table.row_bytes * table.*rows;
  return bytes;
}

}  // namespace

uint64_t Sample::bytes_least() const { return Bytes(tables, &TableEstimate::rows_least); }
uint64_t Sample::bytes_most() const { return Bytes(tables, &TableEstimate::rows_most); }

Result<Sample> TakeSample(const OpenJob& job) {
  SKY_ASSIGN_OR_RETURN(const auto catalogue, CatalogueIfNeeded(job));
  Sample sample;
  IdSets ids(job.model.tables().size());
  SKY_RETURN_IF_ERROR(ReadTraining(job, catalogue.get(), &ids, &sample));
  if (!job.plan.candidates.empty()) {
    SKY_ASSIGN_OR_RETURN(
        const data::CandidatePartition partition,
        data::LoadCandidates(job.data, job.plan.candidates.front(), catalogue.get()));
    Collect(job, model::Side::kCandidate, partition.features, &ids);
    sample.candidates = partition.keys.size();
    if (const auto table = job.model.candidate_counts()) {
      ids.at(Number(*table)).insert(partition.keys.begin(), partition.keys.end());
    }
  }
  sample.tables = Estimate(job, ids);
  return sample;
}

}  // namespace skybridge::launch
