// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/dataset_plan.h"
#include "data/options.h"
#include "data/row_reader.h"
#include "data/tower_reader.h"

namespace skybridge::data {

// Whether the columns of `file` describe candidates: it has every column of the candidate tower,
// and, if its rows list several candidates, that tower reads nothing but the key.
Result<bool> CarriesCandidates(const DatasetOptions& options, const SourceOptions& source,
                               const PlannedFile& file);

// Whether a pair is kept out of training: a function of seed and keys, so of nobody's reading.
bool IsHeldOut(const DatasetOptions& options, uint64_t query_key, uint64_t candidate_key);

// What is read beside the keys.
struct PairNeeds {
  bool queries = false;     // AppendQuery.
  bool candidates = false;  // AppendCandidate, where the file carries them.
  bool documents = true;    // Under inverse cloze, of the document column too.
  bool grouping = false;    // group, mask and document.
};

// The (query, candidates) rows of one file of a training or evaluation source. Rows that list no
// candidate are skipped and counted.
class PairReader {
 public:
  struct Candidate {
    uint64_t key;
    std::string_view label;  // Valid until the next call of Next.
  };

  // `options` and `source` must outlive the reader. Errors: as RowReader.
  static Result<PairReader> Open(const DatasetOptions& options, const SourceOptions& source,
                                 const PlannedFile& file, uint64_t begin, uint64_t end,
                                 PairNeeds needs);

  // Goes to the next row with a candidate; false at the end. Errors: as RowReader; an empty key.
  Result<bool> Next();

  // Of the value of the query's key column; without one, or when inverse cloze makes it, of the
  // place of the row in the file.
  uint64_t query_key() const { return query_key_; }
  // Whether rows with an equal query_key are the same query.
  bool has_query_key() const { return query_column_.has_value(); }
  std::span<const Candidate> candidates() const { return candidates_; }
  bool carries_candidates() const { return carries_; }
  // Equal for rows with equal query columns, group and mask.
  uint64_t Signature() const;
  uint64_t group() const { return HashOf(group_column_); }
  uint64_t mask() const { return HashOf(mask_column_); }
  // Inverse cloze: the text the query is cut from.
  std::string_view document() const { return rows_.field(*document_column_); }
  uint64_t skipped() const { return skipped_; }

  Status AppendQuery(TowerBatch* out) { return queries_->Append(rows_, std::nullopt, {}, out); }
  // Adds the features of candidates()[i]; the file must carry them. Without needs.documents those
  // of inverse cloze's document get no value.
  // Errors: as FeatureEncoder, with place; a row of several candidates with columns beside the key.
  Status AppendCandidate(size_t i, TowerBatch* out);
  // kInvalidArgument at candidates()[i].
  Status CandidateError(size_t i, std::string_view what) const;

 private:
  explicit PairReader(RowReader rows) : rows_(std::move(rows)) {}
  uint64_t HashOf(std::optional<size_t> column) const;
  Status TakeCandidates();

  RowReader rows_;
  IdForm key_form_{};
  uint64_t place_seed_ = 0;
  bool lists_ = false;  // The format allows several candidates, or none, in a row.
  bool carries_ = false;
  bool describes_more_ = false;  // The candidate tower reads more than the key.
  std::optional<TowerReader> queries_;
  std::optional<TowerReader> candidate_tower_;
  size_t candidate_column_ = 0;
  std::optional<size_t> query_column_;
  std::optional<size_t> group_column_;
  std::optional<size_t> mask_column_;
  std::optional<size_t> document_column_;
  uint64_t query_key_ = 0;
  std::vector<Candidate> candidates_;
  uint64_t skipped_ = 0;
};

}  // namespace skybridge::data
