// SPDX-License-Identifier: Apache-2.0
#include "launch/printable.h"

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

TEST(PrintableTest, TextStaysAsItIs) {
  for (const char* text : {"", "chess engine", "naïve 日本", "\xc2\xa0"}) {
    EXPECT_EQ(Printable(text), text);
  }
}

TEST(PrintableTest, NothingCommandsTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(Printable("\r\n\t\x7f"), "\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(Printable("x\xc2\x9b"
                      "2J"),
            "x\\x9b2J")
      << "CSI of eight bits";
  EXPECT_EQ(Printable("\xc2"), "\xc2") << "cut off";
}

}  // namespace
}  // namespace skybridge::launch
