// SPDX-License-Identifier: Apache-2.0
#include "data/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace skybridge::data {
namespace {

TEST(Utf8Test, WellFormedTextPassesWhole) {
  for (const std::string text : {"", "plain ascii, longer than a word", "caf\xc3\xa9",
                                 "\xe2\x82\xac\xef\xbf\xbd", "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf",
                                 "\xed\x9f\xbf\xee\x80\x80", "\xe0\xa0\x80\xf0\x90\x80\x80"}) {
    EXPECT_EQ(Utf8Prefix(text), text.size()) << text;
  }
}

TEST(Utf8Test, BadSequenceEndsThePrefix) {
  for (const std::string bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xf0\x9f\x98", "\xc3(",
        "\xe2\x28\xa1", "\xe2\x82\x28", "\xf0\x9f\x98(", "\xf0\x9f(\x80"}) {
    EXPECT_EQ(Utf8Prefix(bad), 0u);
    EXPECT_EQ(Utf8Prefix("0123456789\xc3\xa9" + bad + " and more text"), 12u);
  }
}

}  // namespace
}  // namespace skybridge::data
