// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/options.h"
#include "data/words.h"

namespace skybridge::data {

// A row id with its weight.
using WeightedId = std::pair<uint64_t, float>;

// Makes a bag of rows out of a text. Tokens are words, pairs of neighbouring words, prefixes of
// words that have at least that many letters, and the n-grams of "<word>". Each kind of token is
// hashed apart. A token seen c times weighs (k + 1) c / (c + k), times its kind's weight; k = 0:
// just its kind's weight. Tokens that share a row add up.
class TextEncoder {
 public:
  explicit TextEncoder(TextOptions options) : options_(options) {}

  // By ascending id, distinct; before pooling. Overwrites `bag`.
  void Encode(std::string_view text, std::vector<WeightedId>* bag);

 private:
  enum Kind : uint8_t { kWord, kWordPair, kPrefix, kNgram };
  using Token = std::pair<Kind, uint64_t>;  // With its 64-bit hash.

  void Add(Kind kind, std::string_view token);
  void AddLetters(std::string_view word);
  float KindWeight(Kind kind) const;

  TextOptions options_;
  WordSplitter splitter_;
  std::vector<Token> tokens_;
  std::vector<size_t> letters_;
  std::string scratch_;
};

// Brings a bag into the shape batches have: by ascending id, the weights of equal ids added up.
void MergeIds(std::vector<WeightedId>* bag);

}  // namespace skybridge::data
