// SPDX-License-Identifier: Apache-2.0
#include "data/sentences.h"

#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::data {
namespace {

using Sentences = std::vector<std::string_view>;

TEST(SplitSentencesTest, CutsBehindStopsBeforeBlanks) {
  EXPECT_EQ(
      SplitSentences(" A tool for version 1.5 files. Does it work, you ask? Yes it does, always! "),
      (Sentences{"A tool for version 1.5 files.", "Does it work, you ask?",
                 "Yes it does, always!"}));
}

TEST(SplitSentencesTest, ShortPiecesJoinTheirNeighbour) {
  EXPECT_EQ(SplitSentences("E.g. a program that plays chess. Another one that sings. Yes."),
            (Sentences{"E.g. a program that plays chess.", "Another one that sings. Yes."}));
}

TEST(SplitSentencesTest, TextWithoutStopIsOneSentence) {
  EXPECT_EQ(SplitSentences("real-time strategy game"), (Sentences{"real-time strategy game"}));
  EXPECT_EQ(SplitSentences("Hi."), (Sentences{"Hi."}));
  EXPECT_EQ(SplitSentences("   "), Sentences{});
  EXPECT_EQ(SplitSentences(""), Sentences{});
}

}  // namespace
}  // namespace skybridge::data
