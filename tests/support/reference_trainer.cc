// SPDX-License-Identifier: Apache-2.0
#include "tests/support/reference_trainer.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include <glog/logging.h>

#include "common/bytes.h"
#include "common/first_value.h"
#include "common/hash.h"
#include "data/batch_builder.h"
#include "data/candidate_source.h"
#include "data/prepare.h"
#include "ps/row_optimizer.h"
#include "ps/row_record.h"

namespace skybridge::support {
namespace {

using Positions = std::map<uint64_t, uint32_t>;

// One tower's batch with each id replaced by its row's position.
struct BoundSide {
  std::vector<std::vector<uint32_t>> positions;  // Owns what `input` refers to.
  model::TowerInput input;
};

BoundSide Bind(const model::TwoTower& model, model::Side side, const data::TowerBatch& batch,
               const std::vector<Positions>& rows) {
  BoundSide bound;
  bound.positions.reserve(3 * batch.features.size());
  bound.input.count = batch.count;
  const auto locate = [&](const std::optional<TableId>& table, const std::vector<uint64_t>& ids) {
    auto& positions = bound.positions.emplace_back();
    if (!table) return std::span<const uint32_t>();
    for (const uint64_t id : ids) positions.push_back(rows[Number(*table)].at(id));
    return std::span<const uint32_t>(positions);
  };
  for (size_t f = 0; f < batch.features.size(); ++f) {
    const data::FeatureBatch& feature = batch.features[f];
    const model::FeatureTables tables = model.feature_tables(side, f);
    bound.input.features.push_back({.offsets = feature.offsets,
                                    .weights = feature.weights,
                                    .rows = locate(tables.rows, feature.ids),
                                    .weight_rows = locate(tables.weights, feature.ids),
                                    .count_rows = locate(tables.counts, feature.ids),
                                    .numbers = feature.numbers});
  }
  return bound;
}

}  // namespace

ReferenceTrainer::ReferenceTrainer(const model::TwoTower& model,
                                   const data::DatasetOptions& dataset,
                                   const data::DatasetPlan& plan, const data::Catalogue* catalogue,
                                   ReferenceOptions options)
    : model_(model),
      dataset_(dataset),
      plan_(plan),
      catalogue_(catalogue),
      options_(options),
      rows_(model.tables().size()) {}

std::string& ReferenceTrainer::RowOf(TableId table, RowId id) {
  const auto [row, absent] = rows_[Number(table)].try_emplace(id);
  if (absent) {
    const TableSpec& spec = model_.tables()[Number(table)];
    const ps::RowLayout layout(spec);
    row->second.assign(layout.bytes, '\0');
    FirstValue(spec, table, options_.seed, id, layout.weights(row->second.data()));
  }
  return row->second;
}

void ReferenceTrainer::Count(TableId table, uint64_t id, uint32_t sightings) {
  const ps::RowLayout layout(model_.tables()[Number(table)]);
  layout.header(RowOf(table, RowId(id)).data()).count += sightings;
}

Status ReferenceTrainer::Prepare() {
  for (const data::PartitionRef& ref : plan_.train) {
    SKY_ASSIGN_OR_RETURN(auto partition, data::LoadPartition(dataset_, ref, catalogue_));
    const data::TrainingCounts counts = data::CountTraining(dataset_, partition);
    batches_.push_back(counts.batches);
    pairs_ += counts.pairs;
    if (const auto table = model_.candidate_counts()) {
      for (const auto& [id, count] : counts.candidates) Count(*table, id, count);
    }
    partitions_.push_back(std::move(partition));
  }
  for (const data::PartitionRef& ref : plan_.candidates) {
    SKY_ASSIGN_OR_RETURN(const auto partition, data::LoadCandidates(dataset_, ref, catalogue_));
    const data::CandidateCounts counts = data::CountCandidates(dataset_, partition);
    candidates_ += counts.candidates;
    for (size_t f = 0; f < counts.documents.size(); ++f) {
      const auto table = model_.feature_tables(model::Side::kCandidate, f).counts;
      if (!table) continue;
      for (const auto& [id, count] : counts.documents[f]) Count(*table, id, count);
    }
  }
  return Status();
}

Status ReferenceTrainer::Train(const std::function<void(uint64_t clock)>& passed) {
  const ClockSchedule schedule(options_.seed, options_.ranks, options_.epochs, batches_);
  clocks_ = schedule.clocks_total();
  for (uint64_t clock = 1; clock <= clocks_; ++clock) {
    Sums sums;
    for (uint32_t rank = 0; rank < options_.ranks; ++rank) {
      const auto position = schedule.At(Rank(static_cast<uint16_t>(rank)), clock);
      const float scale = 1.0f / static_cast<float>(schedule.ActiveRanks(clock));
      if (position) SKY_RETURN_IF_ERROR(AddBatch(*position, scale, sums));
    }
    const double done = static_cast<double>(clock - 1) / static_cast<double>(clocks_);
    Apply(sums, static_cast<uint32_t>(clock), static_cast<float>(1.0 - done));
    if (passed) passed(clock);
  }
  return Status();
}

Status ReferenceTrainer::CountBatches() {
  data::BatchBuilder builder(dataset_, catalogue_);
  for (uint32_t epoch = 0; epoch < options_.epochs; ++epoch) {
    for (size_t p = 0; p < partitions_.size(); ++p) {
      for (uint64_t b = 0; b < batches_[p]; ++b) {
        SKY_ASSIGN_OR_RETURN(const auto batch, builder.Build(partitions_[p], epoch, b));
        const std::vector<Positions> rows = RowsOf(batch);
        for (uint32_t t = 0; t < rows.size(); ++t) {
          if (model_.tables()[t].kind == TableKind::kCounts) continue;
          for (const auto& [id, position] : rows[t]) Count(TableId(t), id, 1);
        }
      }
    }
  }
  return Status();
}

// Which rows the batch needs: those of both towers' features, all dense blocks, and how often its
// candidates occur.
std::vector<ReferenceTrainer::Positions> ReferenceTrainer::RowsOf(
    const data::TrainBatch& batch) const {
  std::vector<Positions> rows(model_.tables().size());
  for (const model::Side side : {model::Side::kQuery, model::Side::kCandidate}) {
    const data::TowerBatch& tower = side == model::Side::kQuery ? batch.queries : batch.candidates;
    for (size_t f = 0; f < tower.features.size(); ++f) {
      const model::FeatureTables tables = model_.feature_tables(side, f);
      for (const auto& table : {tables.rows, tables.weights, tables.counts}) {
        if (!table) continue;
        for (const uint64_t id : tower.features[f].ids) rows[Number(*table)][id];
      }
    }
    for (const TableId table : model_.dense_tables(side)) {
      const uint64_t size = model_.tables()[Number(table)].dense_size;
      for (uint64_t b = 0; b * kDenseBlock < size; ++b) rows[Number(table)][b];
    }
  }
  if (const auto table = model_.candidate_counts()) {
    for (const uint64_t key : batch.candidate_keys) rows[Number(*table)][key];
  }
  for (Positions& table : rows) {
    uint32_t next = 0;
    for (auto& [id, position] : table) position = next++;
  }
  return rows;
}

// Rows as they are after the clock before.
ReferenceTrainer::Pulled ReferenceTrainer::Pull(const std::vector<Positions>& needed) const {
  const TableSpecs& specs = model_.tables();
  Pulled pulled{.values = std::vector<std::vector<float>>(specs.size()),
                .counts = std::vector<std::vector<uint32_t>>(specs.size()),
                .parameters = {.candidates_total = candidates_, .examples_total = pairs_}};
  for (uint32_t t = 0; t < specs.size(); ++t) {
    const ps::RowLayout layout(specs[t]);
    std::vector<float> weights(specs[t].dim);
    for (const auto& [id, position] : needed[t]) {
      const auto row = rows_[t].find(RowId(id));
      if (row == rows_[t].end()) {
        FirstValue(specs[t], TableId(t), options_.seed, RowId(id), weights);
      } else {
        std::ranges::copy(layout.weights(row->second.data()), weights.begin());
      }
      pulled.values[t].insert(pulled.values[t].end(), weights.begin(), weights.end());
      if (specs[t].kind != TableKind::kCounts) continue;
      const bool counted = row != rows_[t].end();
      pulled.counts[t].push_back(counted ? layout.header(row->second.data()).count : 0);
    }
    pulled.parameters.tables.push_back({.values = pulled.values[t], .counts = pulled.counts[t]});
  }
  return pulled;
}

Status ReferenceTrainer::AddBatch(const BatchPosition& position, float scale, Sums& sums) {
  data::BatchBuilder builder(dataset_, catalogue_);
  SKY_ASSIGN_OR_RETURN(const data::TrainBatch batch, builder.Build(partitions_[position.partition],
                                                                   position.epoch, position.batch));
  const std::vector<Positions> rows = RowsOf(batch);
  const Pulled pulled = Pull(rows);
  const BoundSide queries = Bind(model_, model::Side::kQuery, batch.queries, rows);
  const BoundSide candidates = Bind(model_, model::Side::kCandidate, batch.candidates, rows);
  std::vector<model::PositivePair> positives;
  for (const data::Positive& p : batch.positives) positives.push_back({p.query, p.candidate});
  std::vector<uint32_t> count_rows;
  if (const auto table = model_.candidate_counts()) {
    for (const uint64_t key : batch.candidate_keys) {
      count_rows.push_back(rows[Number(*table)].at(key));
    }
  }
  model::Gradients gradients;
  model_.Step({.queries = queries.input,
               .candidates = candidates.input,
               .positives = positives,
               .excluded_offsets = batch.excluded_offsets,
               .excluded = batch.excluded,
               .sampled_negative = batch.sampled_negative,
               .in_batch = batch.in_batch,
               .uniform_drawn = batch.uniform_drawn,
               .candidate_count_rows = count_rows},
              pulled.parameters, scale, &gradients);
  AddUp(rows, gradients, sums);
  return Status();
}

// Ranks come in order, so a row's sum is ((g1 + g2) + g3) and so on, in fp32.
void ReferenceTrainer::AddUp(const std::vector<Positions>& rows, const model::Gradients& gradients,
                             Sums& sums) const {
  for (uint32_t t = 0; t < rows.size(); ++t) {
    const TableSpec& spec = model_.tables()[t];
    if (spec.kind == TableKind::kCounts) continue;
    for (const auto& [id, position] : rows[t]) {
      const auto gradient =
          std::span(gradients.tables[t]).subspan(size_t{position} * spec.dim, spec.dim);
      Sum& sum = sums[{TableId(t), RowId(id)}];
      if (sum.pushes++ == 0) {
        sum.gradient.assign(gradient.begin(), gradient.end());
      } else {
        for (size_t i = 0; i < spec.dim; ++i) sum.gradient[i] += gradient[i];
      }
    }
  }
}

void ReferenceTrainer::Apply(const Sums& sums, uint32_t clock, float rate) {
  for (const auto& [key, sum] : sums) {
    const TableSpec& spec = model_.tables()[Number(key.first)];
    const ps::RowLayout layout(spec);
    char* record = RowOf(key.first, key.second).data();
    ps::OptimizerStep(spec.optimizer, layout.weights(record), layout.optimizer_state(record),
                      sum.gradient, rate);
    layout.header(record).count += sum.pushes;
    layout.header(record).last_clock = clock;
  }
}

uint64_t ReferenceTrainer::TableHash(TableId table) const {
  uint64_t hash = 0;
  for (const auto& [id, record] : rows_[Number(table)]) {
    std::string bytes;
    AppendRaw<TableId>(bytes, std::span(&table, 1));
    AppendRaw<RowId>(bytes, std::span(&id, 1));
    hash += HashBytes(bytes + record);  // Its lsn is 0.
  }
  return hash;
}

}  // namespace skybridge::support
