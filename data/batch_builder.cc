// SPDX-License-Identifier: Apache-2.0
#include "data/batch_builder.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "common/hash.h"
#include "common/rng.h"
#include "data/tower_batch.h"

namespace skybridge::data {
namespace {

void SortUnique(std::vector<uint32_t>* values) {
  std::ranges::sort(*values);
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

// For each of `keys`, the union of what queries with that key own: sets[set_of[q]], ascending.
struct SharedRows {
  std::vector<uint32_t> set_of;  // [Q]
  std::vector<std::vector<uint32_t>> sets;
};

SharedRows ShareRows(std::span<const uint64_t> keys, std::span<const uint32_t> own_offsets,
                     std::span<const uint32_t> own) {
  std::vector<uint32_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](uint32_t q) { return keys[q]; });
  SharedRows shared{.set_of = std::vector<uint32_t>(keys.size())};
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t query = order[i];
    if (i == 0 || keys[order[i - 1]] != keys[query]) shared.sets.emplace_back();
    shared.set_of[query] = static_cast<uint32_t>(shared.sets.size() - 1);
    shared.sets.back().insert(shared.sets.back().end(), own.begin() + own_offsets[query],
                              own.begin() + own_offsets[query + 1]);
  }
  for (std::vector<uint32_t>& set : shared.sets) SortUnique(&set);
  return shared;
}

}  // namespace

uint64_t BatchCount(const DatasetOptions& options, const Partition& partition) {
  return (UnitCount(options, partition) + options.batch - 1) / options.batch;
}

BatchBuilder::BatchBuilder(const DatasetOptions& options, const Catalogue* catalogue)
    : options_(options), catalogue_(catalogue), cloze_(options) {
  if (catalogue != nullptr) drawn_.resize(catalogue->size());
}

size_t BatchBuilder::SlotOf(const Partition& partition, uint32_t candidate) const {
  const size_t behind = catalogue_ == nullptr ? 0 : catalogue_->size();
  if (catalogue_ != nullptr && partition.catalogue_positions[candidate] != kNotInCatalogue) {
    return partition.catalogue_positions[candidate];
  }
  return behind + candidate;
}

Result<TrainBatch> BatchBuilder::Build(const Partition& partition, uint32_t epoch, uint64_t batch) {
  const size_t candidates = partition.candidate_keys.size();
  CHECK(catalogue_ == nullptr || partition.catalogue_positions.size() == candidates)
      << "the partition was loaded without the catalogue";
  CHECK(catalogue_ != nullptr || (partition.candidates && options_.uniform_negatives == 0))
      << "these batches need the catalogue";
  if (ordered_ != std::pair(partition.ref.index, epoch)) {
    order_ = OrderEpoch(options_, partition, epoch);
    ordered_ = {partition.ref.index, epoch};
  }
  const uint64_t begin = batch * options_.batch, units = order_.units.size();
  if (begin >= units) {
    return Status(StatusCode::kOutOfRange,
                  "build batch " + std::to_string(batch) + " of partition " +
                      std::to_string(partition.ref.index) + ": past its last batch");
  }
  const size_t slots = candidates + (catalogue_ == nullptr ? 0 : catalogue_->size());
  if (row_of_.size() < slots) row_of_.resize(slots);

  Draft draft{.partition = partition, .epoch = epoch, .batch = batch};
  draft.units =
      std::span(order_.units).subspan(begin, std::min<uint64_t>(options_.batch, units - begin));
  draft.made.queries = EmptyTower(options_.query);
  draft.made.candidates = EmptyTower(options_.candidate);
  AddUnits(&draft);
  AddUniform(&draft);
  Exclude(&draft);
  if (options_.sample_negatives) SampleNegatives(&draft);
  for (const size_t slot : used_) row_of_[slot] = 0;
  used_.clear();
  return std::move(draft.made);
}

void BatchBuilder::AddUnits(Draft* draft) {
  for (uint32_t query = 0; query < draft->units.size(); ++query) {
    const Unit& unit = draft->units[query];
    AddQuery(unit, draft);
    for (uint32_t i = unit.begin; i < unit.end; ++i) {
      AddPositive(unit, order_.positives[i], draft);
    }
    std::sort(draft->own.begin() + draft->own_offsets.back(), draft->own.end());
    for (size_t i = draft->own_offsets.back(); i < draft->own.size(); ++i) {
      draft->made.positives.push_back({query, draft->own[i]});
    }
    draft->own_offsets.push_back(static_cast<uint32_t>(draft->own.size()));
  }
  draft->made.in_batch = draft->made.candidates.count;
}

void BatchBuilder::AddQuery(const Unit& unit, Draft* draft) {
  const Partition& partition = draft->partition;
  uint64_t key = partition.query_keys[unit.record];
  if (!partition.cloze) {
    AppendExample(partition.queries, unit.record, &draft->made.queries);
  } else {
    const ClozePair pair = MakeCloze(options_, partition, draft->epoch, unit.record);
    cloze_.AppendQuery(partition, unit.record, pair, &draft->made.queries);
    const auto& made = options_.train[partition.ref.source].inverse_cloze->query;
    if (options_.query_key == made) key = HashBytes(pair.sentence);
  }
  draft->query_keys.push_back(key);
}

