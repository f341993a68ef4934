// SPDX-License-Identifier: Apache-2.0
#include "data/evaluation_source.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "data/pair_reader.h"
#include "data/tower_batch.h"

namespace skybridge::data {
namespace {

constexpr uint64_t kToTheEnd = std::numeric_limits<uint64_t>::max();

// (query in order of arrival, candidate key); sorted and made distinct at the end.
using KeyPairs = std::vector<std::pair<uint32_t, uint64_t>>;

// Which pairs of a source count.
enum class Pairs { kAll, kHeldOut, kKept };

class EvaluationLoader {
 public:
  EvaluationLoader(const DatasetOptions& options, uint32_t share, uint32_t shares)
      : options_(options), share_(share), shares_(shares), queries_(EmptyTower(options.query)) {}

  // Collects queries with what answers them.
  Status ReadRelevant(const SourceOptions& source, const std::vector<PlannedFile>& files,
                      Pairs which) {
    for (const PlannedFile& file : files) {
      SKY_ASSIGN_OR_RETURN(PairReader reader, PairReader::Open(options_, source, file, 0, kToTheEnd,
                                                               {.queries = true}));
      for (;;) {
        SKY_ASSIGN_OR_RETURN(const bool more, reader.Next());
        if (!more) break;
        if (reader.query_key() % shares_ != share_) continue;
        SKY_RETURN_IF_ERROR(TakeRelevant(reader, which));
      }
    }
    return Status();
  }

  // Collects what the queries found so far have seen.
  Status ReadSeen(const SourceOptions& source, const std::vector<PlannedFile>& files, Pairs which) {
    for (const PlannedFile& file : files) {
      SKY_ASSIGN_OR_RETURN(PairReader reader,
                           PairReader::Open(options_, source, file, 0, kToTheEnd, {}));
      for (;;) {
        SKY_ASSIGN_OR_RETURN(const bool more, reader.Next());
        if (!more) break;
        const auto known = known_.find(reader.query_key());
        if (known == known_.end()) continue;
        for (const auto& candidate : reader.candidates()) {
          if (Counts(reader, candidate.key, which)) {
            seen_.emplace_back(known->second, candidate.key);
          }
        }
      }
    }
    return Status();
  }

  EvaluationQueries Finish() {
    std::vector<uint32_t> order(keys_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, {}, [&](uint32_t i) { return keys_[i]; });
    EvaluationQueries result;
    result.queries = SelectExamples(options_.query, queries_, order);
    for (const uint32_t i : order) result.query_keys.push_back(keys_[i]);
    result.relevant = Sets(order, &relevant_);
    result.seen = Sets(order, &seen_);
    return result;
  }

 private:
  bool Counts(const PairReader& reader, uint64_t candidate, Pairs which) const {
    return which == Pairs::kAll ||
           IsHeldOut(options_, reader.query_key(), candidate) == (which == Pairs::kHeldOut);
  }

  Status TakeRelevant(PairReader& reader, Pairs which) {
    for (const auto& candidate : reader.candidates()) {
      if (!Counts(reader, candidate.key, which)) continue;
      const auto [known, is_new] =
          known_.try_emplace(reader.query_key(), static_cast<uint32_t>(keys_.size()));
      if (is_new) {
        keys_.push_back(reader.query_key());
        SKY_RETURN_IF_ERROR(reader.AppendQuery(&queries_));
      }
      relevant_.emplace_back(known->second, candidate.key);
    }
    return Status();
  }

  // The pairs by query, in `order`; they are sorted on the way.
  static KeySets Sets(const std::vector<uint32_t>& order, KeyPairs* pairs) {
    std::ranges::sort(*pairs);
    pairs->erase(std::unique(pairs->begin(), pairs->end()), pairs->end());
    KeySets sets;
    for (const uint32_t query : order) {
      auto pair = std::ranges::lower_bound(*pairs, std::pair(query, uint64_t{0}));
      for (; pair != pairs->end() && pair->first == query; ++pair) {
        sets.keys.push_back(pair->second);
      }
      sets.offsets.push_back(sets.keys.size());
    }
    return sets;
  }

  const DatasetOptions& options_;
  const uint64_t share_;
  const uint64_t shares_;
  std::unordered_map<uint64_t, uint32_t> known_;  // Looked up only; never iterated.
  std::vector<uint64_t> keys_;                    // In order of arrival.
  TowerBatch queries_;
  KeyPairs relevant_;
  KeyPairs seen_;
};

}  // namespace

Result<EvaluationQueries> LoadEvaluation(const DatasetOptions& options, const DatasetPlan& plan,
                                         size_t evaluation, uint32_t share) {
  const EvaluationOptions& wanted = options.evaluations[evaluation];
  const auto shares = static_cast<uint32_t>(plan.evaluation[evaluation].size());
  EvaluationLoader loader(options, share, shares);
  const auto logged = [&](auto read, Pairs which) -> Status {
    for (size_t i = 0; i < options.train.size(); ++i) {
      if (options.train[i].inverse_cloze) continue;
      SKY_RETURN_IF_ERROR((loader.*read)(options.train[i], plan.train_files[i], which));
    }
    return Status();
  };
  if (wanted.holdout) {
    SKY_RETURN_IF_ERROR(logged(&EvaluationLoader::ReadRelevant, Pairs::kHeldOut));
  } else {
    SKY_RETURN_IF_ERROR(
        loader.ReadRelevant(wanted.source, plan.evaluation_files[evaluation], Pairs::kAll));
  }
  if (wanted.mask_seen) {
    const Pairs which = wanted.holdout ? Pairs::kKept : Pairs::kAll;
    SKY_RETURN_IF_ERROR(logged(&EvaluationLoader::ReadSeen, which));
  }
  return loader.Finish();
}

}  // namespace skybridge::data
