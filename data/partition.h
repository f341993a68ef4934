// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/catalogue.h"
#include "data/dataset_plan.h"
#include "data/options.h"

namespace skybridge::data {

inline constexpr uint32_t kNotInCatalogue = std::numeric_limits<uint32_t>::max();

// The text that inverse cloze cuts its queries from; R records.
struct ClozeTexts {
  std::string bytes;
  std::vector<uint64_t> begins;            // [sentences] in `bytes`
  std::vector<uint64_t> ends;              // [sentences]
  std::vector<uint64_t> sentence_offsets;  // [R + 1] into begins and ends; >= 2 a record
};

// One training partition in memory, columnar. R records, M distinct candidates.
//
// A record is a query with the candidates that answered it: one row of the file, or a run of rows
// with the same query key and the same query columns. Held-out pairs, records left without a
// candidate, and, under inverse cloze, documents of one sentence are not in it.
// Immutable once loaded: threads may share one.
struct Partition {
  PartitionRef ref;

  TowerBatch queries;                      // [R]; under inverse cloze the made column stays empty.
  std::vector<uint64_t> query_keys;        // [R]
  std::vector<uint64_t> groups;            // [R], or empty without group_by
  std::vector<uint64_t> masks;             // [R], or empty without mask_by
  std::vector<uint32_t> positive_offsets;  // [R + 1]
  std::vector<uint32_t> positives;         // into candidate_keys; distinct within a record

  std::vector<uint64_t> candidate_keys;       // [M], ascending, distinct
  std::vector<uint32_t> catalogue_positions;  // [M], or empty if loaded without catalogue
  // [M] if the rows carry the candidate tower's columns, else absent: the catalogue has them.
  // Under inverse cloze the features of the document column stay empty.
  std::optional<TowerBatch> candidates;

  std::optional<ClozeTexts> cloze;

  // Rows without a candidate, and documents of one sentence.
  uint64_t skipped = 0;
  uint64_t held_out = 0;  // Pairs.

  uint32_t records() const { return static_cast<uint32_t>(query_keys.size()); }
  // Query-candidate pairs of one epoch.
  uint64_t pairs() const { return positives.size(); }
  uint64_t record_pairs(size_t record) const {
    return positive_offsets[record + 1] - positive_offsets[record];
  }
};

// Reads one of plan.train. `catalogue` may be null when TrainingNeedsCatalogue says so; without
// it a partition whose rows lack the candidate tower's columns is good for counting only.
// Errors: kInvalidArgument with file, line or byte offset, and column: a ragged line, text that is
// not UTF-8, an unknown column, a bad or non-finite number, an id out of bounds, an empty key, an
// example with nothing to embed; a candidate that neither the row nor the catalogue describes.
// kDataLoss: a damaged archive.
Result<Partition> LoadPartition(const DatasetOptions& options, const PartitionRef& ref,
                                const Catalogue* catalogue);

}  // namespace skybridge::data