void BatchBuilder::AddPositive(const Unit& unit, uint32_t candidate, Draft* draft) {
  const Partition& partition = draft->partition;
  TrainBatch& made = draft->made;
  const size_t slot = SlotOf(partition, candidate);
  if (row_of_[slot] == 0) {
    if (partition.cloze) {
      const ClozePair pair = MakeCloze(options_, partition, draft->epoch, unit.record);
      cloze_.AppendCandidate(partition, candidate, pair, &made.candidates);
    } else if (partition.candidates) {
      AppendExample(*partition.candidates, candidate, &made.candidates);
    } else {
      AppendExample(catalogue_->features(), slot, &made.candidates);
    }
    made.candidate_keys.push_back(partition.candidate_keys[candidate]);
    row_of_[slot] = made.candidates.count;
    used_.push_back(slot);
  }
  draft->own.push_back(row_of_[slot] - 1);
}

// N of the catalogue without replacement (Floyd's algorithm; Bentley and Floyd 1987).
void BatchBuilder::AddUniform(Draft* draft) {
  if (options_.uniform_negatives == 0) return;
  TrainBatch& made = draft->made;
  const uint64_t size = catalogue_->size();
  const uint64_t count = std::min<uint64_t>(options_.uniform_negatives, size);
  Rng rng(options_.seed, Purpose::kNegatives, draft->epoch, draft->partition.ref.index,
          draft->batch);
  std::vector<uint32_t> positions;
  for (uint64_t last = size - count; last < size; ++last) {
    uint64_t position = rng.Below(last + 1);
    if (drawn_[position]) position = last;
    drawn_[position] = true;
    positions.push_back(static_cast<uint32_t>(position));
  }
  for (const uint32_t position : positions) {
    drawn_[position] = false;
    if (row_of_[position] != 0) continue;
    AppendExample(catalogue_->features(), position, &made.candidates);
    made.candidate_keys.push_back(catalogue_->keys()[position]);
    row_of_[position] = made.candidates.count;
    used_.push_back(position);
  }
  made.uniform_drawn = static_cast<uint32_t>(count);
}

void BatchBuilder::AddHistory(const Draft& draft, const Unit& unit,
                              std::vector<uint32_t>* rows) const {
  const Partition& partition = draft.partition;
  for (uint32_t i = partition.positive_offsets[unit.record];
       i < partition.positive_offsets[unit.record + 1]; ++i) {
    const uint32_t row = row_of_[SlotOf(partition, partition.positives[i])];
    if (row != 0) rows->push_back(row - 1);
  }
}

void BatchBuilder::Exclude(Draft* draft) {
  const Partition& partition = draft->partition;
  const SharedRows by_key = ShareRows(draft->query_keys, draft->own_offsets, draft->own);
  SharedRows by_mask;
  if (!partition.masks.empty()) {
    std::vector<uint64_t> masks;
    for (const Unit& unit : draft->units) masks.push_back(partition.masks[unit.record]);
    by_mask = ShareRows(masks, draft->own_offsets, draft->own);
  }
  TrainBatch& made = draft->made;
  made.excluded_offsets.push_back(0);
  std::vector<uint32_t> rows;
  for (uint32_t query = 0; query < draft->units.size(); ++query) {
    rows = by_key.sets[by_key.set_of[query]];  // Its own positives are among them.
    if (!by_mask.sets.empty()) {
      const std::vector<uint32_t>& masked = by_mask.sets[by_mask.set_of[query]];
      rows.insert(rows.end(), masked.begin(), masked.end());
    }
    if (options_.mask_history) AddHistory(*draft, draft->units[query], &rows);
    SortUnique(&rows);
    made.excluded.insert(made.excluded.end(), rows.begin(), rows.end());
    made.excluded_offsets.push_back(static_cast<uint32_t>(made.excluded.size()));
  }
}

// Uniform rows if there are any, else those of the batch; where none of them is allowed, any row
// that is; where none is at all, the pair leaves the batch.
void BatchBuilder::SampleNegatives(Draft* draft) const {
  TrainBatch& made = draft->made;
  const uint32_t rows = made.candidates.count;
  const uint32_t first = made.in_batch < rows ? made.in_batch : 0;
  Rng rng(options_.seed, Purpose::kSample, draft->epoch, draft->partition.ref.index, draft->batch);
  std::vector<Positive> kept;
  for (const Positive& pair : made.positives) {
    const auto excluded =
        std::span(made.excluded)
            .subspan(made.excluded_offsets[pair.query],
                     made.excluded_offsets[pair.query + 1] - made.excluded_offsets[pair.query]);
    // The n-th allowed row of [first, rows) is found without listing them: it lies as many rows
    // further as excluded ones stand before it.
    const auto nth_allowed = [&](uint32_t from, uint32_t n) {
      uint32_t row = from + n;
      for (const uint32_t out : excluded) row += out >= from && out <= row ? 1 : 0;
      return row;
    };
    const auto allowed_from = [&](uint32_t from) {
      const auto behind = std::ranges::lower_bound(excluded, from);
      return rows - from - static_cast<uint32_t>(excluded.end() - behind);
    };
    const uint32_t from = allowed_from(first) > 0 ? first : 0;
    const uint32_t allowed = allowed_from(from);
    if (allowed == 0) continue;
    const auto drawn = static_cast<uint32_t>(rng.Below(allowed));
    kept.push_back(pair);
    made.sampled_negative.push_back(nth_allowed(from, drawn));
  }
  made.positives = std::move(kept);
}

}  // namespace skybridge::data
