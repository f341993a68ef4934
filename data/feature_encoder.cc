// SPDX-License-Identifier: Apache-2.0
#include "data/feature_encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "common/hash.h"
#include "data/name_list.h"
#include "data/row_format.h"

namespace skybridge::data {
namespace {

Status Invalid(std::string message) {
  return Status(StatusCode::kInvalidArgument, std::move(message));
}

// What each weight is multiplied by.
float PoolingFactor(Pooling pooling, const std::vector<WeightedId>& bag) {
  if (pooling == Pooling::kSum || bag.empty()) return 1;
  float sum = 0;
  for (const auto& [id, weight] : bag) {
    sum += pooling == Pooling::kMean ? weight : weight * weight;
  }
  if (sum <= 0) return 1;  // All weights are zero.
  return 1 / (pooling == Pooling::kMean ? sum : std::sqrt(sum));
}

}  // namespace

Result<uint64_t> ParseId(IdForm form, std::string_view text) {
  if (form == IdForm::kHashed) return HashBytes(text);
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Invalid(fmt::format("'{}' is no unsigned whole number (form: INTEGER)", Shown(text)));
  }
  return id;
}

Status FeatureEncoder::CollectId(std::string_view item) {
  if (item.empty()) return Status();
  SKY_ASSIGN_OR_RETURN(const uint64_t id, ParseId(options_.id.form, item));
  const bool bounded = options_.id.form == IdForm::kInteger && options_.id.below > 0;
  if (bounded && id >= options_.id.below) {
    return Invalid(
        fmt::format("id {} is not below {}, the feature's bound `below`", id, options_.id.below));
  }
  bag_.emplace_back(id, 1.0f);
  return Status();
}

Status FeatureEncoder::CollectIds(std::string_view field) {
  bag_.clear();
  std::string_view separator = options_.id.separator;
  if (field.find(kListSeparator) != std::string_view::npos) {
    separator = std::string_view(&kListSeparator, 1);
  }
  if (separator.empty()) return CollectId(field);
  for (size_t begin = 0; begin <= field.size();) {
    const size_t end = std::min(field.find(separator, begin), field.size());
    SKY_RETURN_IF_ERROR(CollectId(field.substr(begin, end - begin)));
    begin = end + separator.size();
  }
  MergeIds(&bag_);
  return Status();
}

Status FeatureEncoder::AppendNumber(std::string_view field, FeatureBatch* out) const {
  if (field.empty()) {
    if (!options_.number.missing) return Invalid("empty, and the feature has no `missing`");
    out->numbers.push_back(*options_.number.missing);
    return Status();
  }
  float number = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number);
  if (end != field.data() + field.size() || error == std::errc::invalid_argument) {
    return Invalid(fmt::format("'{}' is no number", Shown(field)));
  }
  if (error != std::errc() || !std::isfinite(number)) {
    return Invalid(fmt::format(
        "'{}' is no finite number of single precision; leave the field empty and set `missing`",
        field));
  }
  out->numbers.push_back(number);
  return Status();
}

void FeatureEncoder::AppendBag(FeatureBatch* out) {
  const float factor = PoolingFactor(options_.pooling, bag_);
  for (const auto& [id, weight] : bag_) {
    out->ids.push_back(id);
    out->weights.push_back(weight * factor);
  }
  CHECK_LE(out->ids.size(), std::numeric_limits<uint32_t>::max());
  out->offsets.push_back(static_cast<uint32_t>(out->ids.size()));
}

Status FeatureEncoder::Append(std::string_view field, FeatureBatch* out) {
  if (options_.kind == FeatureKind::kNumber) return AppendNumber(field, out);
  if (options_.kind == FeatureKind::kText) {
    text_.Encode(field, &bag_);
  } else {
    SKY_RETURN_IF_ERROR(CollectIds(field));
  }
  AppendBag(out);
  return Status();
}

}  // namespace skybridge::data
