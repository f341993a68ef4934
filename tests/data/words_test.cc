// SPDX-License-Identifier: Apache-2.0
#include "data/words.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::data {
namespace {

std::vector<std::string> Words(std::string_view text) {
  WordSplitter splitter;
  const auto words = splitter.Split(text);
  return {words.begin(), words.end()};
}

using Strings = std::vector<std::string>;

TEST(WordSplitterTest, AsciiWordsAreLettersAndDigitsInLowerCase) {
  EXPECT_EQ(Words("The GNU C++ library, 2nd_ed."),
            (Strings{"the", "gnu", "c", "library", "2nd", "ed"}));
  EXPECT_EQ(Words(""), Strings{});
  EXPECT_EQ(Words(" -- "), Strings{});
}

TEST(WordSplitterTest, OtherLettersStayAndAreFolded) {
  EXPECT_EQ(Words("CAF\xc3\x89 Stra\xc3\x9f"
                  "e\xe2\x80\x94\xd0\x9c\xd0\x98\xd0\xa0 7"),
            (Strings{"caf\xc3\xa9", "strasse", "\xd0\xbc\xd0\xb8\xd1\x80", "7"}));
}

TEST(WordSplitterTest, BothSpellingsOfAnAccentAreOneWord) {
  EXPECT_EQ(Words("cafe\xcc\x81"), Words("caf\xc3\xa9"));
}

TEST(WordSplitterTest, AsciiWordsAreTheSameInUnicodeText) {
  EXPECT_EQ(Words("Real-time 3D Strategy"), Strings({"real", "time", "3d", "strategy"}));
  EXPECT_EQ(Words("Real-time 3D Strategy \xe2\x80\x94"),
            Strings({"real", "time", "3d", "strategy"}));
}

TEST(LetterBeginsTest, CountsLettersNotBytes) {
  std::vector<size_t> begins;
  LetterBegins(
      "a\xc3\xa9"
      "b",
      &begins);
  EXPECT_EQ(begins, (std::vector<size_t>{0, 1, 3, 4}));
}

}  // namespace
}  // namespace skybridge::data
