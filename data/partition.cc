// SPDX-License-Identifier: Apache-2.0
#include "data/partition.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "data/pair_reader.h"
#include "data/sentences.h"
#include "data/tower_batch.h"

namespace skybridge::data {
namespace {

// Fills a Partition row by row; candidates get their final, sorted positions at the end.
class PartitionLoader {
 public:
  PartitionLoader(const DatasetOptions& options, const PartitionRef& ref,
                  const Catalogue* catalogue, bool carries)
      : options_(options),
        source_(options.train[ref.source]),
        catalogue_(catalogue),
        carries_(carries),
        features_(EmptyTower(options.candidate)) {
    partition_.ref = ref;
    partition_.queries = EmptyTower(options.query);
    partition_.positive_offsets = {0};
    if (source_.inverse_cloze) partition_.cloze.emplace().sentence_offsets = {0};
  }

  // Takes the reader's current row.
  Status Add(PairReader& reader);
  Result<Partition> Finish(uint64_t skipped);

 private:
  struct Known {
    uint32_t arrival;      // Position in keys_.
    uint32_t last_record;  // The last record it stands in.
  };

  bool ContinuesRecord(const PairReader& reader, uint64_t signature) const;
  Status StartRecord(PairReader& reader, uint64_t signature);
  void TakeSentences(std::string_view document, std::span<const std::string_view> sentences);
  Status TakeCandidate(PairReader& reader, size_t i);
  // A candidate that was not seen before.
  Status Describe(PairReader& reader, size_t i);

  const DatasetOptions& options_;
  const SourceOptions& source_;
  const Catalogue* const catalogue_;
  const bool carries_;
  Partition partition_;
  uint64_t last_signature_ = 0;
  std::unordered_map<uint64_t, Known> known_;  // Looked up only; never iterated.
  std::vector<uint64_t> keys_;                 // In order of arrival, as the next two.
  std::vector<uint32_t> catalogue_positions_;
  TowerBatch features_;
};

bool PartitionLoader::ContinuesRecord(const PairReader& reader, uint64_t signature) const {
  return reader.has_query_key() && !source_.inverse_cloze && partition_.records() > 0 &&
         partition_.query_keys.back() == reader.query_key() && last_signature_ == signature;
}

Status PartitionLoader::StartRecord(PairReader& reader, uint64_t signature) {
  SKY_RETURN_IF_ERROR(reader.AppendQuery(&partition_.queries));
  partition_.query_keys.push_back(reader.query_key());
  if (source_.group_by) partition_.groups.push_back(reader.group());
  if (source_.mask_by) partition_.masks.push_back(reader.mask());
  partition_.positive_offsets.push_back(partition_.positive_offsets.back());
  last_signature_ = signature;
  return Status();
}

void PartitionLoader::TakeSentences(std::string_view document,
                                    std::span<const std::string_view> sentences) {
  ClozeTexts& cloze = *partition_.cloze;
  for (const std::string_view sentence : sentences) {
    const uint64_t begin =
        cloze.bytes.size() + static_cast<uint64_t>(sentence.data() - document.data());
    cloze.begins.push_back(begin);
    cloze.ends.push_back(begin + sentence.size());
  }
  cloze.bytes += document;
  cloze.sentence_offsets.push_back(cloze.begins.size());
}

Status PartitionLoader::Describe(PairReader& reader, size_t i) {
  const uint64_t key = reader.candidates()[i].key;
  if (carries_) SKY_RETURN_IF_ERROR(reader.AppendCandidate(i, &features_));
  if (catalogue_ != nullptr) {
    const std::optional<uint32_t> position = catalogue_->Find(key);
    if (!position && !carries_) {
      return reader.CandidateError(i, "neither the row nor the catalogue describes it");
    }
    catalogue_positions_.push_back(position.value_or(kNotInCatalogue));
  }
  keys_.push_back(key);
  return Status();
}

Status PartitionLoader::TakeCandidate(PairReader& reader, size_t i) {
  const uint32_t record = partition_.records() - 1;
  const auto [known, is_new] = known_.try_emplace(
      reader.candidates()[i].key, Known{static_cast<uint32_t>(keys_.size()), record});
  if (is_new) {
    SKY_RETURN_IF_ERROR(Describe(reader, i));
  } else if (std::exchange(known->second.last_record, record) == record) {
    return Status();  // Twice in one record.
  }
  partition_.positives.push_back(known->second.arrival);
  ++partition_.positive_offsets.back();
  return Status();
}

Status PartitionLoader::Add(PairReader& reader) {
  std::vector<std::string_view> sentences;
  if (source_.inverse_cloze) {
    sentences = SplitSentences(reader.document());
    if (sentences.size() < 2) {
      ++partition_.skipped;
      return Status();
    }
  }
  const uint64_t signature = reader.Signature();
  bool open = ContinuesRecord(reader, signature);
  for (size_t i = 0; i < reader.candidates().size(); ++i) {
    // What inverse cloze makes is no pair of the log, so there is nothing to hold out.
    if (!source_.inverse_cloze &&
        IsHeldOut(options_, reader.query_key(), reader.candidates()[i].key)) {
      ++partition_.held_out;
      continue;
    }
    if (!open) {
      SKY_RETURN_IF_ERROR(StartRecord(reader, signature));
      if (source_.inverse_cloze) TakeSentences(reader.document(), sentences);
      open = true;
    }
    SKY_RETURN_IF_ERROR(TakeCandidate(reader, i));
  }
  if (partition_.positives.size() > std::numeric_limits<uint32_t>::max() / 2) {
    return Status(StatusCode::kResourceExhausted,
                  partition_.ref.file->name + ": too many pairs in one partition; cut the file");
  }
  return Status();
}

Result<Partition> PartitionLoader::Finish(uint64_t skipped) {
  partition_.skipped += skipped;
  std::vector<uint32_t> order(keys_.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, {}, [&](uint32_t arrival) { return keys_[arrival]; });
  std::vector<uint32_t> position(order.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    position[order[i]] = i;
    partition_.candidate_keys.push_back(keys_[order[i]]);
    if (catalogue_ != nullptr) {
      partition_.catalogue_positions.push_back(catalogue_positions_[order[i]]);
    }
  }
  for (uint32_t& positive : partition_.positives) positive = position[positive];
  if (carries_) partition_.candidates = SelectExamples(options_.candidate, features_, order);
  return std::move(partition_);
}

}  // namespace

Result<Partition> LoadPartition(const DatasetOptions& options, const PartitionRef& ref,
                                const Catalogue* catalogue) {
  CHECK(ref.file.has_value()) << "training partitions are pieces of files";
  SKY_ASSIGN_OR_RETURN(
      PairReader reader,
      PairReader::Open(
          options, options.train[ref.source], *ref.file, ref.begin, ref.end,
          {.queries = true, .candidates = true, .documents = false, .grouping = true}));
  PartitionLoader loader(options, ref, catalogue, reader.carries_candidates());
  for (;;) {
    SKY_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) return loader.Finish(reader.skipped());
    SKY_RETURN_IF_ERROR(loader.Add(reader));
  }
}

}  // namespace skybridge::data
