// SPDX-License-Identifier: Apache-2.0
#include "data/candidate_source.h"

#include <unordered_set>

#include "data/candidate_reader.h"
#include "data/tower_batch.h"

namespace skybridge::data {
namespace {

Result<CandidatePartition> SliceOf(const DatasetOptions& options, const PartitionRef& ref,
                                   const Catalogue& catalogue) {
  CandidatePartition partition{.features = EmptyTower(options.candidate)};
  const uint64_t size = catalogue.size();
  const uint64_t end = size * (ref.share + 1) / ref.shares;
  for (uint64_t i = size * ref.share / ref.shares; i < end; ++i) {
    partition.keys.push_back(catalogue.keys()[i]);
    partition.labels.emplace_back(catalogue.label(i));
    AppendExample(catalogue.features(), i, &partition.features);
  }
  return partition;
}

}  // namespace

Result<CandidatePartition> LoadCandidates(const DatasetOptions& options, const PartitionRef& ref,
                                          const Catalogue* catalogue) {
  if (ExportNeedsCatalogue(options)) {
    if (catalogue != nullptr) return SliceOf(options, ref, *catalogue);
    return Status(StatusCode::kFailedPrecondition,
                  "read candidates: without data.candidates they are slices of the catalogue, "
                  "which is not loaded");
  }
  CHECK(ref.file.has_value());
  SKY_ASSIGN_OR_RETURN(CandidateReader reader,
                       CandidateReader::Open(options, *ref.file, ref.begin, ref.end));
  CandidatePartition partition{.features = EmptyTower(options.candidate)};
  partition.display.resize(options.display.size());
  std::unordered_set<uint64_t> known;  // Looked up only; never iterated.
  for (;;) {
    SKY_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) return partition;
    if (!known.insert(reader.key()).second) {
      ++partition.duplicates;
      continue;
    }
    SKY_RETURN_IF_ERROR(reader.Append(&partition.features));
    partition.keys.push_back(reader.key());
    partition.labels.emplace_back(reader.label());
    for (size_t i = 0; i < partition.display.size(); ++i) {
      partition.display[i].emplace_back(reader.display(i));
    }
  }
}

}  // namespace skybridge::data
