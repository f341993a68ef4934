// SPDX-License-Identifier: Apache-2.0
#include "retrieval/exact_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <glog/logging.h>
#include <Eigen/Core>

namespace skybridge::retrieval {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstView = Eigen::Map<const Matrix>;

constexpr Eigen::Index kQueryTile = 64;
constexpr Eigen::Index kCandidateTile = 2048;

Status CheckFinite(std::span<const float> values, uint32_t d, const char* what) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    return Status(StatusCode::kInvalidArgument, "search: " + std::string(what) + " " +
                                                    std::to_string(i / d) +
                                                    " has a number that is not finite");
  }
  return Status();
}

bool Better(const Hit& a, const Hit& b) {
  return a.score != b.score ? a.score > b.score : a.position < b.position;
}

// The best k of a stream of hits with ascending positions.
class Best {
 public:
  explicit Best(uint32_t k) : k_(k) { heap_.reserve(k); }

  // Positions ascend, so an equal score loses against what is there.
  float threshold() const { return threshold_; }
  void Offer(Hit hit) {
    if (heap_.size() == k_) {
      std::ranges::pop_heap(heap_, Better);
      heap_.back() = hit;
    } else {
      heap_.push_back(hit);
    }
    std::ranges::push_heap(heap_, Better);
    if (heap_.size() == k_) threshold_ = heap_.front().score;
  }
  std::vector<Hit> Take() {
    std::ranges::sort(heap_, Better);
    return std::move(heap_);
  }

 private:
  const uint32_t k_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Hit> heap_;  // The worst first.
};

// Offers the scores of candidates [begin, begin + width) of one query, but for those in `excluded`
// (ascending), of which the first `*next` lie before.
void OfferTile(std::span<const uint32_t> excluded, uint64_t* next, Eigen::Index begin,
               Eigen::Index width, float* scores, Best* best) {
  for (; *next < excluded.size() && excluded[*next] < begin + width; ++*next) {
    scores[excluded[*next] - begin] = std::nanf("");
  }
  for (Eigen::Index j = 0; j < width; ++j) {
    if (scores[j] > best->threshold()) {  // Never true for an excluded one.
      best->Offer({static_cast<uint32_t>(begin + j), scores[j]});
    }
  }
}

// What is excluded for one query.
std::span<const uint32_t> ExcludedOf(const Excluded& excluded, size_t query) {
  if (excluded.offsets.empty()) return {};
  const uint64_t begin = excluded.offsets[query];
  return excluded.positions.subspan(begin, excluded.offsets[query + 1] - begin);
}

}  // namespace

Result<std::vector<std::vector<Hit>>> SearchExact(std::span<const float> queries,
                                                  std::span<const float> candidates, uint32_t d,
                                                  uint32_t k, const Excluded& excluded) {
  CHECK_GT(d, 0u);
  CHECK_GT(k, 0u);
  SKY_RETURN_IF_ERROR(CheckFinite(queries, d, "query"));
  SKY_RETURN_IF_ERROR(CheckFinite(candidates, d, "candidate"));
  const auto n = static_cast<Eigen::Index>(candidates.size() / d);
  const auto total = static_cast<Eigen::Index>(queries.size() / d);
  const ConstView all(candidates.data(), n, d);
  std::vector<std::vector<Hit>> hits;
  Matrix scores(kQueryTile, kCandidateTile);
  for (Eigen::Index first = 0; first < total; first += kQueryTile) {
    const Eigen::Index rows = std::min(kQueryTile, total - first);
    const ConstView block(queries.data() + first * d, rows, d);
    std::vector<Best> best(static_cast<size_t>(rows), Best(k));
    std::vector<uint64_t> next(static_cast<size_t>(rows), 0);  // In what is excluded.
    for (Eigen::Index begin = 0; begin < n; begin += kCandidateTile) {
      const Eigen::Index width = std::min(kCandidateTile, n - begin);
      auto tile = scores.topLeftCorner(rows, width);
      tile.noalias() = block * all.middleRows(begin, width).transpose();
      for (size_t row = 0; row < best.size(); ++row) {
        OfferTile(ExcludedOf(excluded, static_cast<size_t>(first) + row), &next[row], begin, width,
                  scores.row(static_cast<Eigen::Index>(row)).data(), &best[row]);
      }
    }
    for (Best& one : best) hits.push_back(one.Take());
  }
  return hits;
}

}  // namespace skybridge::retrieval
