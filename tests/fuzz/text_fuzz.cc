// SPDX-License-Identifier: Apache-2.0
//
// Text of a user: what is UTF-8, its words and sentences, and the bag of rows it becomes.
#include <cmath>
#include <vector>

#include "data/feature_encoder.h"
#include "data/sentences.h"
#include "data/text_encoder.h"
#include "data/utf8.h"
#include "data/words.h"
#include "tests/fuzz/fuzz_input.h"

namespace skybridge::data {
namespace {

std::string EncodeCodePoint(uint32_t c) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xc0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xe0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
}

// Utf8Prefix's naive twin: a sequence is good if it is how its code point is written.
size_t NaivePrefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto first = static_cast<uint8_t>(text[at]);
    const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (at + length > text.size()) return at;
    uint32_t code = length == 1 ? first : first & (0x7f >> length);
    for (size_t i = 1; i < length; ++i) {
      code = code << 6 | (static_cast<uint8_t>(text[at + i]) & 0x3f);
    }
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (surrogate || code > 0x10ffff || EncodeCodePoint(code) != text.substr(at, length)) return at;
    at += length;
  }
  return at;
}

void CheckWords(std::string_view text) {
  WordSplitter splitter;
  const auto found = splitter.Split(text);
  const std::vector<std::string> words(found.begin(), found.end());
  std::vector<size_t> begins;
  for (const std::string& word : words) {
    CHECK(!word.empty());
    CHECK_EQ(Utf8Prefix(word), word.size());
    LetterBegins(word, &begins);
    CHECK_GE(begins.size(), 2u);
    CHECK_EQ(begins.back(), word.size());
    for (size_t i = 1; i < begins.size(); ++i) CHECK_LT(begins[i - 1], begins[i]);
  }
  const auto again = splitter.Split(text);
  CHECK(std::ranges::equal(words, again));
}

void CheckSentences(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\x1f";
  const auto is_blank = [&](char c) { return kBlanks.find(c) != std::string_view::npos; };
  size_t at = 0;
  for (const std::string_view sentence : SplitSentences(text)) {
    CHECK(!sentence.empty());
    const auto begin = static_cast<size_t>(sentence.data() - text.data());
    CHECK_GE(begin, at);
    CHECK_LE(begin + sentence.size(), text.size());
    CHECK(!is_blank(sentence.front()) && !is_blank(sentence.back()));
    CHECK(std::ranges::all_of(text.substr(at, begin - at), is_blank));
    at = begin + sentence.size();
  }
  CHECK(std::ranges::all_of(text.substr(at), is_blank)) << "lost: " << text.substr(at);
}

TextOptions Options(fuzz::FuzzInput& input) {
  const uint8_t kinds = input.Byte();
  TextOptions options{.words = (kinds & 1) != 0, .word_pairs = (kinds & 2) != 0};
  options.prefix = input.Below(6);
  options.ngram_from = input.Below(5);
  options.ngram_to = options.ngram_from + input.Below(4);
  options.buckets = (kinds & 4) != 0 ? 1 + input.Below(200) : 0;
  options.saturation = static_cast<float>(input.Below(3));
  return options;
}

void CheckBag(const TextOptions& options, std::string_view text) {
  TextEncoder encoder(options);
  std::vector<WeightedId> bag, again;
  encoder.Encode(text, &bag);
  for (size_t i = 0; i < bag.size(); ++i) {
    if (i > 0) CHECK_LT(bag[i - 1].first, bag[i].first);
    if (options.buckets > 0) CHECK_LT(bag[i].first, options.buckets);
    CHECK(std::isfinite(bag[i].second) && bag[i].second > 0) << bag[i].second;
  }
  encoder.Encode(text, &again);
  CHECK(bag == again);
}

FeatureOptions FeatureOf(fuzz::FuzzInput& input, const TextOptions& text) {
  FeatureOptions options{.kind = static_cast<FeatureKind>(input.Below(3)), .text = text};
  options.pooling = static_cast<Pooling>(input.Below(3));
  options.id.form = static_cast<IdForm>(input.Below(2));
  options.id.separator = std::string(input.Text().substr(0, 2));
  options.id.below = input.Below(50);
  if (input.Below(2) == 1) options.number.missing = 1.0f;
  return options;
}

void CheckFeature(const FeatureOptions& options, std::string_view field) {
  FeatureEncoder encoder(options);
  FeatureBatch batch;
  if (options.kind != FeatureKind::kNumber) batch.offsets = {0};
  const Status added = encoder.Append(field, &batch);
  if (!added.ok()) {
    fuzz::CheckSays(added);
    CHECK(batch.ids.empty() && batch.weights.empty() && batch.numbers.empty());
    CHECK_LE(batch.offsets.size(), 1u);
    return;
  }
  if (options.kind == FeatureKind::kNumber) {
    CHECK_EQ(batch.numbers.size(), 1u);
    CHECK(std::isfinite(batch.numbers[0]));
    return;
  }
  CHECK_EQ(batch.offsets.size(), 2u);
  CHECK_EQ(batch.offsets[1], batch.ids.size());
  CHECK_EQ(batch.weights.size(), batch.ids.size());
  for (size_t i = 0; i < batch.ids.size(); ++i) {
    if (i > 0) CHECK_LT(batch.ids[i - 1], batch.ids[i]);
    CHECK(std::isfinite(batch.weights[i]));
  }
}

}  // namespace
}  // namespace skybridge::data

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  fuzz::FuzzInput input(data, size);
  const data::TextOptions options = data::Options(input);
  const data::FeatureOptions feature = data::FeatureOf(input, options);
  const std::string_view bytes = input.Rest();
  const size_t good = data::Utf8Prefix(bytes);
  CHECK_EQ(good, data::NaivePrefix(bytes));
  const std::string_view text = bytes.substr(0, good);
  data::CheckWords(text);
  data::CheckSentences(text);
  data::CheckBag(options, text);
  data::CheckFeature(feature, text);
  return 0;
}
