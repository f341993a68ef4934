// SPDX-License-Identifier: Apache-2.0
#include "data/catalogue.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "data/candidate_reader.h"
#include "data/pair_reader.h"
#include "data/tower_batch.h"

namespace skybridge::data {
namespace {

constexpr uint64_t kToTheEnd = std::numeric_limits<uint64_t>::max();
constexpr size_t kCandidatesMax = std::numeric_limits<uint32_t>::max() - 1;

}  // namespace

// Collects candidates in the order of the files, then sorts.
class Catalogue::Loader {
 public:
  explicit Loader(const DatasetOptions& options)
      : options_(options), features_(EmptyTower(options.candidate)) {}

  Status ReadCandidates(const std::vector<PlannedFile>& files) {
    for (const PlannedFile& file : files) SKY_RETURN_IF_ERROR(ReadCandidateFile(file));
    return Status();
  }

  Status ReadTraining(const SourceOptions& source, const std::vector<PlannedFile>& files) {
    for (const PlannedFile& file : files) SKY_RETURN_IF_ERROR(ReadTrainingFile(source, file));
    return Status();
  }

  Result<Catalogue> Finish() {
    if (keys_.empty()) {
      return Status(StatusCode::kInvalidArgument, "read the catalogue: no candidate in any file");
    }
    if (keys_.size() > kCandidatesMax) {
      return Status(StatusCode::kResourceExhausted,
                    fmt::format("read the catalogue: {} candidates, the limit is {}", keys_.size(),
                                kCandidatesMax));
    }
    std::vector<uint32_t> order(keys_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, {}, [&](uint32_t i) { return keys_[i]; });
    Catalogue catalogue;
    catalogue.duplicates_ = duplicates_;
    catalogue.features_ = SelectExamples(options_.candidate, features_, order);
    catalogue.label_offsets_.push_back(0);
    for (const uint32_t i : order) {
      catalogue.keys_.push_back(keys_[i]);
      catalogue.label_bytes_.append(labels_, label_begins_[i], label_ends_[i] - label_begins_[i]);
      catalogue.label_offsets_.push_back(catalogue.label_bytes_.size());
    }
    return catalogue;
  }

 private:
  Status ReadCandidateFile(const PlannedFile& file) {
    SKY_ASSIGN_OR_RETURN(CandidateReader reader,
                         CandidateReader::Open(options_, file, 0, kToTheEnd));
    for (;;) {
      SKY_ASSIGN_OR_RETURN(const bool more, reader.Next());
      if (!more) return Status();
      if (!known_.insert(reader.key()).second) {
        ++duplicates_;
        continue;
      }
      SKY_RETURN_IF_ERROR(reader.Append(&features_));
      Keep(reader.key(), reader.label());
    }
  }

  Status ReadTrainingFile(const SourceOptions& source, const PlannedFile& file) {
    SKY_ASSIGN_OR_RETURN(PairReader reader, PairReader::Open(options_, source, file, 0, kToTheEnd,
                                                             {.candidates = true}));
    if (!reader.carries_candidates()) {
      return Status(StatusCode::kInvalidArgument,
                    file.name +
                        ": lacks columns that the candidate tower reads; name a file that "
                        "has them in data.candidates");
    }
    for (;;) {
      SKY_ASSIGN_OR_RETURN(const bool more, reader.Next());
      if (!more) return Status();
      for (size_t i = 0; i < reader.candidates().size(); ++i) {
        const auto& [key, label] = reader.candidates()[i];
        if (!known_.insert(key).second) continue;
        SKY_RETURN_IF_ERROR(reader.AppendCandidate(i, &features_));
        Keep(key, label);
      }
    }
  }

  void Keep(uint64_t key, std::string_view label) {
    keys_.push_back(key);
    label_begins_.push_back(labels_.size());
    labels_ += label;
    label_ends_.push_back(labels_.size());
  }

  const DatasetOptions& options_;
  std::unordered_set<uint64_t> known_;  // Looked up only; never iterated.
  std::vector<uint64_t> keys_;
  TowerBatch features_;
  std::string labels_;
  std::vector<uint64_t> label_begins_, label_ends_;
  uint64_t duplicates_ = 0;
};

Result<Catalogue> Catalogue::Load(const DatasetOptions& options, const DatasetPlan& plan) {
  Loader loader(options);
  if (options.candidates) {
    SKY_RETURN_IF_ERROR(loader.ReadCandidates(plan.candidate_files));
    return loader.Finish();
  }
  for (size_t i = 0; i < options.train.size(); ++i) {
    SKY_RETURN_IF_ERROR(loader.ReadTraining(options.train[i], plan.train_files[i]));
  }
  return loader.Finish();
}

std::string_view Catalogue::label(size_t position) const {
  return std::string_view(label_bytes_)
      .substr(label_offsets_[position], label_offsets_[position + 1] - label_offsets_[position]);
}

std::optional<uint32_t> Catalogue::Find(uint64_t key) const {
  const auto found = std::ranges::lower_bound(keys_, key);
  if (found == keys_.end() || *found != key) return std::nullopt;
  return static_cast<uint32_t>(found - keys_.begin());
}

Result<bool> TrainingNeedsCatalogue(const DatasetOptions& options, const DatasetPlan& plan) {
  if (options.uniform_negatives > 0) return true;
  for (size_t i = 0; i < options.train.size(); ++i) {
    for (const PlannedFile& file : plan.train_files[i]) {
      SKY_ASSIGN_OR_RETURN(const bool carries, CarriesCandidates(options, options.train[i], file));
      if (!carries) return true;
    }
  }
  return false;
}

}  // namespace skybridge::data
