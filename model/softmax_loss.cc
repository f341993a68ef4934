// SPDX-License-Identifier: Apache-2.0
#include "model/softmax_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "model/fast_math.h"
#include "model/matmul.h"
#include "model/row_ops.h"

namespace skybridge::model {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Queries scored at a time, so that their scores stay in the cache between the two products.
constexpr size_t kTileQueries = 64;

// Scores handled at a time.
constexpr size_t kLanes = 2 * kVec8;

size_t RoundUp(size_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// The logarithm of a sum of exponentials, and the largest exponent (to restore single terms).
struct LogSum {
  float largest = kNever;
  float sum = 0;  // Of exp(exponent - largest).
  float log() const { return sum > 0 ? largest + Log(sum) : kNever; }
};

// scores[j] = inverse_temperature * scores[j] + correction[j]; returns the largest. `padded` is a
// multiple of kLanes.
float ScaleAndCorrect(float inverse_temperature, const float* correction, size_t padded,
                      float* scores) {
  const Vec8 factor = Broadcast8(inverse_temperature);
  Vec8 even = Broadcast8(kNever);
  Vec8 odd = even;
  for (size_t j = 0; j < padded; j += kLanes) {
    const Vec8 first = Fma8(Load8(scores + j), factor, Load8(correction + j));
    const Vec8 second = Fma8(Load8(scores + j + kVec8), factor, Load8(correction + j + kVec8));
    Store8(scores + j, first);
    Store8(scores + j + kVec8, second);
    even = Max8(even, first);
    odd = Max8(odd, second);
  }
  return MaxOf8(Max8(even, odd));
}

// scores[j] = exp(scores[j] - largest); returns the sum.
float Exponentials(float largest, size_t padded, float* scores) {
  const Vec8 shift = Broadcast8(largest);
  Vec8 even = Zero8();
  Vec8 odd = Zero8();
  for (size_t j = 0; j < padded; j += kLanes) {
    const Vec8 first = Exp8(Load8(scores + j) - shift);
    const Vec8 second = Exp8(Load8(scores + j + kVec8) - shift);
    Store8(scores + j, first);
    Store8(scores + j + kVec8, second);
    even = even + first;
    odd = odd + second;
  }
  return SumOf8(even + odd);
}

// One pass over a batch; see SoftmaxLoss.
class Softmax {
 public:
  Softmax(const SoftmaxOptions& options, const ScoreBatch& batch, size_t first_negative,
          std::span<const float> correction, float scale, const ScoreGradients& gradients)
      : options_(options),
        batch_(batch),
        gradients_(gradients),
        first_(first_negative),
        negatives_(batch.candidates.rows - first_negative),
        padded_(RoundUp(negatives_)),
        inverse_temperature_(1.0f / options.temperature),
        step_(scale / (static_cast<float>(batch.positives.size()) * options.temperature)),
        log_weight_(Log(options.negative_weight)),
        correction_(padded_, 0.0f),
        // Rows that a power of two apart would fall into the same few lines of the cache.
        scores_(std::min(kTileQueries, batch.queries.rows), padded_, padded_ + kLanes) {
    std::ranges::copy(correction.subspan(first_negative), correction_.begin());
  }

  double Run() {
    Fill(gradients_.candidates, 0);
    double loss = 0;
    for (size_t begin = 0; begin < batch_.queries.rows; begin += kTileQueries) {
      loss += RunTile(begin, std::min(kTileQueries, batch_.queries.rows - begin));
    }
    return loss;
  }

 private:
  // Queries [begin, begin + count).
  double RunTile(size_t begin, size_t count) {
    const ConstMatrixView queries = batch_.queries.RowSlice(begin, count);
    const MatrixView scores = scores_.view().RowSlice(0, count).ColumnSlice(0, negatives_);
    const ConstMatrixView candidates = batch_.candidates.RowSlice(first_, negatives_);
    MultiplyTransposedRight(queries, candidates, Into::kOverwrite, scores);

    double loss = 0;
    Matrix weighted(count, queries.cols);  // Each query times its negatives' share.
    std::vector<float> shares(count);
    for (size_t row = 0; row < count; ++row) {
      const LogSum negatives = Normalise(begin + row, scores_.row(row));
      const float pull = Positives(begin + row, negatives.log(), &loss);
      shares[row] = negatives.sum > 0 ? pull * step_ / negatives.sum : 0.0f;
      const float* query = queries.row(row);
      for (size_t i = 0; i < queries.cols; ++i) weighted.row(row)[i] = shares[row] * query[i];
    }
    const MatrixView query_gradient = gradients_.queries.RowSlice(begin, count);
    Multiply(scores, candidates, Into::kOverwrite, query_gradient);
    for (size_t row = 0; row < count; ++row) {
      float* gradient = query_gradient.row(row);
      for (size_t i = 0; i < queries.cols; ++i) gradient[i] *= shares[row];
    }
    MultiplyTransposedLeft(scores, weighted.view(), Into::kAdd,
                           gradients_.candidates.RowSlice(first_, negatives_));
    AddPositives(begin + count);
    return loss;
  }

  // Turns products into exponentials of the corrected scores, 0 for what is no negative.
  LogSum Normalise(size_t query, float* scores) const {
    const auto mask = [&](uint32_t candidate) {
      if (candidate >= first_) scores[candidate - first_] = kNever;
    };
    for (size_t e = batch_.excluded_offsets[query]; e < batch_.excluded_offsets[query + 1]; ++e) {
      mask(batch_.excluded[e]);
    }
    for (size_t p = next_; p < batch_.positives.size() && batch_.positives[p].query == query; ++p) {
      mask(batch_.positives[p].candidate);
    }
    std::fill(scores + negatives_, scores + padded_, kNever);
    LogSum result;
    result.largest = ScaleAndCorrect(inverse_temperature_, correction_.data(), padded_, scores);
    if (result.largest == kNever) {  // Not one negative.
      std::fill_n(scores, padded_, 0.0f);
      return result;
    }
    result.sum = Exponentials(result.largest, padded_, scores);
    return result;
  }

  // Costs of the query's positives; keeps their gradients for AddPositives. Returns the factor of
  // the negatives' distribution in the gradient, summed over the positives.
  float Positives(size_t query, float log_negatives, double* loss) {
    float pull = 0;
    for (; next_ < batch_.positives.size() && batch_.positives[next_].query == query; ++next_) {
      const float score =
          inverse_temperature_ * Dot(batch_.queries.row(query),
                                     batch_.candidates.row(batch_.positives[next_].candidate),
                                     batch_.queries.cols);
      if (options_.decoupled) {
        *loss -= static_cast<double>(score);
        if (log_negatives != kNever) {
          *loss += static_cast<double>(options_.negative_weight * log_negatives);
        }
        pull += options_.negative_weight;
        pair_gradients_.push_back(-1);
      } else {
        const float ahead = log_weight_ + log_negatives - score;  // Of the negatives.
        const float share = Sigmoid(ahead);
        *loss += static_cast<double>(Softplus(ahead));
        pull += share;
        pair_gradients_.push_back(-share);
      }
    }
    return pull;
  }

  // Adds the gradients of positives of queries below `end`, in their order.
  void AddPositives(size_t end) {
    for (; added_ < next_; ++added_) {
      const auto [query, candidate] = batch_.positives[added_];
      DCHECK_LT(query, end);
      const float factor = pair_gradients_[added_] * step_;
      AddScaled(factor, batch_.candidates.row(candidate), gradients_.queries.row(query),
                batch_.queries.cols);
      AddScaled(factor, batch_.queries.row(query), gradients_.candidates.row(candidate),
                batch_.queries.cols);
    }
  }

  const SoftmaxOptions& options_;
  const ScoreBatch& batch_;
  const ScoreGradients& gradients_;
  const size_t first_;
  const size_t negatives_;  // Candidates from first_ on.
  const size_t padded_;
  const float inverse_temperature_;
  const float step_;  // From d loss / d score to d (mean loss * scale) / d product.
  const float log_weight_;
  std::vector<float> correction_;  // [padded_]
  Matrix scores_;                  // Of one tile.
  std::vector<float> pair_gradients_;
  size_t next_ = 0;   // The first positive not costed.
  size_t added_ = 0;  // The first positive not added to the gradients.
};

}  // namespace

double SoftmaxLoss(const SoftmaxOptions& options, const ScoreBatch& batch, size_t first_negative,
                   std::span<const float> correction, float scale,
                   const ScoreGradients& gradients) {
  CHECK(!batch.positives.empty());
  CHECK_LE(first_negative, batch.candidates.rows);
  CHECK_EQ(correction.size(), batch.candidates.rows);
  return Softmax(options, batch, first_negative, correction, scale, gradients).Run();
}

}  // namespace skybridge::model
