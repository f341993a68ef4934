// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/options.h"
#include "data/text_encoder.h"

namespace skybridge::data {

// The id that `text` names. Errors: kInvalidArgument: INTEGER and no unsigned 64-bit decimal.
Result<uint64_t> ParseId(IdForm form, std::string_view text);

// Turns a field into one example of a feature.
//
// Weights carry the pooling. w being an id's weight before (ids: how often it stands in the field;
// text: TextEncoder): SUM leaves w, MEAN gives w / sum of w, SQRT_N gives w / sqrt(sum of w^2).
class FeatureEncoder {
 public:
  explicit FeatureEncoder(FeatureOptions options)
      : options_(std::move(options)), text_(options_.text) {}

  const FeatureOptions& options() const { return options_; }

  // Adds an example to `out`. An empty field is an empty bag, or the number for missing ones.
  // Errors: kInvalidArgument without place, and nothing added: a bad, NaN or infinite number, a
  // missing one, an id that is no number or not below the bound.
  Status Append(std::string_view field, FeatureBatch* out);

 private:
  Status AppendNumber(std::string_view field, FeatureBatch* out) const;
  Status CollectIds(std::string_view field);
  Status CollectId(std::string_view item);
  void AppendBag(FeatureBatch* out);

  FeatureOptions options_;
  TextEncoder text_;
  std::vector<WeightedId> bag_;
};

}  // namespace skybridge::data
