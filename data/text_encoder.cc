// SPDX-License-Identifier: Apache-2.0
#include "data/text_encoder.h"

#include <algorithm>

#include "common/hash.h"

namespace skybridge::data {
namespace {

// (k + 1) c / (c + k), the saturation of BM25 (Robertson and Zaragoza 2009).
float Saturate(float count, float k) { return k == 0 ? 1 : (k + 1) * count / (count + k); }

}  // namespace

void MergeIds(std::vector<WeightedId>* bag) {
  // Stable, so that equal ids add up in the order they came in.
  std::ranges::stable_sort(*bag, {}, &WeightedId::first);
  size_t kept = 0;
  for (size_t i = 0; i < bag->size(); ++i) {
    if (kept > 0 && (*bag)[kept - 1].first == (*bag)[i].first) {
      (*bag)[kept - 1].second += (*bag)[i].second;
    } else {
      (*bag)[kept++] = (*bag)[i];
    }
  }
  bag->resize(kept);
}

void TextEncoder::Add(Kind kind, std::string_view token) {
  // The kind seeds the hash: the word "play" and the prefix "play" are two tokens. Part of every
  // exported model: never renumber kinds.
  tokens_.emplace_back(kind, HashBytes(token, static_cast<uint64_t>(kind)));
}

void TextEncoder::AddLetters(std::string_view word) {
  if (options_.prefix > 0) {
    LetterBegins(word, &letters_);
    if (letters_.size() > options_.prefix) Add(kPrefix, word.substr(0, letters_[options_.prefix]));
  }
  if (options_.ngram_from == 0) return;
  scratch_.clear();
  ((scratch_ += '<') += word) += '>';
  LetterBegins(scratch_, &letters_);
  const size_t count = letters_.size() - 1;
  for (size_t n = options_.ngram_from; n <= options_.ngram_to && n <= count; ++n) {
    for (size_t i = 0; i + n <= count; ++i) {
      const std::string_view padded = scratch_;
      Add(kNgram, padded.substr(letters_[i], letters_[i + n] - letters_[i]));
    }
  }
}

float TextEncoder::KindWeight(Kind kind) const {
  if (kind == kPrefix) return options_.prefix_weight;
  if (kind == kNgram) return options_.ngram_weight;
  return 1;
}

void TextEncoder::Encode(std::string_view text, std::vector<WeightedId>* bag) {
  tokens_.clear();
  std::string_view previous;
  for (const std::string_view word : splitter_.Split(text)) {
    if (options_.words) Add(kWord, word);
    if (options_.word_pairs && !previous.empty()) {
      scratch_ = previous;
      (scratch_ += ' ') += word;
      Add(kWordPair, scratch_);
    }
    previous = word;
    AddLetters(word);
  }
  std::ranges::sort(tokens_);
  bag->clear();
  for (size_t begin = 0; begin < tokens_.size();) {
    const auto [kind, hash] = tokens_[begin];
    size_t end = begin;
    while (end < tokens_.size() && tokens_[end] == tokens_[begin]) ++end;
    const auto count = static_cast<float>(end - begin);
    bag->emplace_back(options_.buckets > 0 ? hash % options_.buckets : hash,
                      KindWeight(kind) * Saturate(count, options_.saturation));
    begin = end;
  }
  MergeIds(bag);
}

}  // namespace skybridge::data
