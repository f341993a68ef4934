// SPDX-License-Identifier: Apache-2.0
#include "data/words.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <glog/logging.h>
#include <utf8proc.h>

namespace skybridge::data {
namespace {

bool IsAscii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

bool IsWordLetter(utf8proc_int32_t code_point) {
  const utf8proc_category_t category = utf8proc_category(code_point);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

// Composed, so that one spelling of an accent is one word.
std::string CaseFold(std::string_view text) {
  utf8proc_uint8_t* folded = nullptr;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_CASEFOLD | UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &folded, options);
  CHECK_GE(size, 0) << "readers let only UTF-8 pass: " << utf8proc_errmsg(size);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(folded, &std::free);
  return std::string(reinterpret_cast<const char*>(folded), static_cast<size_t>(size));
}

}  // namespace

std::span<const std::string_view> WordSplitter::Split(std::string_view text) {
  words_.clear();
  if (IsAscii(text)) {
    folded_ = text;
    SplitAscii();
  } else {
    folded_ = CaseFold(text);
    SplitUnicode();
  }
  return words_;
}

void WordSplitter::SplitAscii() {
  size_t begin = 0;
  for (size_t at = 0; at <= folded_.size(); ++at) {
    const char c = at < folded_.size() ? folded_[at] : ' ';
    if (c >= 'A' && c <= 'Z') {
      folded_[at] = static_cast<char>(c - 'A' + 'a');
    } else if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) {
      if (at > begin) words_.push_back(std::string_view(folded_).substr(begin, at - begin));
      begin = at + 1;
    }
  }
}

void WordSplitter::SplitUnicode() {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(folded_.data());
  const auto size = static_cast<utf8proc_ssize_t>(folded_.size());
  const std::string_view text = folded_;
  utf8proc_ssize_t begin = 0;
  for (utf8proc_ssize_t at = 0; at < size;) {
    utf8proc_int32_t code_point = 0;
    const utf8proc_ssize_t length = utf8proc_iterate(bytes + at, size - at, &code_point);
    CHECK_GT(length, 0);
    if (!IsWordLetter(code_point)) {
      if (at > begin) {
        words_.push_back(text.substr(static_cast<size_t>(begin), static_cast<size_t>(at - begin)));
      }
      begin = at + length;
    }
    at += length;
  }
  if (size > begin) words_.push_back(text.substr(static_cast<size_t>(begin)));
}

void LetterBegins(std::string_view word, std::vector<size_t>* begins) {
  begins->clear();
  for (size_t at = 0; at < word.size(); ++at) {
    if ((static_cast<uint8_t>(word[at]) & 0xc0) != 0x80) begins->push_back(at);
  }
  begins->push_back(word.size());
}

}  // namespace skybridge::data
