// SPDX-License-Identifier: Apache-2.0
#include "data/pair_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/hash.h"
#include "common/rng.h"
#include "data/name_list.h"
#include "data/row_format.h"

namespace skybridge::data {
namespace {

bool TowerReadsMoreThan(const TowerFeatures& tower, const std::string& column) {
  return std::ranges::any_of(tower.features,
                             [&](const FeatureOptions& f) { return f.column != column; });
}

bool QueryKeyIsMade(const DatasetOptions& options, const SourceOptions& source) {
  return source.inverse_cloze && options.query_key == source.inverse_cloze->query;
}

}  // namespace

Result<bool> CarriesCandidates(const DatasetOptions& options, const SourceOptions& source,
                               const PlannedFile& file) {
  if (file.format == Format::kAdjacency) {
    return !TowerReadsMoreThan(options.candidate, options.candidate_key);
  }
  SKY_ASSIGN_OR_RETURN(const std::vector<std::string> columns, ReadColumns(source, file));
  return std::ranges::all_of(options.candidate.features, [&](const FeatureOptions& feature) {
    return std::ranges::find(columns, feature.column) != columns.end();
  });
}

bool IsHeldOut(const DatasetOptions& options, uint64_t query_key, uint64_t candidate_key) {
  if (options.holdout <= 0) return false;
  Rng rng(options.seed, Purpose::kHoldout, query_key, candidate_key);
  return rng.UniformDouble() < options.holdout;
}

Result<PairReader> PairReader::Open(const DatasetOptions& options, const SourceOptions& source,
                                    const PlannedFile& file, uint64_t begin, uint64_t end,
                                    PairNeeds needs) {
  ColumnList columns;
  const size_t candidate_column = columns.Want(options.candidate_key);
  const auto want = [&](bool wanted, const std::optional<std::string>& name) {
    return wanted && name ? std::optional(columns.Want(*name)) : std::nullopt;
  };
  const auto query_column = want(!QueryKeyIsMade(options, source), options.query_key);
  const auto group_column = want(needs.grouping, source.group_by);
  const auto mask_column = want(needs.grouping, source.mask_by);
  std::optional<std::string> document, made;
  if (source.inverse_cloze) {
    document = source.inverse_cloze->document;
    made = source.inverse_cloze->query;
  }
  const auto document_column = want(needs.grouping, document);
  std::optional<TowerReader> queries, candidates;
  if (needs.queries) queries.emplace(options.query, &columns, made);
  SKY_ASSIGN_OR_RETURN(const bool carries, CarriesCandidates(options, source, file));
  if (needs.candidates && carries) {
    candidates.emplace(options.candidate, &columns, needs.documents ? std::nullopt : document);
  }
  SKY_ASSIGN_OR_RETURN(RowReader rows, RowReader::Open(source, file, begin, end, columns.names()));
  PairReader reader(std::move(rows));
  reader.key_form_ = options.candidate_key_form;
  reader.place_seed_ = HashBytes(file.name);
  reader.lists_ = file.format == Format::kAdjacency || file.format == Format::kJsonLines;
  reader.carries_ = carries;
  reader.describes_more_ = TowerReadsMoreThan(options.candidate, options.candidate_key);
  reader.queries_ = std::move(queries);
  reader.candidate_tower_ = std::move(candidates);
  reader.candidate_column_ = candidate_column;
  reader.query_column_ = query_column;
  reader.group_column_ = group_column;
  reader.mask_column_ = mask_column;
  reader.document_column_ = document_column;
  return reader;
}

Status PairReader::TakeCandidates() {
  candidates_.clear();
  const std::string_view field = rows_.field(candidate_column_);
  if (field.empty() && lists_) return Status();
  for (size_t begin = 0; begin <= field.size();) {
    const size_t end =
        lists_ ? std::min(field.find(kListSeparator, begin), field.size()) : field.size();
    const std::string_view label = field.substr(begin, end - begin);
    if (label.empty()) return rows_.Error(candidate_column_, "empty, but it identifies candidates");
    const Result<uint64_t> key = ParseId(key_form_, label);
    if (!key) return rows_.Error(candidate_column_, key.error().message());
    candidates_.push_back({*key, label});
    begin = end + 1;
  }
  return Status();
}

Result<bool> PairReader::Next() {
  do {
    SKY_ASSIGN_OR_RETURN(const bool more, rows_.Next());
    if (!more) return false;
    SKY_RETURN_IF_ERROR(TakeCandidates());
    if (candidates_.empty()) ++skipped_;
  } while (candidates_.empty());
  if (!query_column_) {
    query_key_ = CombineHash(place_seed_, rows_.offset());
    return true;
  }
  const std::string_view query = rows_.field(*query_column_);
  if (query.empty()) return rows_.Error(*query_column_, "empty, but it identifies queries");
  query_key_ = HashBytes(query);
  return true;
}

uint64_t PairReader::HashOf(std::optional<size_t> column) const {
  return column ? HashBytes(rows_.field(*column)) : 0;
}

uint64_t PairReader::Signature() const {
  return CombineHash(CombineHash(queries_->Signature(rows_), group()), mask());
}

Status PairReader::AppendCandidate(size_t i, TowerBatch* out) {
  CHECK(candidate_tower_.has_value()) << "the file does not carry candidates";
  if (describes_more_ && candidates_.size() > 1) {
    return CandidateError(i,
                          "a row of several candidates cannot describe them; put their columns "
                          "into data.candidates");
  }
  return candidate_tower_->Append(rows_, candidate_column_, candidates_[i].label, out);
}

Status PairReader::CandidateError(size_t i, std::string_view what) const {
  return rows_.Error(candidate_column_, fmt::format("'{}': {}", Shown(candidates_[i].label), what));
}

}  // namespace skybridge::data
