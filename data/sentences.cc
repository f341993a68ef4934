// SPDX-License-Identifier: Apache-2.0
#include "data/sentences.h"

#include <string>

namespace skybridge::data {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\x1f";
constexpr std::string_view kStops = ".!?";

// From the front of `first` to the end of `last`, both views of one text.
std::string_view Join(std::string_view first, std::string_view last) {
  return {first.data(), static_cast<size_t>(last.data() + last.size() - first.data())};
}

}  // namespace

std::vector<std::string_view> SplitSentences(std::string_view text) {
  std::vector<std::string_view> sentences;
  size_t begin = text.find_first_not_of(kBlanks);
  for (size_t at = begin; at < text.size(); ++at) {
    const bool last = text.find_first_not_of(kBlanks, at + 1) == std::string_view::npos;
    const bool cut = kStops.find(text[at]) != std::string_view::npos && at + 1 < text.size() &&
                     kBlanks.find(text[at + 1]) != std::string_view::npos &&
                     at + 1 - begin >= kSentenceBytesMin;
    if (!last && !cut) continue;
    const std::string_view piece = text.substr(begin, at + 1 - begin);
    if (last && piece.size() < kSentenceBytesMin && !sentences.empty()) {
      sentences.back() = Join(sentences.back(), piece);
    } else {
      sentences.push_back(piece);
    }
    if (last) break;
    begin = text.find_first_not_of(kBlanks, at + 1);
    at = begin - 1;
  }
  return sentences;
}

}  // namespace skybridge::data
