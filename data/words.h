// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skybridge::data {

// Splits text into words: runs of letters, digits and the marks that belong to them, in lower case
// (Unicode case folding). Of ASCII text: [a-z0-9]+.
class WordSplitter {
 public:
  // `text` is UTF-8. The words live until the next call.
  std::span<const std::string_view> Split(std::string_view text);

 private:
  void SplitAscii();
  void SplitUnicode();

  std::string folded_;
  std::vector<std::string_view> words_;
};

// Where each letter of a UTF-8 word begins, and its end: letters + 1 numbers.
void LetterBegins(std::string_view word, std::vector<size_t>* begins);

}  // namespace skybridge::data
