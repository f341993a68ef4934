// SPDX-License-Identifier: Apache-2.0
#include "data/text_encoder.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"

namespace skybridge::data {
namespace {

std::map<uint64_t, float> Encode(const TextOptions& options, std::string_view text) {
  std::vector<WeightedId> bag;
  TextEncoder(options).Encode(text, &bag);
  for (size_t i = 1; i < bag.size(); ++i) EXPECT_LT(bag[i - 1].first, bag[i].first);
  return {bag.begin(), bag.end()};
}

uint64_t Word(std::string_view token) { return HashBytes(token, 0); }
uint64_t Pair(std::string_view token) { return HashBytes(token, 1); }
uint64_t Prefix(std::string_view token) { return HashBytes(token, 2); }
uint64_t Ngram(std::string_view token) { return HashBytes(token, 3); }

using Bag = std::map<uint64_t, float>;

TEST(TextEncoderTest, RepeatsSaturateAsInBm25) {
  const Bag bag = Encode({.saturation = 1.2f}, "Chess chess, CHESS game");
  EXPECT_EQ(bag.size(), 2u);
  EXPECT_FLOAT_EQ(bag.at(Word("chess")), 2.2f * 3 / 4.2f);
  EXPECT_FLOAT_EQ(bag.at(Word("game")), 1);
}

TEST(TextEncoderTest, WithoutSaturationEachTokenCountsOnce) {
  EXPECT_EQ(Encode({.saturation = 0}, "a a b"), (Bag{{Word("a"), 1.0f}, {Word("b"), 1.0f}}));
}

TEST(TextEncoderTest, NeighbouringWordsMakePairs) {
  EXPECT_EQ(Encode({.words = false, .word_pairs = true, .saturation = 0}, "play chess, now"),
            (Bag{{Pair("play chess"), 1.0f}, {Pair("chess now"), 1.0f}}));
}

TEST(TextEncoderTest, WordsOfEnoughLettersHaveAPrefix) {
  const TextOptions options{.words = false, .prefix = 4, .prefix_weight = 0.5f, .saturation = 0};
  EXPECT_EQ(Encode(options, "playing play pla \xc3\xa9t\xc3\xa9s"),
            (Bag{{Prefix("play"), 0.5f}, {Prefix("\xc3\xa9t\xc3\xa9s"), 0.5f}}));
}

TEST(TextEncoderTest, NgramsSeeTheEndsOfTheWord) {
  const TextOptions options{
      .words = false, .ngram_from = 3, .ngram_to = 4, .ngram_weight = 0.25f, .saturation = 0};
  EXPECT_EQ(Encode(options, "abc"), (Bag{{Ngram("<ab"), 0.25f},
                                         {Ngram("abc"), 0.25f},
                                         {Ngram("bc>"), 0.25f},
                                         {Ngram("<abc"), 0.25f},
                                         {Ngram("abc>"), 0.25f}}));
}

TEST(TextEncoderTest, TokensThatShareABucketAddUp) {
  const Bag bag =
      Encode({.prefix = 1, .prefix_weight = 0.5f, .buckets = 1, .saturation = 0}, "a b c");
  EXPECT_EQ(bag, (Bag{{0, 4.5f}}));
  for (const auto& [id, weight] : Encode({.buckets = 10}, "one two three four five six")) {
    EXPECT_LT(id, 10u);
  }
}

TEST(TextEncoderTest, TextWithoutWordsIsAnEmptyBag) { EXPECT_TRUE(Encode({}, " ... ").empty()); }

}  // namespace
}  // namespace skybridge::data
