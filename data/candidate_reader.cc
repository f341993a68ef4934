// SPDX-License-Identifier: Apache-2.0
#include "data/candidate_reader.h"

#include <string>
#include <utility>

#include "data/feature_encoder.h"

namespace skybridge::data {

Result<CandidateReader> CandidateReader::Open(const DatasetOptions& options,
                                              const PlannedFile& file, uint64_t begin,
                                              uint64_t end) {
  ColumnList columns;
  columns.Want(options.candidate_key);
  std::vector<size_t> display;
  for (const std::string& name : options.display) display.push_back(columns.Want(name));
  TowerReader tower(options.candidate, &columns);
  SKY_ASSIGN_OR_RETURN(RowReader rows,
                       RowReader::Open(*options.candidates, file, begin, end, columns.names()));
  return CandidateReader(std::move(rows), std::move(tower), std::move(display),
                         options.candidate_key_form);
}

Result<bool> CandidateReader::Next() {
  SKY_ASSIGN_OR_RETURN(const bool more, rows_.Next());
  if (!more) return false;
  if (label().empty()) return rows_.Error(0, "empty, but it identifies candidates");
  const Result<uint64_t> key = ParseId(form_, label());
  if (!key) return rows_.Error(0, key.error().message());
  key_ = *key;
  return true;
}

}  // namespace skybridge::data
